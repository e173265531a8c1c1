// Lets go of what RETENTION says is old, a little with every sweep. It may be stopped anywhere: the
// next sweep goes on.
import { emptyOldDeliveries, pruneOldNotices } from '../delivery/sending/ledger.ts'
import { findPrunable } from '../delivery/sending/retention.ts'
import { prunePieces } from '../digest/joining/store.ts'
import { markPruned } from '../edition/store.ts'
import { pruneVotes } from '../source/store.ts'
import type { Round } from './round.ts'

/** A sweep has more to do, and the worker other jobs. */
const STEPS_A_SWEEP = 50

/** Removes what is past its time; nothing where RETENTION is not set. */
export async function pruneOld({
  db,
  logger,
  retentionMs,
}: Pick<Round, 'db' | 'logger' | 'retentionMs'>): Promise<void> {
  if (retentionMs === null) return
  await pruneOldNotices(db, retentionMs)
  for (let steps = 0; steps < STEPS_A_SWEEP; ) {
    const edition = await findPrunable(db, retentionMs)
    if (edition === undefined) return
    const { id, date, kind } = edition
    for (let last: number | null = 0; last !== null; steps++) last = await emptyOldDeliveries(db, id, last)
    await prunePieces(db, id)
    if (kind === 'daily') await pruneVotes(db, date)
    await markPruned(db, id)
    logger.info({ event: 'edition.pruned', date, kind }, 'what was old of an edition was removed')
  }
}
