// Judges an answer before anyone is shown it: pure, so that every verdict can be repeated from what
// was stored. It knows no clock: whether a held date is waited for or closed is decided elsewhere.

import { HOUR_MS } from '../time.ts'
import type { Answer, EditionDate } from './paper.ts'

/** What an answer is worth. Reasons are sentences for operators and readers. */
export type Verdict =
  | { kind: 'complete' }
  | { kind: 'held'; reason: string }
  | { kind: 'empty'; reason: 'weekend' }
  | { kind: 'refused'; reason: string }

/** Fewest papers of a believable working day. */
const WORKING_DAY_MIN = 3
/**
 * Under this share of the norm a working day is held: a source that woke up shows a tenth of its
 * papers.
 */
const NORM_SHARE = 1 / 4
/** Two equal looks so far apart say that a small day is no more than that. */
const SMALL_DAY_MS = 3 * HOUR_MS
/** Working days that the norm looks back on: four weeks. */
const NORM_DAYS = 20
/** Working days without which there is no norm: two weeks. */
const NORM_DAYS_MIN = 10

/**
 * Judges the answer for `date`; `norm` is the usual count of a working day, null while too few days
 * are known.
 */
export function judge(answer: Answer, date: EditionDate, norm: number | null): Verdict {
  if (answer.kind === 'refused') return answer
  if (answer.kind === 'missing') return judgeCount(0, date, norm)
  const { listings, setAside, length, ended } = answer
  if (length > 0 && setAside.length === length) {
    return { kind: 'refused', reason: `None of ${rows(length)} could be read: ${setAside[0]?.reason ?? ''}` }
  }
  const others = Object.values(answer.otherDates).reduce((sum, found) => sum + found, 0)
  if (others * 2 > length) {
    return { kind: 'held', reason: `${others} of ${rows(length)} belong to other dates` }
  }
  if (!ended) {
    return { kind: 'held', reason: `The list ends at exactly ${rows(length)}: it looks cut` }
  }
  // Nothing readable, but something was there: a weekend like that was not empty.
  if (listings.length === 0 && length > 0) {
    return { kind: 'held', reason: `None of ${rows(length)} is a readable paper of this date` }
  }
  return judgeCount(listings.length, date, norm)
}

/** Tells whether an answer is doubted for nothing but how few papers a working day has. */
export function isSmall(answer: Answer, date: EditionDate): boolean {
  if (answer.kind !== 'rows' || !answer.ended || isWeekend(date)) return false
  const { listings, length } = answer
  return listings.length > 0 && length < WORKING_DAY_MIN
}

/** One look at a date as it is kept. `ids` in any order. */
export interface KeptLook {
  at: Date
  small: boolean
  ids: readonly string[]
}

/**
 * Tells whether a day that looks too small is one (a holiday): its last look and one at least three
 * hours before, both after the cut-off, found the same papers and nothing else against it, and no
 * look between them found others; nor did any before (`listed`: papers ever listed). `looks` newest
 * first; one that found nothing says nothing, unless it is the last.
 */
export function isSmallDay(looks: readonly KeptLook[], cutoffAt: Date, listed: number): boolean {
  const [last, ...before] = looks.filter(({ at }) => at >= cutoffAt)
  if (!last?.small || last.ids.length !== listed) return false
  const same = new Set(last.ids)
  for (const { at, small, ids } of before) {
    if (ids.length === 0) continue
    if (!small || ids.length !== same.size || ids.some((id) => !same.has(id))) return false
    if (last.at.getTime() - at.getTime() >= SMALL_DAY_MS) return true
  }
  return false
}

/**
 * Returns the usual count of a working day: the median of the last 20 that were not empty, null
 * before ten are known. `counts` are those of working days, newest first.
 */
export function normOf(counts: readonly number[]): number | null {
  const known = counts
    .filter((found) => found > 0)
    .slice(0, NORM_DAYS)
    .sort((a, b) => a - b)
  if (known.length < NORM_DAYS_MIN) return null
  const middle = known.length / 2
  const upper = known[Math.floor(middle)] ?? 0
  return Number.isInteger(middle) ? ((known[middle - 1] ?? 0) + upper) / 2 : upper
}

/** Tells whether the source rests on `date`: Saturday and Sunday, in UTC. */
export function isWeekend(date: EditionDate): boolean {
  return [0, 6].includes(new Date(`${date}T00:00:00Z`).getUTCDay())
}

function judgeCount(found: number, date: EditionDate, norm: number | null): Verdict {
  if (isWeekend(date)) return found === 0 ? { kind: 'empty', reason: 'weekend' } : { kind: 'complete' }
  if (found < WORKING_DAY_MIN) {
    return { kind: 'held', reason: `${papers(found)} on a working day, at least ${WORKING_DAY_MIN} expected` }
  }
  if (norm !== null && found < norm * NORM_SHARE) {
    return { kind: 'held', reason: `${papers(found)}, under a quarter of the usual ${norm}` }
  }
  return { kind: 'complete' }
}

function papers(found: number): string {
  return found === 0 ? 'No papers' : found === 1 ? '1 paper' : `${found} papers`
}

function rows(length: number): string {
  return length === 1 ? '1 row' : `${length} rows`
}
