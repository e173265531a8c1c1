// What PostgreSQL holds, counted for Prometheus. The same whichever process is asked: over several
// of them take the maximum, never the sum.
import type { Kysely } from 'kysely'
import { Gauge, Registry } from 'prom-client'
import type { Database } from '../../database/schema.ts'
import { type EditionFigures, getWaitingNotices, listEditionFigures } from '../../delivery/account/accounting.ts'
import { getTickAgeMs } from '../../jobs/tick.ts'
import { listAnswered } from '../../subscriber/sign-up-counts.ts'
import { listSuppressionCounts } from '../../subscriber/suppression.ts'
import { SECOND_MS } from '../../time.ts'

export type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge

/** Two weeks of daily editions: what is older does not move any more. */
const EDITIONS = 14

/** Returns what makes gauges of ours, and the registry that they are in. */
export function openGauges(): { gauge: MakeGauge; registry: Registry } {
  const registry = new Registry()
  const gauge: MakeGauge = (name, help, labelNames = []) =>
    new Gauge({ name: `paper_round_${name}`, help, labelNames, registers: [registry] })
  return { gauge, registry }
}

/** Counts everything and returns it in Prometheus' text format. Rejects without PostgreSQL. */
export async function collectFigures(db: Kysely<Database>): Promise<string> {
  const { gauge, registry } = openGauges()
  writeEditions(gauge, await listEditionFigures(db, EDITIONS))
  const suppressions = gauge('suppressed_addresses', 'Addresses that must not be written to, by reason.', ['reason'])
  for (const { reason, count } of await listSuppressionCounts(db)) suppressions.set({ reason }, count)
  gauge('notices_waiting', 'Notices that are still to go.').set(await getWaitingNotices(db))
  const answered = gauge('sign_ups', 'Sign-ups ever, by answer: solved and waited are among the taken.', ['answer'])
  for (const { answer, count } of await listAnswered(db)) answered.set({ answer }, count)
  const age = await getTickAgeMs({ db })
  // Before the first tick there is no age; a missing figure is easier to alarm on than an infinite
  // one.
  if (Number.isFinite(age)) gauge('tick_age_seconds', 'Time since the round last ticked.').set(age / SECOND_MS)
  return registry.metrics()
}

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
