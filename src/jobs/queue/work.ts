// One worker on one queue: takes jobs, runs them, and turns what they threw into what the queue
// does next. It never decides what a job does; it never fails a job for having been interrupted.
import {
  DelayedError,
  type Job as QueuedJob,
  RateLimitError,
  type RateLimiterOptions,
  UnrecoverableError,
} from 'bullmq'
import { describeError, HoldError, LaterError, PermanentError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { within } from '../../time.ts'
import { CONNECT_MS, type QueueBackend } from './backend.ts'

export interface Work {
  queue: string
  run(name: string, data: Record<string, unknown>): Promise<void>
  /** How many jobs at the same time in this process. */
  concurrency: number
  /**
   * Stops everybody's work on this queue for so many milliseconds. Undefined where a job may not
   * ask for that.
   */
  hold: ((ms: number) => Promise<void>) | undefined
  timing: Timing
  onError: (error: unknown) => void
}

export interface Timing {
  /** A job whose worker has not been heard of for so long is free again, in milliseconds. */
  lockMs: number
  /** How often somebody looks for such jobs, in milliseconds. Two looks are needed. */
  stalledMs: number
  /** The wait after the first failure, doubled by every further one, in milliseconds. */
  retryMs: number
  /** How long `close` waits for running jobs, in milliseconds. */
  drainMs: number
  /** And how long for cancelled ones to be put back: their store may be away. */
  cancelMs: number
}

export interface OpenWork {
  /**
   * Takes no more jobs and waits for the running ones, at most `drainMs`; whatever still runs then
   * is cancelled, and waits for another worker.
   */
  close(): Promise<void>
}

/**
 * With waits doubling from 1 s this is about two minutes; after that the sweep finds the work again
 * in PostgreSQL.
 */
export const ATTEMPTS = 8
/**
 * As BullMQ advises. A job that stalls again has lost two workers and is kept among the failed; if
 * its work still waits in PostgreSQL, the sweep makes a new one of it.
 */
const MAX_STALLS = 1
/**
 * Pause after a failed connection before the next look, in milliseconds: Redis and PostgreSQL
 * restart within seconds.
 */
const RECONNECT_MS = 2_000
/** Why a job is put back at the end of a drain. */
const ENDS = 'its process ends'
/** Stands for "no limit": a hold is only honoured where some limiter is set. */
export const UNLIMITED: RateLimiterOptions = { max: 1_000_000, duration: 1_000 }

/**
 * Starts taking jobs. Rejects when the store does not answer, so that nobody waits for a worker
 * that never began.
 */
export async function openWork(backend: QueueBackend, work: Work, logger: Logger): Promise<OpenWork> {
  let isCut = false
  const worker = new backend.Worker<Record<string, unknown>, void>(
    work.queue,
    async (job, token, signal) => {
      try {
        // What was asked for before the end may still be answered: with a job put back just now.
        if (isCut) throw new LaterError(ENDS, 0)
        await untilCancelled(work.run(job.name, job.data), signal)
      } catch (error) {
        throw await outcomeOf(error, job, token, work, logger)
      }
    },
    {
      connection: {},
      prefix: backend.keyPrefix,
      autorun: false,
      concurrency: work.concurrency,
      drainDelay: backend.looksAfterS,
      ...(work.hold === undefined ? {} : { limiter: UNLIMITED }),
      lockDuration: work.timing.lockMs,
      stalledInterval: work.timing.stalledMs,
      maxStalledCount: MAX_STALLS,
      runRetryDelay: RECONNECT_MS,
    },
  )
  worker.on('error', work.onError)
  worker.on('stalled', (job) =>
    logger.warn({ event: 'job.stalled', queue: work.queue, job }, 'A job was left by its worker and waits again'),
  )
  try {
    await within(CONNECT_MS, `Starting the worker of ${work.queue}`, worker.waitUntilReady())
  } catch (error) {
    await worker.close(true)
    throw error
  }
  worker.run().catch(work.onError)
  return {
    async close() {
      const { drainMs, cancelMs } = work.timing
      const closing = worker.close()
      try {
        await within(drainMs, `Finishing the jobs of ${work.queue}`, closing)
      } catch (error) {
        const facts = { queue: work.queue, reason: describeError(error) }
        logger.warn({ event: 'queue.drain_cut', ...facts }, 'Running jobs were cancelled')
        isCut = true
        worker.cancelAllJobs(ENDS)
        // Without its store nothing can be put back: the jobs stall, and are found.
        await within(cancelMs, `Putting back the jobs of ${work.queue}`, closing).catch(async (late) => {
          work.onError(late)
          await worker.getBackend().close(true).catch(work.onError)
        })
      }
    },
  }
}

/**
 * Follows a job until it ends or is cancelled: then it asks for another run at once, and what of
 * this one still goes on is nobody's.
 */
async function untilCancelled(running: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return running
  let cancel = () => {}
  const cancelled = new Promise<never>((_, reject) => {
    cancel = () => reject(new LaterError(String(signal.reason), 0))
  })
  signal.addEventListener('abort', cancel, { once: true })
  try {
    // Of two in a race the loser is heard by nobody.
    await Promise.race([running, cancelled])
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/**
 * Returns what to throw at the queue for what a handler threw, after doing what must come before
 * it.
 */
async function outcomeOf(
  error: unknown,
  job: QueuedJob,
  token: string | undefined,
  work: Work,
  logger: Logger,
): Promise<Error> {
  const reason = describeError(error)
  const facts = { queue: work.queue, job: job.id, attempt: job.attemptsMade + 1, reason }
  if (error instanceof PermanentError) {
    logger.error({ event: 'job.failed', ...facts, outcome: 'stopped' }, 'A job failed for good')
    return new UnrecoverableError(reason)
  }
  if (error instanceof LaterError) {
    const waitMs = Math.max(1, Math.ceil(error.retryAfterMs))
    if (error instanceof HoldError && work.hold !== undefined) {
      await work.hold(waitMs)
      logger.warn({ event: 'queue.held', ...facts, waitMs }, 'The whole queue waits')
      return new RateLimitError()
    }
    await job.moveToDelayed(Date.now() + waitMs, token)
    logger.info({ event: 'job.delayed', ...facts, waitMs }, 'A job was put off')
    return new DelayedError()
  }
  if (facts.attempt < (job.opts.attempts ?? 1)) {
    logger.warn({ event: 'job.failed', ...facts, outcome: 'retried' }, 'A job failed and will be tried again')
  } else {
    logger.error({ event: 'job.failed', ...facts, outcome: 'dropped' }, 'A job failed too often and was dropped')
  }
  return error instanceof Error ? error : new Error(reason)
}
