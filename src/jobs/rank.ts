// Freezes editions at their cut-off: order, late-riser candidates and pieces, all at once or not at
// all.
import { getNow } from '../database/clock.ts'
import { LENGTHS, type Length } from '../database/states.ts'
import { insertPieces } from '../digest/joining/store.ts'
import type { Piece } from '../digest/piece/piece.ts'
import { type ReportBad, renderEdition } from '../digest/rendering.ts'
import { cutoffOf, type Edition, nextStepOf } from '../edition/edition.ts'
import type { Place } from '../edition/place.ts'
import { latePlaces, placesOfDay, placesOfWeek, placesOfWeekBefore } from '../edition/places.ts'
import { claimEdition, ensureEdition, findEdition, getEdition, markFrozen, markState } from '../edition/store.ts'
import { describeError } from '../errors.ts'
import { isSmallDay } from '../source/guard.ts'
import type { EditionDate } from '../source/paper.ts'
import { findLastCollection, listLooks, listPapers } from '../source/store.ts'
import { listVoteBars } from '../subscriber/store.ts'
import type { Round } from './round.ts'

type RankRound = Pick<Round, 'db' | 'templates' | 'host' | 'cutoffMinutes' | 'latenessMs' | 'logger'>

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
  const isSmall = isSmallDay(await listLooks(db, date, edition.cutoffAt), edition.cutoffAt, listed.length)
  const next = nextStepOf(now, edition.cutoffAt, await findLastCollection(db, date), listed.length, isSmall)
  if (next.step === 'freeze') {
    const places = await placesOfDay(db, date, listed, await listVoteBars(db))
    places.push(...(await latePlaces(db, round.latenessMs, date, places, now)))
    await freeze(round, edition, places, next.incomplete)
  } else if (next.step !== 'wait') {
    const state = next.step === 'hold' ? 'held' : 'empty'
    await markState(db, edition.id, { state, reason: next.reason })
    // Asked every minute while it is held: only what is new is told.
    if (edition.state !== state || edition.reason !== next.reason) {
      round.logger.info({ event: `edition.${state}`, date, reason: next.reason }, 'an edition was not frozen')
    }
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
  const places = await placesOfWeek(db, date)
  if (places.length > 0) await freeze(round, edition, places, false, await placesOfWeekBefore(db, date))
  else await markState(db, edition.id, { state: 'empty', reason: 'source' })
  return getEdition(db, edition.id)
}

/**
 * Renders first and freezes then: the row is locked only while rows are written. Whoever froze it
 * meanwhile wins.
 */
async function freeze(
  round: RankRound,
  edition: Edition,
  places: Place[],
  incomplete: boolean,
  weekBefore: Place[] = [],
): Promise<void> {
  const sheet = { date: edition.date, kind: edition.kind, incomplete, places, weekBefore }
  const rendered: { length: Length; pieces: Piece[] }[] = []
  const report: ReportBad = (place, error) => {
    const fields = { event: 'edition.paper-left-out', date: edition.date, paper: place.paper.id }
    round.logger.error({ ...fields, reason: describeError(error) }, 'a paper could not be rendered and was left out')
  }
  const templates = await round.templates()
  for (const length of LENGTHS) {
    rendered.push({ length, pieces: await renderEdition(sheet, length, round.host, templates, report) })
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
