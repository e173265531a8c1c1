// An edition as it would be, without storing anything: from what is kept of a date, or straight
// from a source.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { EditionKind, EditionState } from '../database/states.ts'
import { isSmallDay, judge, normOf, type Verdict } from '../source/guard.ts'
import type { EditionDate, SetAside, Source } from '../source/paper.ts'
import {
  findLastCollection,
  type ListedPaper,
  listLooks,
  listPapers,
  listSetAside,
  listWorkingDayCounts,
} from '../source/store.ts'
import type { Place } from './place.ts'
import { daysOfWeek, placesOf, placesOfDay, placesOfWeek, placesOfWeekBefore } from './places.ts'
import { findEdition, listPlaces } from './store.ts'

export interface Outlook {
  date: EditionDate
  kind: EditionKind
  state: EditionState
  /**
   * What the guard says of the list, whatever the clock; `complete` for what is frozen or weekly.
   */
  verdict: Verdict['kind']
  reason: string | null
  incomplete: boolean
  places: Place[]
  /** Rows of its date that could not be read when it was last looked at; none of a week. */
  setAside: SetAside[]
  /** Of a week: the papers of the week before, where they are known. */
  weekBefore?: Place[]
}

/**
 * Returns the edition as kept: frozen as it is, otherwise ranked by the votes known now. Undefined
 * when the date was never looked at. `bars` as placesOfDay takes them.
 */
export async function outlookFromStore(
  db: Kysely<Database>,
  date: EditionDate,
  kind: EditionKind,
  bars: readonly number[] = [],
): Promise<Outlook | undefined> {
  const edition = await findEdition(db, date, kind)
  if (edition?.state === 'frozen') {
    const { state, incomplete } = edition
    const places = await listPlaces(db, edition.id)
    const weekBefore = kind === 'weekly' ? await placesOfWeekBefore(db, date) : []
    const setAside = kind === 'weekly' ? [] : await listSetAside(db, date)
    return { date, kind, state, verdict: 'complete', reason: null, incomplete, places, setAside, weekBefore }
  }
  if (kind === 'weekly') {
    const places = await placesOfWeek(db, date)
    return places.length > 0 ? { ...weekly(date, places), weekBefore: await placesOfWeekBefore(db, date) } : undefined
  }
  const look = await findLastCollection(db, date)
  if (!look) return undefined
  const listed = await listPapers(db, [date])
  const places = await placesOfDay(db, date, listed, bars)
  const state = edition?.state ?? 'open'
  const setAside = await listSetAside(db, date)
  if (edition && isSmallDay(await listLooks(db, date, edition.cutoffAt), edition.cutoffAt, listed.length)) {
    return { date, kind, state, verdict: 'complete', reason: null, incomplete: false, places, setAside }
  }
  const reason = edition?.reason ?? look.reason
  return { date, kind, state, verdict: look.verdict, reason, incomplete: false, places, setAside }
}

/**
 * Reads a source and ranks in memory. Nothing was frozen there, so there are no late risers. `db`
 * lends the norm where stores are at hand.
 */
export async function outlookFromSource(
  source: Source,
  date: EditionDate,
  kind: EditionKind,
  db?: Kysely<Database>,
): Promise<Outlook> {
  if (kind === 'weekly') {
    const listed: ListedPaper[] = []
    for (const day of daysOfWeek(date)) listed.push(...listingsOf(await source.read(day), day))
    return weekly(date, placesOf(listed))
  }
  const answer = await source.read(date)
  const verdict = judge(answer, date, db ? normOf(await listWorkingDayCounts(db, date)) : null)
  const places = verdict.kind === 'refused' ? [] : placesOf(listingsOf(answer, date))
  const reason = verdict.kind === 'complete' ? null : verdict.reason
  const state = verdict.kind === 'complete' ? 'open' : verdict.kind === 'empty' ? 'empty' : 'held'
  const setAside = answer.kind === 'rows' ? answer.setAside : []
  return { date, kind, state, verdict: verdict.kind, reason, incomplete: false, places, setAside }
}

function listingsOf(answer: Awaited<ReturnType<Source['read']>>, date: EditionDate): ListedPaper[] {
  return answer.kind === 'rows' ? answer.listings.map((listing) => ({ ...listing, listedOn: date })) : []
}

function weekly(date: EditionDate, places: Place[]): Outlook {
  const state = places.length > 0 ? 'open' : 'empty'
  return { date, kind: 'weekly', state, verdict: 'complete', reason: null, incomplete: false, places, setAside: [] }
}
