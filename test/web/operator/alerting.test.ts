// The rules that a host gives to Prometheus, and the dashboard for Grafana: each rule fires on a
// scrape of a round with its fault and none on a sound one, which answers each panel's query.
// Prometheus' own promtool decides; where it is not installed nobody can.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { openDatabase } from '../../../src/database/client.ts'
import { markReported } from '../../../src/delivery/feedback/feedback.ts'
import { markOut } from '../../../src/delivery/provider/out.ts'
import type { BatchOutcome, BatchRequest } from '../../../src/delivery/provider/provider.ts'
import { ensureRestoredHold } from '../../../src/edition/restored.ts'
import { ensureEdition, markStopped } from '../../../src/edition/store.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { type MetricsOptions, openMetrics } from '../../../src/web/operator/metrics.ts'
import { openTallies } from '../../../src/web/operator/tallies.ts'
import { keepRound } from '../../support/kept-round.ts'
import { asOwner } from '../../support/program-user.ts'
import {
  addReader,
  emptyRound,
  freezeEdition,
  openScriptedProvider,
  planFor,
  type TestRound,
} from '../../support/round.ts'
import { query } from '../../support/servers.ts'
import { mailEdition } from '../open-app.ts'

const RULES = fileURLToPath(new URL('../../../deploy/prometheus/paper-round.rules.yml', import.meta.url))
const DASHBOARD = fileURLToPath(new URL('../../../deploy/grafana/paper-round.json', import.meta.url))
const isInstalled = spawnSync('promtool', ['--version']).status === 0
const rules: { alert: string; expr: string; annotations: Record<string, string> }[] = parse(readFileSync(RULES, 'utf8'))
  .groups[0].rules
const panels: { targets: { expr: string }[] }[] = JSON.parse(readFileSync(DASHBOARD, 'utf8')).panels
const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll('$kind', 'daily')))

let round: TestRound
keepRound((kept) => {
  round = kept
})

const queue = { counts: async () => ({ round: COUNTS, dispatch: COUNTS }), check: async () => {} }
const COUNTS = { waiting: 0, active: 0, delayed: 0, failed: 0 }
const tallies = openTallies(['worker'])
const provider = openScriptedProvider()
const counted = tallies.countRequests(provider)
const pass = async () => {}
tallies.countFailures({ tick: pass, collect: pass, rank: pass, plan: pass, dispatch: pass, notify: pass, sweep: pass })

const scrape = (given: Partial<MetricsOptions> = {}) =>
  openMetrics({ db: round.db, queue, tallies, providers: ['outbox'], logger: round.logger, ...given }).read()

/** A round that is as it should be: an edition has reached its three readers. */
async function makeSound(): Promise<void> {
  for (const name of ['ada', 'bob', 'cleo']) await addReader(round.db, name)
  await mailEdition(round, await freezeEdition(round, DATE))
  await sql`insert into ticks (name) values ('tick')`.execute(round.db)
  await sql`insert into heartbeats (id, roles, host, beat_at) values (gen_random_uuid(), '{worker,scheduler}', 'one', now() + interval '1 hour')`.execute(
    round.db,
  )
  await sql`insert into collections (date, source, verdict, listed, set_aside) values (${DATE}, 'x', 'complete', 9, 0)`.execute(
    round.db,
  )
  await sql`delete from sign_up_answers`.execute(round.db)
  await sql`insert into bounce_mailboxes (name, reader, leased_until, read_at)
    values ('mailbox', gen_random_uuid(), now(), now())`.execute(round.db)
}

const DATE = '2026-03-05'

/** Freezes another edition and plans it for the readers who are there; returns it, unsent. */
async function planNext() {
  const edition = await freezeEdition(round, '2026-03-06')
  await sql`update deliveries set local_date = local_date - 9`.execute(round.db)
  await planAll(round, edition, null)
  return edition
}

async function sendNext(answer: (request: BatchRequest) => BatchOutcome): Promise<void> {
  const edition = await planNext()
  round.provider.script.push(answer)
  await mailEdition(round, edition)
}

/** One report is no share of anything. */
const MORE = Array.from({ length: 5 }, (_, index) => `more-${index}`)

async function report(type: 'hard-bounce' | 'complained'): Promise<void> {
  const { edition } = await planFor(round, MORE, '2026-03-06')
  await mailEdition(round, edition)
  const deliveries = round.db.selectFrom('deliveries').select('public_id').where('edition_id', '=', edition.id)
  for (const { public_id: delivery } of await deliveries.execute()) {
    const facts = { delivery, notice: null, providerId: null, address: null, at: new Date() }
    await markReported(round.db, { id: `msg_${delivery}`, type, ...facts })
  }
}

/** So many readers of so many emails reported; no edition's own accounts show it. */
async function harmOf(type: 'hard-bounce' | 'complained', reports: number, sent: number): Promise<void> {
  const names = Array.from({ length: reports }, (_, index) => `r${index}`)
  const { edition } = await planFor(round, names, '2026-03-06')
  await mailEdition(round, edition)
  await sql`update batches set members = members || array_fill(members[1], array[${sent - reports}::int])
    where edition_id = ${edition.id}`.execute(round.db)
  await sql`insert into events (id, type, edition_id, subscriber_id, at)
    select d.public_id, ${type}, d.edition_id, d.subscriber_id, now() from deliveries d
    where d.edition_id = ${edition.id} and d.state = 'submitted'`.execute(round.db)
}

/** What a fault does to a sound round, and the scrape that shows it. */
type Fault = () => Promise<string>

const by =
  (make: () => Promise<unknown>): Fault =>
  async () => {
    await emptyRound(round.db)
    await makeSound()
    await make()
    return scrape()
  }
/** The scrape of a sound round with one series that rises or stays elsewhere. */
const going =
  (series: string, values: string): Fault =>
  async () =>
    (await scrape())
      .split('\n')
      .map((line) => (line.startsWith(`${series} `) ? `${series} ${values}` : line))
      .join('\n')

/**
 * By the rule that fires, and which of its faults where it has several. First what leaves the round
 * as it was.
 */
const FAULTS: Record<string, Fault> = {
  PaperRoundGone: async () => '',
  PaperRoundDatabaseAway: async () => {
    const db = openDatabase('postgres://nobody@127.0.0.1:1/none')
    const text = await scrape({ db })
    await db.destroy()
    return text
  },
  PaperRoundQueueAway: () => scrape({ queue: { ...queue, check: () => Promise.reject(new Error('Redis is away')) } }),
  PaperRoundUncounted: async () => {
    await query(asOwner(round.databaseUrl), 'alter table lineage rename to lineages')
    const text = await scrape()
    await query(asOwner(round.databaseUrl), 'alter table lineages rename to lineage')
    return text
  },
  PaperRoundUnclearAnswers: going(
    'paper_round_requests_total{provider="outbox",kind="batch",outcome="unknown"}',
    '0+1x120',
  ),
  PaperRoundJobsFailing: going('paper_round_jobs_failed_total{job="plan",name="plan"}', '0+1x120'),
  PaperRoundJobsDropped: going('paper_round_queue_jobs{queue="dispatch",state="failed"}', '0+1x120'),
  PaperRoundSignUpsRefused: going('paper_round_sign_ups_total{answer="refused"}', '0+3x120'),
  'PaperRoundSignUpsRefused, asked to prove themselves': going(
    'paper_round_sign_ups_total{answer="challenged"}',
    '0+9x120',
  ),
  PaperRoundBusy: going('nodejs_eventloop_lag_p99_seconds', '2+0x120'),
  PaperRoundNotTicking: by(() => sql`update ticks set at = now() - interval '10 minutes'`.execute(round.db)),
  PaperRoundNobodyWorks: by(() => sql`update heartbeats set roles = '{scheduler}'`.execute(round.db)),
  PaperRoundRestoredCopy: by(() => ensureRestoredHold(round.db, 'its witness is ahead')),
  PaperRoundSourceSilent: by(() =>
    sql`update collections set collected_at = now() - interval '7 hours'`.execute(round.db),
  ),
  PaperRoundNotFrozen: by(() =>
    ensureEdition(round.db, { date: '2026-03-06', kind: 'daily', cutoffAt: new Date('2026-03-07T00:30:00Z') }),
  ),
  PaperRoundNothingSent: by(planNext),
  PaperRoundSlow: by(async () => {
    await sql`update subscribers set changed_at = '2026-01-01'`.execute(round.db)
    await sql`update editions set frozen_at = '2026-01-01'`.execute(round.db)
    await sql`update deliveries set changed_at = (local_date + time '07:16') at time zone 'UTC'`.execute(round.db)
  }),
  PaperRoundEditionStopped: by(async () => {
    const { id } = await round.db.selectFrom('editions').select('id').executeTakeFirstOrThrow()
    await markStopped(round.db, id, 'the brake', null)
  }),
  PaperRoundProviderOut: by(() => markOut(round.db, 'outbox', { reason: 'the key is refused', waitMs: null })),
  PaperRoundUnknown: by(() => sendNext(() => ({ kind: 'mismatch', reason: 'known with another payload' }))),
  PaperRoundRejected: by(async () => {
    for (const name of MORE) await addReader(round.db, name)
    await sendNext(({ mails }) => ({
      kind: 'answered',
      outcomes: mails.map((_, index) =>
        index >= 5 ? { state: 'submitted', providerId: null } : { state: 'rejected', reason: 'no such mailbox' },
      ),
    }))
  }),
  PaperRoundBounces: by(() => report('hard-bounce')),
  PaperRoundBouncesUnread: by(() =>
    sql`update bounce_mailboxes set failed_since = now() - interval '1 hour', failure = 'nobody answers'`.execute(
      round.db,
    ),
  ),
  PaperRoundComplaints: by(() => report('complained')),
  PaperRoundComplaintShare: by(() => harmOf('complained', 5, 4_000)),
  PaperRoundBounceShare: by(() => harmOf('hard-bounce', 20, 1_000)),
}

/** As Prometheus stores a line: a label of the job's own gives way to that of the scrape. */
function asStored(line: string): string {
  const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (.*)$/.exec(line) ?? []
  const own = labels.replace(/\b(job|instance)="/g, 'exported_$1="')
  return `${name}{${['job="paper-round",instance="one:9464"', ...(own === '' ? [] : [own])].join(',')}} ${value}`
}

/** Two hours of a scrape that stays as it is, as promtool's own tests write it. */
function inputOf(text: string) {
  const lines = text
    .split('\n')
    .filter((line) => /^(paper_round_|nodejs_eventloop_lag_p99|process_resident)/.test(line))
  return lines.map(asStored).map((line) => {
    const at = line.search(/ (?=[^ ]+$)/)
    const value = line.slice(at + 1)
    return { series: line.slice(0, at), values: value.includes('x') ? value : `${value}+0x120` }
  })
}

const ruleOf = (fault: string) => fault.replace(/,.*/, '')

/** That a query has an answer at all; what it is, the figures' own tests say. */
const answered = (expr: string) => ({
  expr: `group(${expr})`,
  eval_time: '90m',
  exp_samples: [{ labels: '{}', value: 1 }],
})

const firing = (names: readonly string[]) => ({
  expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
  eval_time: '90m',
  exp_samples: names.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
})

describe('the rules for Prometheus', () => {
  beforeAll(async () => {
    provider.script.push({ kind: 'unknown', reason: 'cut' })
    await counted.send({ edition: { date: DATE, kind: 'daily' }, idempotencyKey: 'k', mails: [] })
  })
  beforeEach(makeSound)

  it('have each a fault that they are tried on, and say what to do', () => {
    expect(rules.map(({ alert }) => alert).sort()).toEqual([...new Set(Object.keys(FAULTS).map(ruleOf))].sort())
    for (const { annotations } of rules) {
      expect(annotations).toEqual({ summary: expect.stringMatching(/\.$/), action: expect.stringMatching(/\.$/) })
    }
  })

  it('and the dashboard ask for nothing that a scrape does not have', async () => {
    const names = new Set(
      (await scrape()).split('\n').map((line) => line.replace(/^# TYPE /, '').replace(/[{ ].*/, '')),
    )
    const asked = [...queries, ...rules.map(({ expr }) => expr)].flatMap(
      (expr) => expr.match(/\b(paper_round|nodejs|process)_\w+/g) ?? [],
    )
    expect(queries.length).toBeGreaterThan(20)
    expect([...new Set(asked)].filter((name) => !names.has(name))).toEqual([])
  })

  it.skipIf(!isInstalled)(
    'fire on their own fault alone; a sound round fires none, and answers each query of the dashboard',
    { tags: 'long' },
    async () => {
      const sound = inputOf(await scrape())
      const tests = [
        {
          name: 'sound',
          interval: '1m',
          input_series: sound,
          promql_expr_test: [firing([]), ...queries.map(answered)],
        },
      ]
      for (const [alert, fault] of Object.entries(FAULTS)) {
        const input = inputOf(await fault())
        tests.push({ name: alert, interval: '1m', input_series: input, promql_expr_test: [firing([ruleOf(alert)])] })
      }
      const file = join(tmpdir(), 'alerting.test.yml')
      // Nothing of it changes within two hours: fewer looks see the same.
      writeFileSync(file, JSON.stringify({ rule_files: [RULES], evaluation_interval: '5m', tests }))
      const checked = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' })
      expect([checked.status, checked.stderr]).toEqual([0, ''])
      const tried = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })
      expect(`${tried.stdout}${tried.stderr}`).not.toContain('FAILED')
      expect(tried.status).toBe(0)
    },
  )
})
