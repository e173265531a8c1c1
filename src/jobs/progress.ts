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
