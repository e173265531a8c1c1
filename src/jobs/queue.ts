// The queue: transport between the steps of the round, on BullMQ. It carries ids only and may lose everything at any time;
// PostgreSQL alone knows what is due, and the sweep queues it again. No other file knows BullMQ or ioredis.
import type { EditionKind } from '../database/states.ts'
import { describeError, PermanentError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { openBackend, within } from './queue-backend.ts'
import { ATTEMPTS, limiterFor, type OpenWork, openWork, type Timing } from './queue-work.ts'

export type Job =
  | { name: 'tick' }
  | { name: 'collect'; date: string }
  | { name: 'rank'; date: string; kind: EditionKind }
  | { name: 'plan' }
  | { name: 'dispatch'; batchId: number }
  | { name: 'notify'; noticeId: number }
  | { name: 'sweep' }

/**
 * What each job does. A handler returns when it is done, throws PermanentError to stop, LaterError to come again, HoldError to
 * hold every dispatch; anything else it throws is tried again. It may run twice for one job, and must find out for itself.
 */
export type Handlers = { [N in Job['name']]: (job: Extract<Job, { name: N }>) => Promise<void> }

/** What a command gives that only sends. */
export type DispatchOnly = Pick<Handlers, 'dispatch'> & Partial<Pick<Handlers, 'notify'>>

export interface Counts {
  waiting: number
  active: number
  delayed: number
}

export interface Queue {
  /**
   * Queues jobs. One that waits, is delayed or runs under the same name and ids is left as it is. Rejects when the store is
   * out of reach. Never inside a transaction: on embedded PostgreSQL the queue would wait for its end.
   */
  put(jobs: readonly Job[], options?: { delayMs?: number }): Promise<void>
  /** Makes sure that a tick comes every `everyMs` milliseconds (a minute). Safe to repeat, by several processes at once. */
  assertTick(everyMs?: number): Promise<void>
  /**
   * Starts taking jobs of both queues; with the dispatch handler alone, of that queue only. `dispatches`: how many at the same
   * time in this process (4).
   */
  work(handlers: Handlers | DispatchOnly, options?: { dispatches?: number }): Promise<OpenWork>
  counts(): Promise<{ round: Counts; dispatch: Counts }>
  /** Ends the work that is still open, then disconnects. */
  close(): Promise<void>
}

export interface QueueOptions {
  redisUrl?: string | undefined
  /** Holds the queue where no Redis is named. */
  databaseUrl: string
  /** Sets keys or schema apart on a shared store: `demo` makes the schema `bullmq_demo`. A plain lower-case name. */
  prefix?: string | undefined
  /** The provider: its name makes the queue, its pace the queue's limiter, over all workers together. */
  dispatch: { name: string; requestsPerSecond: number | null }
  timing?: Partial<Timing>
  logger: Logger
}

const TIMING: Timing = { lockMs: 60_000, stalledMs: 30_000, retryMs: 1_000, drainMs: 25_000 }
const TICK_MS = 60_000
/** Jobs of the round are heavy and rare; two, so that a slow source does not keep the plan waiting. */
const ROUND_CONCURRENCY = 2
const DISPATCH_CONCURRENCY = 4
/** A smaller number goes first: somebody waits for a notice, while digests have the morning. */
const DISPATCH_PRIORITY = 10
const NOTIFY_PRIORITY = 1
/** Jobs in one command: large enough to be cheap, small enough not to block the store. */
const PUT_SIZE = 1_000
/** How long one such command may take before `put` gives up, in milliseconds. */
const PUT_MS = 10_000
/** A store that is down fails on every command: one line says as much as a thousand, in milliseconds. */
const ERROR_PAUSE_MS = 10_000

/** Opens both queues, the round's and the provider's. Rejects when their store does not answer. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const { logger } = options
  const timing = { ...TIMING, ...options.timing }
  const onError = quietly((error) =>
    logger.error({ event: 'queue.error', reason: describeError(error) }, 'The store of the queue gave trouble'),
  )
  const backend = await openBackend(options.redisUrl, options.databaseUrl, options.prefix, onError)
  const open = (name: string, priority: number) => {
    const queue = new backend.Queue<Record<string, unknown>>(name, {
      connection: {},
      prefix: backend.keyPrefix,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: {
        attempts: ATTEMPTS,
        backoff: { type: 'exponential', delay: timing.retryMs, jitter: 0.5 },
        // At once, so that the id is free again: PostgreSQL remembers what was done.
        removeOnComplete: true,
        removeOnFail: true,
        stackTraceLimit: 0,
        ...(priority > 0 ? { priority } : {}),
      },
    })
    queue.on('error', onError)
    return queue
  }
  const round = open('round', 0)
  const dispatch = open(`dispatch-${options.dispatch.name}`, DISPATCH_PRIORITY)
  const limiter = limiterFor(options.dispatch.requestsPerSecond)
  const works = new Set<OpenWork>()

  async function put(jobs: readonly Job[], { delayMs = 0 }: { delayMs?: number } = {}): Promise<void> {
    backend.demandReachable()
    for (const queue of [round, dispatch]) {
      const mine = jobs.filter((job) => (isSending(job) ? dispatch : round) === queue)
      for (let start = 0; start < mine.length; start += PUT_SIZE) {
        const entries = mine.slice(start, start + PUT_SIZE).map((job) => {
          const { name, ...data } = job
          const priority = name === 'notify' ? { priority: NOTIFY_PRIORITY } : {}
          return { name, data, opts: { jobId: idOf(job), delay: delayMs, ...priority } }
        })
        const [first] = entries
        // A single job takes the cheaper command: in PostgreSQL the other one makes temporary tables.
        const putting =
          first && entries.length === 1 ? queue.add(first.name, first.data, first.opts) : queue.addBulk(entries)
        await within<unknown>(PUT_MS, 'Putting jobs into the queue', putting)
      }
    }
  }

  async function assertTick(everyMs = TICK_MS): Promise<void> {
    backend.demandReachable()
    const found = await round.getJobScheduler('tick')
    // Asserting replaces the waiting tick, and two processes doing so at once may leave two: touch only what stands still.
    if (found?.every === everyMs && found.next !== undefined && found.next > Date.now() - everyMs) return
    await round.upsertJobScheduler('tick', { every: everyMs }, { name: 'tick', data: {}, opts: { attempts: 1 } })
  }

  /** A longer hold already in force stays. */
  async function hold(ms: number): Promise<void> {
    if ((await dispatch.getRateLimitTtl(limiter.max)) < ms) await dispatch.rateLimit(ms)
  }

  async function work(
    handlers: Handlers | DispatchOnly,
    { dispatches = DISPATCH_CONCURRENCY } = {},
  ): Promise<OpenWork> {
    const run = (name: string, data: Record<string, unknown>) => runJob(handlers, { ...data, name } as Job)
    const common = { run, timing, onError }
    const opened: OpenWork[] = []
    const mine: OpenWork = {
      async close() {
        works.delete(mine)
        await Promise.all(opened.map((each) => each.close()))
      },
    }
    works.add(mine)
    try {
      if ('tick' in handlers) {
        opened.push(
          await openWork(
            backend,
            { ...common, queue: round.name, concurrency: ROUND_CONCURRENCY, limiter: undefined, hold: undefined },
            logger,
          ),
        )
      }
      opened.push(
        await openWork(backend, { ...common, queue: dispatch.name, concurrency: dispatches, limiter, hold }, logger),
      )
    } catch (error) {
      await mine.close()
      throw error
    }
    return mine
  }

  return {
    put,
    assertTick,
    work,
    async counts() {
      backend.demandReachable()
      return { round: await countsOf(round), dispatch: await countsOf(dispatch) }
    },
    async close() {
      await Promise.all([...works].map((each) => each.close()))
      await Promise.all([round.close(), dispatch.close()])
      await backend.close()
    },
  }
}

/** What makes requests to the provider shares its queue and pace. */
function isSending({ name }: Job): boolean {
  return name === 'dispatch' || name === 'notify'
}

/** One job a name and ids: the key by which the queue knows that it has a job already. */
function idOf({ name, ...ids }: Job): string {
  return [name, ...Object.values(ids)].join('-')
}

async function runJob(handlers: Partial<Handlers>, job: Job): Promise<void> {
  const handler = handlers[job.name] as ((job: Job) => Promise<void>) | undefined
  if (handler === undefined) throw new PermanentError(`this version knows no job called ${job.name}`)
  await handler(job)
}

async function countsOf(queue: {
  getJobCounts(...states: ('waiting' | 'prioritized' | 'active' | 'delayed')[]): Promise<Record<string, number>>
}): Promise<Counts> {
  const counts = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed')
  const { waiting = 0, prioritized = 0, active = 0, delayed = 0 } = counts
  return { waiting: waiting + prioritized, active, delayed }
}

/** Lets the first error through and then one every ten seconds. */
function quietly(report: (error: unknown) => void): (error: unknown) => void {
  let quietUntil = 0
  return (error) => {
    if (Date.now() < quietUntil) return
    quietUntil = Date.now() + ERROR_PAUSE_MS
    report(error)
  }
}
