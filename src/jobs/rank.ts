// Freezes editions at their cut-off: order, late-riser candidates and pieces, all at once or not at
// all.
import { getNow } from '../database/clock.ts'
import { LENGTHS, type Length } from '../database/states.ts'
import type { Piece } from '../digest/piece.ts'
import { type ReportBad, renderEdition } from '../digest/rendering.ts'
import { insertPieces } from '../digest/store.ts'
import { cutoffOf, type Edition, shiftDate, standingOf } from '../edition/edition.ts'
import type { Place } from '../edition/place.ts'
import { findRisers, rankPapers } from '../edition/ranking.ts'
import {
  claimEdition,
  ensureEdition,
  findEdition,
  getEdition,
  listFrozenBefore,
  listPlaces,
  markFrozen,
  markStanding,
} from '../edition/store.ts'
import { describeError } from '../errors.ts'
import type { EditionDate } from '../source/paper.ts'
import { findLastCollection, type ListedPaper, listPapers } from '../source/store.ts'
import type { Round } from './round.ts'

type RankRound = Pick<Round, 'db' | 'templates' | 'host' | 'cutoffMinutes' | 'latenessMs' | 'logger'>

const DAY_MS = 86_400_000
/** Earlier editions whose papers may still rise into this one. */
const RISING_EDITIONS = 3
/**
 * Papers of an earlier edition that a reader who missed it still gets: what a default digest would
 * have held.
 */
const LATE_PAPERS = 10
const WEEK_DAYS = 7

/**
 * Moves a date's daily edition to where the clock and the last look put it: open, held, frozen or
 * empty.
 */
export async function rankDay(round: RankRound, date: EditionDate): Promise<Edition | undefined> {
  const { db } = round
  const edition = await findEdition(db, date, 'daily')
  if (!edition || edition.state === 'frozen') return edition
  const listed = await listPapers(db, [date])
  const now = await getNow(db)
  const standing = standingOf(now, edition.cutoffAt, await findLastCollection(db, date), listed.length)
  if (standing.step === 'freeze') {
    const places = await placesOfDay(round, date, listed)
    places.push(...(await latePlaces(round, date, places, now)))
    await freeze(round, edition, places, standing.incomplete)
  } else if (standing.step !== 'wait') {
    const state = standing.step === 'hold' ? 'held' : 'empty'
    await markStanding(db, edition.id, { state, reason: standing.reason })
    round.logger.info({ event: `edition.${state}`, date, reason: standing.reason }, 'an edition was not frozen')
  }
  return getEdition(db, edition.id)
}

/**
 * Makes the weekly edition of a date, from the seven days that end with it, by the votes known now.
 * Before its cut-off it stays open.
 */
export async function rankWeek(round: RankRound, date: EditionDate): Promise<Edition> {
  const { db } = round
  const edition = await ensureEdition(db, { date, kind: 'weekly', cutoffAt: cutoffOf(date, round.cutoffMinutes) })
  if (edition.state === 'frozen' || (await getNow(db)) < edition.cutoffAt) return edition
  const places = placesOf(await listPapers(db, daysOfWeek(date)))
  if (places.length > 0) await freeze(round, edition, places, false)
  else await markStanding(db, edition.id, { state: 'empty', reason: 'source' })
  return getEdition(db, edition.id)
}

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

/** Ranks a date's papers and adds what rose meanwhile on the dates of the last three editions. */
export async function placesOfDay(
  { db }: Pick<Round, 'db'>,
  date: EditionDate,
  listed: readonly ListedPaper[],
): Promise<Place[]> {
  const ranked = rankPapers(listed)
  const own = new Set(ranked.map((entry) => entry.paper.id))
  const earlier = []
  for (const edition of await listFrozenBefore(db, date, RISING_EDITIONS)) {
    const frozen = await listPlaces(db, edition.id)
    earlier.push({
      date: edition.date,
      ranked: rankPapers(await listPapers(db, [edition.date])),
      frozen: new Map(frozen.filter((place) => place.section === 'ranked').map((place) => [place.paper.id, place])),
    })
  }
  const risers = findRisers(earlier).filter((entry) => !own.has(entry.paper.id))
  return [
    ...ranked.map((entry): Place => ({ ...placeFrom(entry, entry.rank), section: 'ranked' })),
    ...risers.map((entry, index): Place => ({ ...placeFrom(entry, ranked.length + index + 1), section: 'rising' })),
  ]
}

/**
 * Offers the first papers of the editions that are not late yet to readers whom an outage kept from
 * them.
 */
export async function latePlaces(
  { db, latenessMs }: Pick<Round, 'db' | 'latenessMs'>,
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

/**
 * Renders first and freezes then: the row is locked only while rows are written. Whoever froze it
 * meanwhile wins.
 */
async function freeze(round: RankRound, edition: Edition, places: Place[], incomplete: boolean): Promise<void> {
  const sheet = { date: edition.date, kind: edition.kind, incomplete, places }
  const rendered: { length: Length; pieces: Piece[] }[] = []
  const report: ReportBad = (place, error) => {
    const fields = { event: 'edition.paper-left-out', date: edition.date, paper: place.paper.id }
    round.logger.error({ ...fields, reason: describeError(error) }, 'a paper could not be rendered and was left out')
  }
  for (const length of LENGTHS) {
    rendered.push({ length, pieces: await renderEdition(sheet, length, round.host, round.templates, report) })
  }
  const frozen = await round.db.transaction().execute(async (trx) => {
    const current = await claimEdition(trx, edition.id)
    if (current.state === 'frozen') return false
    await markFrozen(trx, edition.id, places, incomplete)
    for (const { length, pieces } of rendered) await insertPieces(trx, edition.id, length, pieces)
    return true
  })
  if (frozen) {
    round.logger.info(
      { event: 'edition.frozen', date: edition.date, kind: edition.kind, papers: places.length, incomplete },
      'an edition was frozen',
    )
  }
}

function placeFrom(entry: ListedPaper & { rank: number; reason: string }, position: number): Omit<Place, 'section'> {
  const { rank, reason, upvotes, comments, paper, listedOn } = entry
  return { position, rank, reason, upvotes, comments, paper, listedOn }
}
