// What PostgreSQL holds, counted for Prometheus. The same whichever process is asked: over several
// of them take the maximum, never the sum.
import type { Kysely } from 'kysely'
import { Counter, type Registry } from 'prom-client'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { type EditionFigures, getWaitingNotices, listEditionFigures } from '../../delivery/account/accounting.ts'
import { listLags, listNewestEditions } from '../../delivery/account/newest.ts'
import { findMailbox } from '../../delivery/bounce/store.ts'
import { listOutProviders } from '../../delivery/provider/out.ts'
import { readShares } from '../../delivery/sending/good-name.ts'
import { listAlive } from '../../delivery/sending/heartbeats.ts'
import { findRestoredHold } from '../../edition/restored.ts'
import { getTickAgeMs } from '../../jobs/tick.ts'
import { listLookAges } from '../../source/store.ts'
import { listAnswered } from '../../subscriber/sign-up-counts.ts'
import { listReaderCounts } from '../../subscriber/store.ts'
import { listSuppressionCounts } from '../../subscriber/suppression.ts'
import { SECOND_MS } from '../../time.ts'
import { type MakeGauge, openGauges } from './gauges.ts'
import { sayLags, writeNewest } from './newest-figures.ts'

/** Without one of each nothing goes out: they are told as 0 where there is none. */
const BEATING_ROLES = ['worker', 'scheduler']
/** Two weeks of daily editions: what is older does not move any more. */
const EDITIONS = 14

/**
 * Counts everything and returns it in Prometheus' text format; `providers` are the names of those
 * in use. Rejects without PostgreSQL.
 */
export async function collectFigures(db: Kysely<Database>, providers: readonly string[]): Promise<string> {
  const { gauge, registry } = openGauges()
  const editions = await listEditionFigures(db, EDITIONS)
  writeEditions(gauge, editions)
  const newest = await listNewestEditions(db)
  writeNewest(gauge, newest, editions)
  await writeList(gauge, db)
  await writeSurroundings(gauge, db, providers)
  await writeShares(gauge, db)
  await writeMailbox(gauge, registry, db)
  const signUps = new Counter({
    name: 'paper_round_sign_ups_total',
    help: 'Sign-ups by answer: solved and waited are among the taken.',
    labelNames: ['answer'],
    registers: [registry],
  })
  for (const { answer, count } of await listAnswered(db)) signUps.inc({ answer }, count)
  const lags = await listLags(
    db,
    newest.map(({ id }) => id),
  )
  return `${await registry.metrics()}${sayLags(newest, lags)}`
}

async function writeList(gauge: MakeGauge, db: Kysely<Database>): Promise<void> {
  const readers = gauge('readers', 'Readers by consent and cadence; erased ones are none.', ['consent', 'cadence'])
  for (const { consent, cadence, count } of await listReaderCounts(db)) readers.set({ consent, cadence }, count)
  const suppressions = gauge('suppressed_addresses', 'Addresses that must not be written to, by reason.', ['reason'])
  for (const { reason, count } of await listSuppressionCounts(db)) suppressions.set({ reason }, count)
  gauge('notices_waiting', 'Notices that are still to go.').set(await getWaitingNotices(db))
  const answered = gauge('sign_ups', 'Sign-ups ever, by answer: solved and waited are among the taken.', ['answer'])
  for (const { answer, count } of await listAnswered(db)) answered.set({ answer }, count)
}

/** Writes how the mailbox of bounces fares, where there is one. */
async function writeMailbox(gauge: MakeGauge, registry: Registry, db: Kysely<Database>): Promise<void> {
  const mailbox = await findMailbox(db)
  if (mailbox === undefined) return
  const { readAt, failedSince, applied, passedOver } = mailbox
  const now = (await getNow(db)).getTime()
  if (readAt !== null) {
    gauge('bounces_read_age_seconds', 'Time since the mailbox of bounces was last read to its end.').set(
      (now - readAt.getTime()) / SECOND_MS,
    )
  }
  gauge('bounces_failing_seconds', 'How long the mailbox of bounces has failed; 0 while it is read.').set(
    failedSince === null ? 0 : (now - failedSince.getTime()) / SECOND_MS,
  )
  const messages = new Counter({
    name: 'paper_round_bounce_messages_total',
    help: 'Messages in the mailbox of bounces: reports that were applied, and what was passed over.',
    labelNames: ['result'],
    registers: [registry],
  })
  messages.inc({ result: 'applied' }, applied)
  messages.inc({ result: 'passed-over' }, passedOver)
}

/** Writes what an edition depends on: clock, processes, source, providers, the copy's age. */
async function writeSurroundings(gauge: MakeGauge, db: Kysely<Database>, providers: readonly string[]): Promise<void> {
  // Before the first time there is no age; a missing figure is easier to alarm on than an infinite
  // one.
  const age = await getTickAgeMs({ db })
  if (Number.isFinite(age)) gauge('tick_age_seconds', 'Time since the round last ticked.').set(age / SECOND_MS)
  const beats = gauge('heartbeats', 'Processes that live and have this role.', ['role'])
  const alive = (await listAlive(db)).flatMap(({ roles }) => roles)
  for (const role of new Set([...BEATING_ROLES, ...alive])) {
    beats.set({ role }, alive.filter((each) => each === role).length)
  }
  const looks = await listLookAges(db)
  const lookAge = gauge('look_age_seconds', 'Time since the source last gave this verdict.', ['verdict'])
  const verdicts = gauge('look_verdict', 'The verdict of the last look, 1 of one.', ['verdict'])
  looks.forEach(({ verdict, ageSeconds }, index) => {
    lookAge.set({ verdict }, ageSeconds)
    verdicts.set({ verdict }, index === 0 ? 1 : 0)
  })
  const out = gauge('provider_out', '1 while nothing goes to a provider: see resume.', ['provider'])
  const isOut = await listOutProviders(db)
  for (const provider of new Set([...providers, ...isOut.keys()])) out.set({ provider }, isOut.has(provider) ? 1 : 0)
  const hold = await findRestoredHold(db)
  gauge('held_as_restored', '1 while this database is held as a restored copy.').set(hold ? 1 : 0)
}

/** Writes what the sender's good name hangs on; a share of little has no series. */
async function writeShares(gauge: MakeGauge, db: Kysely<Database>): Promise<void> {
  const sent = gauge('sent', 'Emails of answered requests within so many days (UTC), today among them.', ['days'])
  const harm = gauge('harm', 'Readers of those who complained or bounced for good.', ['days', 'type'])
  const share = gauge('harm_share', 'The same as a share of them, 0 to 1, from 1,000 sent on.', ['days', 'type'])
  for (const { days, complaintShare, bounceShare, ...counts } of await readShares(db)) {
    sent.set({ days }, counts.sent)
    for (const [type, count, of] of [
      ['complaints', counts.complaints, complaintShare],
      ['bounces', counts.bounces, bounceShare],
    ] as const) {
      harm.set({ days, type }, count)
      if (of !== null) share.set({ days, type }, of)
    }
  }
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
