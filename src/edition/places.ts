// Which papers an edition holds and where each stands: a date's with what rose meanwhile, a week's,
// and what readers get later whom an outage kept from them.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { EditionDate } from '../source/paper.ts'
import { type ListedPaper, listPapers } from '../source/store.ts'
import { DAY_MS } from '../time.ts'
import { shiftDate } from './edition.ts'
import { LATE_PAPERS, type Place } from './place.ts'
import { findRisers, type Ranked, type Riser, rankPapers } from './ranking.ts'
import { listFrozenBefore, listPlaces } from './store.ts'

/** Earlier editions whose papers may still rise into this one. */
export const RISING_EDITIONS = 5
/** Dates of a weekly edition: its own, and those before it. */
export const WEEK_DAYS = 7

/** Lists the seven dates that end with `date`, oldest first. */
export function daysOfWeek(date: EditionDate): EditionDate[] {
  return Array.from({ length: WEEK_DAYS }, (_, index) => shiftDate(date, index - WEEK_DAYS + 1))
}

/** Ranks a week: a paper of two days counts once, with its most votes. */
export function placesOf(listed: readonly ListedPaper[]): Place[] {
  const best = new Map<string, ListedPaper>()
  for (const entry of listed) {
    const known = best.get(entry.paper.id)
    if (
      !known ||
      entry.upvotes > known.upvotes ||
      (entry.upvotes === known.upvotes && entry.listedOn < known.listedOn)
    ) {
      best.set(entry.paper.id, entry)
    }
  }
  return rankPapers([...best.values()]).map((entry) => ({ ...placeFrom(entry, entry.rank), section: 'ranked' }))
}

/**
 * Ranks a date's papers and adds what rose meanwhile on the dates of the last five editions; `bars`
 * are the votes that readers ask for, as findRisers takes them.
 */
export async function placesOfDay(
  db: Kysely<Database>,
  date: EditionDate,
  listed: readonly ListedPaper[],
  bars: readonly number[],
): Promise<Place[]> {
  const earlier = []
  for (const edition of await listFrozenBefore(db, date, RISING_EDITIONS)) {
    const frozen = await listPlaces(db, edition.id)
    earlier.push({
      date: edition.date,
      ranked: rankPapers(await listPapers(db, [edition.date])),
      frozen: new Map(frozen.filter((place) => place.section === 'ranked').map((place) => [place.paper.id, place])),
    })
  }
  return placesWithRisers(rankPapers(listed), findRisers(earlier, bars))
}

/** Puts the late risers that are not of the date itself after its own papers. */
export function placesWithRisers(
  ranked: readonly Ranked<ListedPaper>[],
  risers: readonly Riser<ListedPaper>[],
): Place[] {
  const own = new Set(ranked.map((entry) => entry.paper.id))
  return [
    ...ranked.map((entry): Place => ({ ...placeFrom(entry, entry.rank), section: 'ranked' })),
    ...risers
      .filter((entry) => !own.has(entry.paper.id))
      .map((entry, index): Place => {
        const { rankBefore, upvotesBefore } = entry
        const before = rankBefore !== undefined && upvotesBefore !== undefined ? { rankBefore, upvotesBefore } : {}
        return { ...placeFrom(entry, ranked.length + index + 1), section: 'rising', ...before }
      }),
  ]
}

/**
 * Ranks the week that ends with `date`; each paper with its votes when its own date's edition
 * froze.
 */
export async function placesOfWeek(db: Kysely<Database>, date: EditionDate): Promise<Place[]> {
  const places = placesOf(await listPapers(db, daysOfWeek(date)))
  const before = new Map<string, Place>()
  for (const edition of await listFrozenBefore(db, shiftDate(date, 1), WEEK_DAYS)) {
    for (const place of await listPlaces(db, edition.id)) {
      if (place.section === 'ranked') before.set(`${edition.date} ${place.paper.id}`, place)
    }
  }
  return places.map((place) => ({ ...place, ...votesBefore(before.get(`${place.listedOn} ${place.paper.id}`)) }))
}

/** Ranks the week before the one that ends with `date`: what its topics are held against. */
export async function placesOfWeekBefore(db: Kysely<Database>, date: EditionDate): Promise<Place[]> {
  return placesOf(await listPapers(db, daysOfWeek(shiftDate(date, -WEEK_DAYS))))
}

function votesBefore(frozen: Pick<Place, 'upvotes'> | undefined): Pick<Place, 'upvotesBefore'> {
  return frozen ? { upvotesBefore: frozen.upvotes } : {}
}

/**
 * Offers the first papers of the editions that are not late yet to readers who missed them. What
 * `places` hold is not among them: see isOfferedLate for those that have risen since.
 */
export async function latePlaces(
  db: Kysely<Database>,
  latenessMs: number,
  date: EditionDate,
  places: readonly Place[],
  now: Date,
): Promise<Place[]> {
  const taken = new Set(places.map((place) => place.paper.id))
  const late: Place[] = []
  for (const edition of await listFrozenBefore(db, date, Math.ceil(latenessMs / DAY_MS) + 1)) {
    if (edition.archive || now.getTime() - (edition.frozenAt?.getTime() ?? 0) > latenessMs) continue
    for (const place of await listPlaces(db, edition.id)) {
      if (place.section !== 'ranked' || place.rank > LATE_PAPERS || taken.has(place.paper.id)) continue
      taken.add(place.paper.id)
      late.push({ ...place, section: 'late', position: places.length + late.length + 1 })
    }
  }
  return late
}

function placeFrom(entry: ListedPaper & { rank: number; reason: string }, position: number): Omit<Place, 'section'> {
  const { rank, reason, upvotes, comments, paper, listedOn } = entry
  return { position, rank, reason, upvotes, comments, paper, listedOn }
}
