// Follows one edition until nothing of it can move any more: what `send` and the demo wait for.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import { getAccounts } from '../delivery/account/accounting.ts'
import type { Accounts } from '../delivery/delivery.ts'
import { listBatchesOf } from '../delivery/sending/batch.ts'
import { isUnsettledSql } from '../delivery/sending/transitions.ts'
import { findStopReason } from '../edition/stop.ts'
import { getEdition } from '../edition/store.ts'
import type { Queue } from './queue/queue.ts'
import { isRationAwaited, ration } from './ration.ts'
import type { Round } from './round.ts'
import { dispatchJobs } from './routes.ts'

/** How often what waits is looked at while mails leave: a terminal needs no more. */
const LOOK_EVERY_MS = 250
/**
 * Batches are counted and never deliveries: ten thousand stand for a million readers. Looking may
 * take one part in this many of the time, at most.
 */
const LOOK_SHARE = 50
/** Jobs that the queue lost are put back this often. */
const REQUEUE_EVERY_MS = 5_000
/** A batch that waits longer than this for its next attempt is left to the running workers. */
const PATIENCE_SECONDS = 90

export interface Drained {
  accounts: Accounts
  /** Why it ended before every mail was settled; undefined when all were. */
  standstill: string | undefined
}

/**
 * Queues an edition's batches and waits until they are settled, the edition is stopped, or what is
 * left has to wait longer than 90 s. `only` keeps to the batches of one subscriber. `onProgress`
 * hears how many mails wait. A worker must be running.
 */
export async function drainEdition(
  round: Pick<Round, 'db' | 'providers' | 'logger'> & { queue: Pick<Queue, 'put'> },
  editionId: number,
  only: number | null,
  onProgress: (waiting: number) => void,
): Promise<Drained> {
  const { db, queue } = round
  let requeueAt = 0
  for (;;) {
    const lookedAt = performance.now()
    if (Date.now() >= requeueAt && !(await isRationAwaited(round))) {
      await ration(round)
      await queue.put(await dispatchJobs(round, await listBatchesOf(db, editionId, only)))
      requeueAt = Date.now() + REQUEUE_EVERY_MS
    }
    const stopped = await findStopReason(db, await getEdition(db, editionId))
    const { waiting, movable, unsettled } = await countBatches(db, editionId, only)
    onProgress(waiting)
    if (stopped !== null || movable === 0) {
      const standstill = stopped ?? (unsettled > 0 ? 'what is left has to wait' : undefined)
      return { accounts: await getAccounts(db, editionId), standstill }
    }
    await sleep(Math.max(LOOK_EVERY_MS, (performance.now() - lookedAt) * LOOK_SHARE))
  }
}

/**
 * Counts the batches that are not settled, those of them that may go soon, and the mails of all
 * that will ever go by themselves.
 */
async function countBatches(
  db: Kysely<Database>,
  editionId: number,
  only: number | null,
): Promise<{ waiting: number; movable: number; unsettled: number }> {
  const { rows } = await sql<{ waiting: number; movable: number; unsettled: number }>`
    select count(*) as unsettled,
      count(*) filter (where next_attempt_at < round_clock() + make_interval(secs => ${PATIENCE_SECONDS})) as movable,
      coalesce(sum(cardinality(members)) filter (where next_attempt_at < 'infinity'), 0) as waiting
    from batches b
    where b.edition_id = ${editionId} and ${isUnsettledSql('b')} and (${only}::int is null or ${only}::int = any(b.members))`.execute(
    db,
  )
  return rows[0] as { waiting: number; movable: number; unsettled: number }
}
