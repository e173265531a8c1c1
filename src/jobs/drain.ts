// Follows one edition until nothing of it can move any more: what `send` and the demo wait for.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import { getAccounts, listWaitingReasons } from '../delivery/account/accounting.ts'
import type { Accounts } from '../delivery/delivery.ts'
import { listBatchesOf } from '../delivery/sending/batch.ts'
import { isUnsettledSql } from '../delivery/sending/transitions.ts'
import { counted } from '../digest/text/words.ts'
import { findStopReason } from '../edition/stop.ts'
import { getEdition } from '../edition/store.ts'
import type { Job } from './queue/job.ts'
import type { Queue } from './queue/queue.ts'
import type { OpenWork } from './queue/work.ts'
import { isRationAwaited, type RationRound, ration } from './ration.ts'
import type { Round } from './round.ts'
import { dispatchJobs, singleJobs } from './routes.ts'

/**
 * How often what waits is looked at while mails leave: a terminal needs no more. Once this process
 * has done as much as waited, at once.
 */
const LOOK_EVERY_MS = 250
/**
 * Batches are counted and never deliveries: ten thousand stand for a million readers. Looking may
 * take one part in this many of the time, at most.
 */
const LOOK_SHARE = 50
/** Jobs that the queue lost are put back when nothing has moved for so long. */
const REQUEUE_EVERY_MS = 5_000
/** A batch that waits longer than this for its next attempt is left to the running workers. */
const PATIENCE_SECONDS = 90

/** What it needs of the queue; one that does not tell what it ended is asked now and then. */
export type DrainQueue = Pick<Queue, 'put'> & Partial<Pick<Queue, 'countEnded' | 'untilEnded'>>

/** How it is told to end, and the work that then lets what is under way come to its end. */
export interface Ending {
  signal: AbortSignal
  work: Pick<OpenWork, 'close'>
}

export interface Drained {
  accounts: Accounts
  /** Why it ended before every mail was settled; undefined when all were, or it was told to. */
  standstill: string | undefined
  /** Whether it was told to end and something is left that would have gone, or gone again. */
  isCut: boolean
}

/**
 * Queues what was planned of an edition after the batch `after`, so that it leaves while the rest
 * is planned. Returns the last of them.
 */
export async function handOn(
  round: RationRound & { queue: DrainQueue },
  editionId: number,
  only: number | null,
  after: number,
): Promise<number> {
  if (await isRationAwaited(round)) return after
  await ration(round)
  const ids = await listBatchesOf(round.db, editionId, only, after)
  await round.queue.put(await jobsFor(round, ids, only))
  return ids.at(-1) ?? after
}

/**
 * Queues an edition's batches and waits until they are settled, the edition is stopped, or what is
 * left has to wait longer than 90 s, or until it is told to end. `only` keeps to the batches of
 * one subscriber. `onProgress` hears how many mails wait. A worker must be running.
 */
export async function drainEdition(
  round: RationRound & { queue: DrainQueue },
  editionId: number,
  only: number | null,
  onProgress: (waiting: number) => void,
  ending?: Ending,
): Promise<Drained> {
  const { db, queue } = round
  let movedAt: number | undefined
  let waited: number | undefined
  for (;;) {
    const lookedAt = performance.now()
    const isDue = movedAt === undefined || Date.now() >= movedAt + REQUEUE_EVERY_MS
    if (isDue && !(await isRationAwaited(round))) {
      await ration(round)
      await queue.put(await jobsFor(round, await listBatchesOf(db, editionId, only), only))
      movedAt = Date.now()
    }
    const ended = queue.countEnded?.() ?? 0
    const stopped = await findStopReason(db, await getEdition(db, editionId))
    const { waiting, movable, unknown } = await countBatches(db, editionId, only)
    if (waiting !== waited && movedAt !== undefined) movedAt = Date.now()
    waited = waiting
    onProgress(waiting)
    if (stopped !== null || movable === 0) {
      const standstill = stopped ?? (await standstillInWords(db, editionId, { waiting, unknown }))
      return { accounts: await getAccounts(db, editionId), standstill, isCut: false }
    }
    if (ending?.signal.aborted) {
      await ending.work.close()
      const left = await countBatches(db, editionId, only)
      return { accounts: await getAccounts(db, editionId), standstill: undefined, isCut: left.waiting > 0 }
    }
    const waitMs = Math.max(LOOK_EVERY_MS, (performance.now() - lookedAt) * LOOK_SHARE)
    await (queue.untilEnded?.(ended + movable, waitMs) ?? sleep(waitMs))
  }
}

/** A stretch of batches would hold others beside those of one subscriber. */
function jobsFor(round: Pick<Round, 'db' | 'providers'>, ids: readonly number[], only: number | null): Promise<Job[]> {
  return only === null ? dispatchJobs(round, ids) : singleJobs(round, ids)
}

/** Says why nothing moves; undefined where nothing is left. */
async function standstillInWords(
  db: Kysely<Database>,
  editionId: number,
  { waiting, unknown }: Pick<Left, 'waiting' | 'unknown'>,
): Promise<string | undefined> {
  if (waiting === 0) {
    return unknown === 0
      ? undefined
      : `${counted(unknown, 'email')} may or may not have been accepted: decide with "resolve"`
  }
  const reasons = Object.keys(await listWaitingReasons(db, editionId))
  return `what is left has to wait${reasons.length === 0 ? '' : ` because of: ${reasons.join(', ')}`}`
}

/** What is left of an edition. */
interface Left {
  /** Mails that will go by themselves, now or later. */
  waiting: number
  /** Batches that may go soon. */
  movable: number
  /** Mails whose answer nobody waits for any more. */
  unknown: number
}

async function countBatches(db: Kysely<Database>, editionId: number, only: number | null): Promise<Left> {
  const { rows } = await sql<Left>`
    select count(*) filter (where next_attempt_at < round_clock() + make_interval(secs => ${PATIENCE_SECONDS})) as movable,
      coalesce(sum(cardinality(members)) filter (where next_attempt_at < 'infinity'), 0) as waiting,
      coalesce(sum(cardinality(members)) filter (where next_attempt_at = 'infinity'), 0) as unknown
    from batches b
    where b.edition_id = ${editionId} and ${isUnsettledSql('b')} and (${only}::int is null or ${only}::int = any(b.members))`.execute(
    db,
  )
  return rows[0] as Left
}
