// The round's figures for Prometheus, read from PostgreSQL and the queue when they are asked for.
// No reader is recognisable in them, and asking often costs no more than asking now and then.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import { Gauge, Registry } from 'prom-client'
import type { Database } from '../../database/schema.ts'
import { type EditionFigures, getWaitingNotices, listEditionFigures } from '../../delivery/account/accounting.ts'
import { describeError } from '../../errors.ts'
import type { Queue } from '../../jobs/queue/queue.ts'
import { getTickAgeMs } from '../../jobs/tick.ts'
import type { Logger } from '../../logger.ts'
import { listAnswered } from '../../subscriber/sign-up-counts.ts'
import { listSuppressionCounts } from '../../subscriber/suppression.ts'

export const METRICS_PATH = '/metrics'

/** Two weeks of daily editions: what is older does not move any more. */
const EDITIONS = 14
/**
 * Counting a million deliveries takes a second: counting may take one part in this many of the
 * time, at most.
 */
const COUNT_SHARE = 10

interface MetricsOptions {
  db: Kysely<Database>
  queue?: Pick<Queue, 'counts'> | undefined
  logger: Logger
}

/**
 * Answers in Prometheus' text format. The figures may be as old as ten times what counting them
 * took.
 */
export function showMetrics({ db, queue, logger }: MetricsOptions) {
  let counted: Promise<string> | undefined
  let freshUntil = 0

  function count(): Promise<string> {
    if (counted !== undefined && performance.now() < freshUntil) return counted
    const startedAt = performance.now()
    freshUntil = Number.POSITIVE_INFINITY
    counted = collect({ db, queue, logger }).finally(() => {
      freshUntil = startedAt + (performance.now() - startedAt) * COUNT_SHARE
    })
    return counted
  }

  return async (c: Context): Promise<Response> =>
    c.body(await count(), 200, { 'Content-Type': Registry.PROMETHEUS_CONTENT_TYPE })
}

async function collect({ db, queue, logger }: MetricsOptions): Promise<string> {
  const registry = new Registry()
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `paper_round_${name}`, help, labelNames, registers: [registry] })

  writeEditions(gauge, await listEditionFigures(db, EDITIONS))
  const suppressions = gauge('suppressed_addresses', 'Addresses that must not be written to, by reason.', ['reason'])
  for (const { reason, count } of await listSuppressionCounts(db)) suppressions.set({ reason }, count)
  gauge('notices_waiting', 'Notices that are still to go.').set(await getWaitingNotices(db))
  const answered = gauge('sign_ups', 'Sign-ups ever, by answer: solved and waited are among the taken.', ['answer'])
  for (const { answer, count } of await listAnswered(db)) answered.set({ answer }, count)
  const age = await getTickAgeMs({ db })
  // Before the first tick there is no age; a missing figure is easier to alarm on than an infinite
  // one.
  if (Number.isFinite(age)) gauge('tick_age_seconds', 'Time since the round last ticked.').set(age / 1_000)
  await writeQueue(gauge, queue, logger)
  return registry.metrics()
}

type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge

function writeEditions(gauge: MakeGauge, editions: readonly EditionFigures[]): void {
  const due = gauge('due', 'Deliveries ever planned of an edition; the states add up to it.', ['edition'])
  const deliveries = gauge('deliveries', 'Deliveries of an edition by our state.', ['edition', 'state', 'reason'])
  const fates = gauge('fates', 'Deliveries of an edition by what the provider reported.', ['edition', 'fate'])
  const unresolved = gauge('unresolved', 'Unknown deliveries that wait for the operator: see resolve.', ['edition'])
  const stopped = gauge('stopped', '1 while an edition is stopped: see resume.', ['edition'])
  for (const { date, kind, accounts, fates: counts, unresolved: open, stopped: isStopped } of editions) {
    const edition = `${date}-${kind}`
    due.set({ edition }, accounts.due)
    for (const state of ['submitted', 'rejected', 'unknown', 'waiting'] as const) {
      deliveries.set({ edition, state, reason: '' }, accounts[state])
    }
    for (const [reason, count] of Object.entries(accounts.withheld)) {
      deliveries.set({ edition, state: 'withheld', reason }, count)
    }
    for (const [fate, count] of Object.entries(counts)) fates.set({ edition, fate }, count)
    unresolved.set({ edition }, open)
    stopped.set({ edition }, isStopped ? 1 : 0)
  }
}

async function writeQueue(gauge: MakeGauge, queue: MetricsOptions['queue'], logger: Logger): Promise<void> {
  if (!queue) return
  const up = gauge('queue_up', '1 when the store of the queue answers.')
  const jobs = gauge('queue_jobs', 'Jobs in the queue.', ['queue', 'state'])
  try {
    for (const [name, counts] of Object.entries(await queue.counts())) {
      for (const [state, count] of Object.entries(counts)) jobs.set({ queue: name, state }, count as number)
    }
    up.set(1)
  } catch (error) {
    // The ledger's figures matter most when the queue is gone.
    logger.warn({ event: 'metrics.queue', reason: describeError(error) }, 'the queue could not be counted')
    up.set(0)
  }
}
