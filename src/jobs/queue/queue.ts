// The queue: transport between the steps of the round, on BullMQ. It carries ids only and may lose
// everything at any time; PostgreSQL alone knows what is due, and the sweep queues it again. No
// other file knows BullMQ.
import { randomBytes } from 'node:crypto'
import { describeError } from '../../errors.ts'
import { type Logger, quietly } from '../../logger.ts'
import { within } from '../../time.ts'
import { openBackend } from './backend.ts'
import { type DispatchOnly, type Handlers, idOf, isSending, type Job, runJob } from './job.ts'
import { ATTEMPTS, type OpenWork, openWork, type Timing, UNLIMITED } from './work.ts'

export interface Counts {
  waiting: number
  active: number
  delayed: number
  /** Failed for good: the last of them are kept, with their reasons. */
  failed: number
}

export interface Queue {
  /**
   * Queues jobs. One that waits, is delayed or runs under the same name and ids is left as it is.
   * Rejects when the store is out of reach. Never inside a transaction: on embedded PostgreSQL the
   * queue would wait for its end.
   */
  put(jobs: readonly Job[], options?: { delayMs?: number }): Promise<void>
  /**
   * Makes sure that a tick comes every `everyMs` milliseconds (a minute). Safe to repeat, by
   * several processes at once.
   */
  assertTick(everyMs?: number): Promise<void>
  /**
   * Starts taking jobs of all queues; with the dispatch handler alone, of the providers' only.
   * `dispatches`: how many of each at the same time in this process (4).
   */
  work(handlers: Handlers | DispatchOnly, options?: { dispatches?: number }): Promise<OpenWork>
  counts(): Promise<{ round: Counts; dispatch: Counts }>
  /**
   * How many jobs this process has ended so far, however; one with a stretch counts as all of it.
   */
  countEnded(): number
  /**
   * Waits until it has ended `count` of them, or so many milliseconds are over: whoever follows
   * them need not ask every moment.
   */
  untilEnded(count: number, atMostMs: number): Promise<void>
  /** Tries whether its store takes jobs now, by a write beside them. Rejects with why not. */
  check(): Promise<void>
  /** Ends the work that is still open, then disconnects. */
  close(): Promise<void>
}

export interface QueueOptions {
  redisUrl?: string | undefined
  /** Holds the queue where no Redis is named. */
  databaseUrl: string
  /**
   * Sets keys or schema apart on a shared store: `demo` makes the schema `bullmq_demo`. A plain
   * lower-case name.
   */
  prefix?: string | undefined
  /**
   * Each one's name makes a queue. Where nothing is replayed (0 ms), emails go one by one, and few
   * jobs are enough.
   */
  providers: readonly { name: string; replayMs?: number }[]
  timing?: Partial<Timing>
  logger: Logger
}

/**
 * The lock is BullMQ's own. A job of the round that died with its worker is back within a minute;
 * what is sent does not wait for that (jobs/heartbeat.ts).
 */
const TIMING: Timing = { lockMs: 30_000, stalledMs: 15_000, retryMs: 1_000, drainMs: 25_000, cancelMs: 5_000 }
const TICK_MS = 60_000
/**
 * Jobs of the round are heavy and rare; two, so that a slow source does not keep the plan waiting.
 */
const ROUND_CONCURRENCY = 2
const DISPATCH_CONCURRENCY = 4
/** One ends while the next begins; what they have in hand together is the provider's affair. */
const STRETCHES = 2
/** A smaller number goes first: somebody waits for a notice, while digests have the morning. */
const DISPATCH_PRIORITY = 10
/** What a dead worker had in its hands has waited already. */
const TAKEN_OVER_PRIORITY = 5
const NOTIFY_PRIORITY = 1
/**
 * Jobs in one command: large enough to be cheap, small enough not to block the store. PostgreSQL
 * locks each name of a command, and has room for a few thousand locks.
 */
const PUT_SIZE = { redis: 1_000, postgres: 100 }
/** Failed jobs that each queue keeps. */
const FAILED_KEPT = 1_000
/** How long one such command may take before `put` gives up, in milliseconds. */
const PUT_MS = 10_000
/**
 * A store that is down fails on every command: one line says as much as a thousand, in
 * milliseconds.
 */
const ERROR_PAUSE_MS = 10_000

/** Opens all queues, the round's and the providers'. Rejects when their store does not answer. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const { logger } = options
  const timing = { ...TIMING, ...options.timing }
  const onError = quietly<unknown>(ERROR_PAUSE_MS, (error, leftOut) =>
    logger.error(
      { event: 'queue.error', leftOut, reason: describeError(error) },
      'The store of the queue gave trouble',
    ),
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
        // PostgreSQL remembers what was done; what failed is for whoever asks why.
        removeOnComplete: true,
        removeOnFail: { count: FAILED_KEPT },
        stackTraceLimit: 0,
        ...(priority > 0 ? { priority } : {}),
      },
    })
    queue.on('error', onError)
    return queue
  }
  const round = open('round', 0)
  const lanes = options.providers.map(({ name, replayMs }) => ({
    provider: name,
    queue: open(`dispatch-${name}`, DISPATCH_PRIORITY),
    isReplayed: replayMs !== 0,
  }))
  const queueOf = (job: Job) => {
    if (!isSending(job)) return round
    return (lanes.find(({ provider }) => provider === job.provider) ?? lanes[0])?.queue ?? round
  }
  const works = new Set<OpenWork>()
  const putSize = options.redisUrl === undefined ? PUT_SIZE.postgres : PUT_SIZE.redis
  const ended = openCount()

  async function put(jobs: readonly Job[], { delayMs = 0 }: { delayMs?: number } = {}): Promise<void> {
    backend.demandReachable()
    for (const queue of [round, ...lanes.map((lane) => lane.queue)]) {
      const mine = jobs.filter((job) => queueOf(job) === queue)
      for (let start = 0; start < mine.length; start += putSize) {
        const entries = mine.slice(start, start + putSize).map((job) => {
          const { name, ...data } = job
          // Until it has ended, well or not: a failed job that is kept bars nothing. Its own id
          // says the same to whoever reads it.
          const id = idOf(job)
          const opts = { jobId: `${id}.${randomBytes(4).toString('hex')}`, deduplication: { id }, delay: delayMs }
          return { name, data, opts: { ...opts, ...priorityOf(job) } }
        })
        const [first] = entries
        // A single job takes the cheaper command: in PostgreSQL the other one makes temporary
        // tables.
        const putting =
          first && entries.length === 1 ? queue.add(first.name, first.data, first.opts) : queue.addBulk(entries)
        await within<unknown>(PUT_MS, 'Putting jobs into the queue', putting)
      }
    }
  }

  async function assertTick(everyMs = TICK_MS): Promise<void> {
    backend.demandReachable()
    const found = await round.getJobScheduler('tick')
    // Asserting replaces the waiting tick, and two processes doing so at once may leave two: touch
    // only what is stuck.
    if (found?.every === everyMs && found.next !== undefined && found.next > Date.now() - everyMs) return
    await round.upsertJobScheduler('tick', { every: everyMs }, { name: 'tick', data: {}, opts: { attempts: 1 } })
  }

  /** A longer hold already in force stays. */
  const holdOf =
    ({ queue }: (typeof lanes)[number]) =>
    async (ms: number): Promise<void> => {
      if ((await queue.getRateLimitTtl(UNLIMITED.max)) < ms) await queue.rateLimit(ms)
    }

  async function work(
    handlers: Handlers | DispatchOnly,
    { dispatches = DISPATCH_CONCURRENCY } = {},
  ): Promise<OpenWork> {
    const run = (name: string, data: Record<string, unknown>) =>
      runJob(handlers, { ...data, name } as Job).finally(() => ended.more(lengthOf(data)))
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
            { ...common, queue: round.name, concurrency: ROUND_CONCURRENCY, hold: undefined },
            logger,
          ),
        )
      }
      for (const lane of lanes) {
        const { queue, isReplayed } = lane
        opened.push(
          await openWork(
            backend,
            { ...common, queue: queue.name, concurrency: isReplayed ? dispatches : STRETCHES, hold: holdOf(lane) },
            logger,
          ),
        )
      }
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
    countEnded: ended.count,
    untilEnded: ended.until,
    async check() {
      backend.demandReachable()
      await backend.tryWriting()
      await countsOf(round)
    },
    async counts() {
      backend.demandReachable()
      const dispatch: Counts = { waiting: 0, active: 0, delayed: 0, failed: 0 }
      for (const { queue } of lanes) {
        const counts = await countsOf(queue)
        for (const key of ['waiting', 'active', 'delayed', 'failed'] as const) dispatch[key] += counts[key]
      }
      return { round: await countsOf(round), dispatch }
    },
    async close() {
      await Promise.all([...works].map((each) => each.close()))
      await Promise.all([round.close(), ...lanes.map(({ queue }) => queue.close())])
      await backend.close()
    },
  }
}

/** Nothing where its queue's own order will do. */
function priorityOf(job: Job): { priority?: number } {
  if (job.name === 'notify') return { priority: NOTIFY_PRIORITY }
  return job.name === 'dispatch' && job.epoch !== undefined ? { priority: TAKEN_OVER_PRIORITY } : {}
}

async function countsOf(queue: {
  getJobCounts(...states: (keyof Counts | 'prioritized')[]): Promise<Record<string, number>>
}): Promise<Counts> {
  const counts = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed')
  const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts
  return { waiting: waiting + prioritized, active, delayed, failed }
}

function lengthOf({ stretch }: Record<string, unknown>): number {
  return typeof stretch === 'number' ? stretch : 1
}

/** Counts, and lets wait for what is counted. */
function openCount() {
  let count = 0
  const waiting = new Set<() => void>()
  return {
    count: () => count,
    more(than: number) {
      count += than
      for (const look of waiting) look()
    },
    until(wanted: number, atMostMs: number): Promise<void> {
      return new Promise((resolve) => {
        const timer = setTimeout(end, atMostMs)
        function end() {
          clearTimeout(timer)
          waiting.delete(look)
          resolve()
        }
        const look = () => {
          if (count >= wanted) end()
        }
        waiting.add(look)
        look()
      })
    },
  }
}
