// What an edition is and how the clock moves its state. Pure: no database, no system clock.
import { type RawBuilder, sql } from 'kysely'
import type { EditionKind, EditionState } from '../database/states.ts'
import type { EditionDate } from '../source/paper.ts'
import { DAY_MS, HOUR_MS } from '../time.ts'

export interface Edition {
  id: number
  date: EditionDate
  kind: EditionKind
  state: EditionState
  /** Why it is held or empty. */
  reason: string | null
  source: string | null
  incomplete: boolean
  archive: boolean
  cutoffAt: Date
  frozenAt: Date | null
  /** Deliveries ever planned for it. */
  due: number
  stoppedReason: string | null
  stoppedUntil: Date | null
  /** When RETENTION removed what was mailed of it. */
  prunedAt: Date | null
}

/** How an edition stands by the clock, before anything is stored. `freeze` may be done now. */
export type NextStep =
  | { step: 'wait' }
  | { step: 'freeze'; incomplete: boolean }
  | { step: 'hold'; reason: string }
  | { step: 'empty'; reason: string }

/** After the cut-off a held edition waits this long for its list to become complete. */
const DEADLINE_MS = 12 * HOUR_MS
/**
 * A look older than this at the cut-off no longer speaks for the date: votes and papers came since.
 */
const FRESH_LOOK_MS = HOUR_MS

/**
 * Returns the moment at which votes of a date are counted: `cutoffMinutes` after the end of the
 * date in UTC.
 */
export function cutoffOf(date: EditionDate, cutoffMinutes: number): Date {
  return new Date(Date.parse(`${date}T00:00:00Z`) + DAY_MS + cutoffMinutes * 60_000)
}

/** Returns the date `days` away (negative: earlier). */
export function shiftDate(date: EditionDate, days: number): EditionDate {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/**
 * Returns the date that a text names as YYYY-MM-DD, undefined when it names none of this century.
 */
export function dateFrom(text: string): EditionDate | undefined {
  if (!/^20\d\d-\d\d-\d\d$/.test(text)) return undefined
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && dateOf(at) === text ? text : undefined
}

/** Returns the UTC date of a moment. */
export function dateOf(at: Date): EditionDate {
  return at.toISOString().slice(0, 10)
}

/**
 * Decides where a daily edition stands: open until its cut-off; then frozen if the last look was
 * complete and fresh (or equal looks say that the day is that small), held if not; at the deadline
 * frozen as incomplete with what there is, or empty because the source gave nothing. A look that
 * could not be taken counts as one (refused); a date that nobody looked at is held.
 */
export function nextStepOf(
  now: Date,
  cutoffAt: Date,
  lastLook: { verdict: string; reason: string | null; collectedAt: Date } | undefined,
  listed: number,
  isSmallDay = false,
): NextStep {
  if (now < cutoffAt) return { step: 'wait' }
  if (lastLook === undefined || lastLook.collectedAt.getTime() < cutoffAt.getTime() - FRESH_LOOK_MS) {
    // We have not looked, which says nothing about the date: even at the deadline that is no reason
    // to give it up.
    return { step: 'hold', reason: 'the source has not been read since the cut-off drew near' }
  }
  if (lastLook.verdict === 'complete' || isSmallDay) return { step: 'freeze', incomplete: false }
  if (lastLook.verdict === 'empty' && listed === 0) return { step: 'empty', reason: lastLook.reason ?? 'weekend' }
  if (now.getTime() < cutoffAt.getTime() + DEADLINE_MS) {
    return { step: 'hold', reason: lastLook.reason ?? 'the source answered too little' }
  }
  return listed > 0 ? { step: 'freeze', incomplete: true } : { step: 'empty', reason: 'source' }
}

/**
 * Tells whether an edition's dispatch is stuck at this moment, until a time or until the
 * operator resumes.
 */
export function isStoppedSql(alias: string): RawBuilder<boolean> {
  const e = sql.table(alias)
  return sql<boolean>`(${e}.stopped_reason is not null
    and (${e}.stopped_until is null or ${e}.stopped_until > round_clock()))`
}
