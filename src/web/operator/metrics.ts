// Answers Prometheus, always: what this process counted is there while the stores are away, and
// says so. No reader is recognisable in it, and asking often costs no more than asking now and
// then.
import type { Context } from 'hono'
import { type Kysely, sql } from 'kysely'
import { Registry } from 'prom-client'
import type { Database } from '../../database/schema.ts'
import { describeError } from '../../errors.ts'
import type { Queue } from '../../jobs/queue/queue.ts'
import type { Logger } from '../../logger.ts'
import { SECOND_MS, within } from '../../time.ts'
import { collectFigures } from './figures.ts'
import { type MakeGauge, openGauges } from './gauges.ts'
import type { Tallies } from './tallies.ts'

export const METRICS_PATH = '/metrics'

/**
 * Counting a million deliveries takes a second: counting may take one part in this many of the
 * time, at most.
 */
const COUNT_SHARE = 10
/** A store that is well answers at once. */
const STORE_MS = 2 * SECOND_MS
/** Below the ten seconds that Prometheus waits: what is not counted by then comes next time. */
const COUNT_MS = 5 * SECOND_MS

export interface MetricsOptions {
  db: Kysely<Database>
  queue?: Pick<Queue, 'counts' | 'check'> | undefined
  tallies?: Pick<Tallies, 'read'> | undefined
  /** The names of those in use. */
  providers?: readonly string[]
  logger: Logger
}

export interface Metrics {
  /**
   * Returns Prometheus' text within ten seconds, whatever is away. Counts may be as old as ten
   * times what counting them took; `figures_age_seconds` tells.
   */
  read(): Promise<string>
}

interface Counted {
  text: string
  at: number
}

export function openMetrics({ db, queue, tallies, providers = [], logger }: MetricsOptions): Metrics {
  let counted: Counted | undefined
  let counting: Promise<void> | undefined
  let freshUntil = 0
  let reading: Promise<string> | undefined

  async function count(): Promise<void> {
    const startedAt = performance.now()
    try {
      counted = { text: await collectFigures(db, providers), at: startedAt }
    } catch (error) {
      counted = undefined
      logger.warn({ event: 'metrics.uncounted', reason: describeError(error) }, 'the figures could not be counted')
    }
    freshUntil = startedAt + (performance.now() - startedAt) * COUNT_SHARE
  }

  async function readStores(): Promise<string> {
    const { gauge, registry } = openGauges()
    const isUp = await doesAnswer(db)
    gauge('database_up', '1 when PostgreSQL answers.').set(isUp ? 1 : 0)
    await writeQueue(gauge, queue, logger)
    if (!isUp) {
      // What was true before an outage must not pass for what is true now.
      counted = undefined
      freshUntil = 0
      return registry.metrics()
    }
    if (performance.now() >= freshUntil) {
      counting ??= count().finally(() => {
        counting = undefined
      })
    }
    if (counting) await within(COUNT_MS, 'counting', counting).catch(() => {})
    if (!counted) return registry.metrics()
    const age = gauge('figures_age_seconds', 'How long ago what PostgreSQL holds was counted.')
    age.set((performance.now() - counted.at) / SECOND_MS)
    return `${await registry.metrics()}${counted.text}`
  }

  async function readAll(): Promise<string> {
    const [stores, own = ''] = await Promise.all([readStores(), tallies?.read()])
    return `${stores}${own}`
  }

  return {
    read() {
      reading ??= readAll().finally(() => {
        reading = undefined
      })
      return reading
    },
  }
}

/** Answers with the metrics in Prometheus' text format. */
export function showMetrics(metrics: Metrics) {
  return async (c: Context): Promise<Response> =>
    c.body(await metrics.read(), 200, { 'Content-Type': Registry.PROMETHEUS_CONTENT_TYPE })
}

async function doesAnswer(db: Kysely<Database>): Promise<boolean> {
  try {
    await within(STORE_MS, 'asking PostgreSQL', sql`select`.execute(db))
    return true
  } catch {
    return false
  }
}

async function writeQueue(gauge: MakeGauge, queue: MetricsOptions['queue'], logger: Logger): Promise<void> {
  if (!queue) return
  const up = gauge('queue_up', '1 when the store of the queue takes jobs.')
  const jobs = gauge('queue_jobs', 'Jobs in the queue.', ['queue', 'state'])
  // The ledger's figures matter most when the queue is gone, and its jobs when it takes no more.
  const [counting, checking] = await Promise.allSettled([
    within(STORE_MS, 'counting jobs', queue.counts()),
    within(STORE_MS, 'trying to write', queue.check()),
  ])
  for (const [name, counts] of Object.entries(counting.status === 'fulfilled' ? counting.value : {})) {
    for (const [state, count] of Object.entries(counts)) jobs.set({ queue: name, state }, count as number)
  }
  const failed = [counting, checking].find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') {
    logger.warn({ event: 'metrics.queue', reason: describeError(failed.reason) }, 'the queue takes no jobs')
  }
  up.set(failed === undefined ? 1 : 0)
}
