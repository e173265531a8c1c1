// Reads one date from the source, lets the guard judge it and keeps what is readable. Never touches
// a frozen edition's places.
import { cutoffOf, type Edition } from '../edition/edition.ts'
import { ensureEdition, findEdition, markSource } from '../edition/store.ts'
import { describeError, PermanentError } from '../errors.ts'
import { isSmall, judge, normOf, type Verdict } from '../source/guard.ts'
import type { Answer, EditionDate, Source } from '../source/paper.ts'
import { insertCollection, listWorkingDayCounts } from '../source/store.ts'
import type { Round } from './round.ts'

/** What one look found. */
export interface Look {
  edition: Edition
  verdict: Verdict
  /** Readable rows, and rows that were set aside. */
  listed: number
  setAside: number
}

/**
 * Collects a date. Throws a PermanentError when the date is already kept from another source, and
 * whatever the source throws when it cannot be reached; that is noted as a look, too.
 */
export async function collect(
  round: Pick<Round, 'db' | 'cutoffMinutes' | 'logger'> & { source: Source },
  date: EditionDate,
): Promise<Look> {
  const { db, source, logger } = round
  const cutoffAt = cutoffOf(date, round.cutoffMinutes)
  const known = await findEdition(db, date, 'daily')
  if (known?.source != null && known.source !== source.name) throw otherSource(date, known.source, source.name)
  const answer = await readOrNote(round, date, cutoffAt)
  const verdict = judge(answer, date, normOf(await listWorkingDayCounts(db, date)))
  const listings = answer.kind === 'rows' && verdict.kind !== 'refused' ? answer.listings : []
  const setAside = answer.kind === 'rows' ? answer.setAside : []
  const edition = await db.transaction().execute(async (trx) => {
    const ensured = await ensureEdition(trx, { date, kind: 'daily', cutoffAt })
    if (listings.length > 0) {
      const bound = await markSource(trx, ensured.id, source.name)
      if (bound !== source.name) throw otherSource(date, bound, source.name)
    }
    await insertCollection(trx, {
      date,
      source: source.name,
      verdict: verdict.kind,
      reason: verdict.kind === 'complete' ? null : verdict.reason,
      listings,
      setAside: setAside.length,
      kept: { setAside, small: isSmall(answer, date) },
    })
    return ensured
  })
  // Each open date is read every half an hour: a look that is as it should be is no news.
  logger[verdict.kind === 'complete' || verdict.kind === 'empty' ? 'debug' : 'info'](
    { event: 'date.collected', date, verdict, listed: listings.length, setAside: setAside.slice(0, 5) },
    'a date was collected',
  )
  return { edition, verdict, listed: listings.length, setAside: setAside.length }
}

/**
 * A source that cannot be reached is a fact about the date: without it, nobody could tell it from a
 * look never taken.
 */
async function readOrNote(
  { db, source }: Pick<Round, 'db'> & { source: Source },
  date: EditionDate,
  cutoffAt: Date,
): Promise<Answer> {
  try {
    return await source.read(date)
  } catch (error) {
    await db.transaction().execute(async (trx) => {
      await ensureEdition(trx, { date, kind: 'daily', cutoffAt })
      const reason = `the source could not be read: ${describeError(error)}`
      await insertCollection(trx, { date, source: source.name, verdict: 'refused', reason, listings: [], setAside: 0 })
    })
    throw error
  }
}

function otherSource(date: EditionDate, bound: string, given: string): PermanentError {
  return new PermanentError(`${date} is kept from the source ${bound}, not ${given}: an edition never mixes sources`)
}
