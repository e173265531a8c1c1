// Follows each edition in the log: a line when it is planned, at every tenth of it, and when it is
// finished.
import { getAccounts } from '../delivery/account/accounting.ts'
import { claimPlanned, claimReached } from '../delivery/account/progress.ts'
import type { Round } from './round.ts'

type ProgressRound = Pick<Round, 'db' | 'logger'>

/** Says what is new of every edition that moves. Safe to repeat, by several processes at once. */
export async function tellProgress({ db, logger }: ProgressRound): Promise<void> {
  for (const { date, kind, expected } of await claimPlanned(db)) {
    logger.info({ event: 'edition.planned', date, kind, readers: expected }, 'an edition was planned')
  }
  await tellReached({ db, logger }, null)
}

/** In a process, one edition is looked at this often at most, in milliseconds. */
const LOOK_EVERY_MS = 1_000
const lookedAt = new WeakMap<Round['db'], Map<number, number>>()

/** Tells whether this process has not looked at an edition for a second; from now on it has. */
export function mayTell({ db }: Pick<Round, 'db'>, editionId: number): boolean {
  const looks = lookedAt.get(db) ?? new Map<number, number>()
  lookedAt.set(db, looks)
  const now = performance.now()
  if (now - (looks.get(editionId) ?? Number.NEGATIVE_INFINITY) < LOOK_EVERY_MS) return false
  looks.set(editionId, now)
  return true
}

/** Says how far one edition has come, or all with null, where that is news. */
export async function tellReached({ db, logger }: ProgressRound, editionId: number | null): Promise<void> {
  for (const { id, date, kind, tenths, isFinished } of await claimReached(db, editionId)) {
    if (isFinished) {
      logger.info({ event: 'edition.finished', date, kind, ...(await getAccounts(db, id)) }, 'an edition was finished')
    } else {
      logger.info({ event: 'edition.progress', date, kind, percent: tenths * 10 }, 'an edition is on its way')
    }
  }
}
