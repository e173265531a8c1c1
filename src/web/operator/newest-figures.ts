// The newest editions under labels that stay: a kind and an age, never a date, so that a rule means
// the same edition tomorrow as it does today.
import type { EditionFigures } from '../../delivery/account/accounting.ts'
import { LAG_BOUNDS, type Lags, type NewestEdition } from '../../delivery/account/newest.ts'
import type { MakeGauge } from './gauges.ts'

const STATES = ['uncollected', 'open', 'held', 'frozen', 'empty'] as const
const EDITION = ['kind', 'age']

/** Writes the gauges of the newest editions; one that is not frozen has no accounts yet. */
export function writeNewest(
  gauge: MakeGauge,
  newest: readonly NewestEdition[],
  figures: readonly EditionFigures[],
): void {
  const states = gauge('edition_state', 'Its state, 1 of one: held, never looked at …', [...EDITION, 'state'])
  const cutoff = gauge('edition_cutoff_age_seconds', 'Time since its cut-off.', EDITION)
  const due = gauge('edition_due', 'Its deliveries ever planned; the states add up to it.', EDITION)
  const deliveries = gauge('edition_deliveries', 'Its deliveries by our state.', [...EDITION, 'state', 'reason'])
  const fates = gauge('edition_fates', 'Its deliveries by what the provider reported.', [...EDITION, 'fate'])
  const unresolved = gauge('edition_unresolved', 'Its unknown deliveries that wait for resolve.', EDITION)
  const stopped = gauge('edition_stopped', '1 while it is stopped: see resume.', EDITION)
  for (const edition of newest) {
    const labels = { kind: edition.kind, age: edition.age }
    const state = edition.state === 'open' && !edition.looked ? 'uncollected' : edition.state
    for (const each of STATES) states.set({ ...labels, state: each }, each === state ? 1 : 0)
    cutoff.set(labels, edition.cutoffAgeSeconds)
    const own = figures.find(({ date, kind }) => date === edition.date && kind === edition.kind)
    due.set(labels, own?.accounts.due ?? 0)
    unresolved.set(labels, own?.unresolved ?? 0)
    stopped.set(labels, own?.stopped ? 1 : 0)
    for (const each of ['submitted', 'rejected', 'unknown', 'waiting'] as const) {
      deliveries.set({ ...labels, state: each, reason: '' }, own?.accounts[each] ?? 0)
    }
    for (const [reason, count] of Object.entries(own?.accounts.withheld ?? {})) {
      deliveries.set({ ...labels, state: 'withheld', reason }, count)
    }
    for (const [fate, count] of Object.entries(own?.fates ?? {})) fates.set({ ...labels, fate }, count)
  }
}

/** Returns the histogram of due → submitted: PostgreSQL counts it, no client library takes that. */
export function sayLags(newest: readonly NewestEdition[], lags: readonly Lags[]): string {
  const name = 'paper_round_submit_lag_seconds'
  const lines = [`# HELP ${name} From due to submitted, by edition.`, `# TYPE ${name} histogram`]
  for (const { id, kind, age } of newest) {
    const own = lags.find(({ editionId }) => editionId === id)
    if (!own) continue
    const labels = `kind="${kind}",age="${age}"`
    let total = 0
    own.counts.forEach((count, index) => {
      total += count
      lines.push(`${name}_bucket{${labels},le="${LAG_BOUNDS[index] ?? '+Inf'}"} ${total}`)
    })
    lines.push(`${name}_sum{${labels}} ${own.sumSeconds}`, `${name}_count{${labels}} ${total}`)
  }
  return `${lines.join('\n')}\n`
}
