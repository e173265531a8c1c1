// The figures of what PostgreSQL holds, under labels that stay.
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { markOut } from '../../../src/delivery/provider/out.ts'
import { ensureEdition } from '../../../src/edition/store.ts'
import { markAnswered } from '../../../src/subscriber/sign-up-counts.ts'
import { collectFigures } from '../../../src/web/operator/figures.ts'
import { keepRound } from '../../support/kept-round.ts'
import { addReader, freezeEdition, type TestRound } from '../../support/round.ts'
import { mailEdition } from '../open-app.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const read = async () => (await collectFigures(round.db, ['outbox', 'resend'])).split('\n')
const CUTOFF_AT = new Date('2026-03-07T00:30:00Z')

it('names editions by kind and age and never by their date', async () => {
  await addReader(round.db, 'ada')
  await freezeEdition(round, '2026-03-04')
  await mailEdition(round, await freezeEdition(round, '2026-03-05'))
  await ensureEdition(round.db, { date: '2026-03-06', kind: 'daily', cutoffAt: CUTOFF_AT })
  const future = new Date(Date.now() + 86_400_000)
  await ensureEdition(round.db, { date: '2027-03-06', kind: 'daily', cutoffAt: future })
  const lines = await read()
  for (const line of [
    'edition_state{kind="daily",age="0",state="uncollected"} 1',
    'edition_state{kind="daily",age="0",state="frozen"} 0',
    'edition_state{kind="daily",age="1",state="frozen"} 1',
    'edition_due{kind="daily",age="0"} 0',
    'edition_due{kind="daily",age="1"} 1',
    'edition_deliveries{kind="daily",age="1",state="submitted",reason=""} 1',
    'edition_deliveries{kind="daily",age="0",state="submitted",reason=""} 0',
    'edition_fates{kind="daily",age="1",fate="bounced"} 0',
    'edition_stopped{kind="daily",age="1"} 0',
  ]) {
    expect(lines).toContain(`paper_round_${line}`)
  }
  expect(lines.filter((line) => line.includes('age=') && /age="[^01]|\d{4}-\d{2}/.test(line))).toEqual([])
  await round.db
    .updateTable('editions')
    .set({ state: 'held', reason: 'short' })
    .where('date', '=', '2026-03-06')
    .execute()
  expect(await read()).toContain('paper_round_edition_state{kind="daily",age="0",state="held"} 1')
})

it('tells how long after they were due emails were submitted', async () => {
  for (const name of ['ada', 'bob', 'cleo']) await addReader(round.db, name, { hour: 7, zone: 'Asia/Tokyo' })
  await mailEdition(round, await freezeEdition(round, '2026-03-05'))
  await sql`update editions set frozen_at = '2026-01-01'`.execute(round.db)
  await sql`update subscribers set changed_at = '2026-01-01'`.execute(round.db)
  await sql`
    update deliveries d set changed_at = (d.local_date + time '07:00') at time zone 'Asia/Tokyo'
      + make_interval(mins => case s.address when 'ada@example.org' then 0 when 'bob@example.org' then 4 else 20 end)
    from subscribers s where s.id = d.subscriber_id`.execute(round.db)
  const lines = await read()
  const bucket = (le: string) => `paper_round_submit_lag_seconds_bucket{kind="daily",age="0",le="${le}"}`
  for (const line of [
    `${bucket('60')} 1`,
    `${bucket('300')} 2`,
    `${bucket('900')} 2`,
    `${bucket('1800')} 3`,
    `${bucket('+Inf')} 3`,
    'paper_round_submit_lag_seconds_sum{kind="daily",age="0"} 1440',
    'paper_round_submit_lag_seconds_count{kind="daily",age="0"} 3',
  ]) {
    expect(lines).toContain(line)
  }
  // Who chose another hour since had nobody wait for them.
  await sql`update subscribers set hour = 1, changed_at = now()`.execute(round.db)
  expect(await read()).toContain('paper_round_submit_lag_seconds_sum{kind="daily",age="0"} 0')
})

it('counts readers, looks, providers that are out and sign-ups', async () => {
  await addReader(round.db, 'ada')
  await addReader(round.db, 'bob', { cadence: 'weekly' })
  await markOut(round.db, 'resend', { reason: 'the key is refused', waitMs: null })
  await sql`delete from sign_up_answers`.execute(round.db)
  await markAnswered(round.db, 'refused')
  await sql`
    insert into collections (date, source, verdict, listed, set_aside, collected_at)
    values ('2026-03-05', 'x', 'complete', 9, 0, now() - interval '2 hours'),
      ('2026-03-06', 'x', 'held', 1, 0, now() - interval '1 hour')`.execute(round.db)
  const lines = await read()
  for (const line of [
    'readers{consent="confirmed",cadence="daily"} 1',
    'readers{consent="confirmed",cadence="weekly"} 1',
    'provider_out{provider="outbox"} 0',
    'provider_out{provider="resend"} 1',
    'look_verdict{verdict="held"} 1',
    'look_verdict{verdict="complete"} 0',
    'sign_ups_total{answer="refused"} 1',
    'sign_ups{answer="refused"} 1',
    'held_as_restored 0',
  ]) {
    expect(lines).toContain(`paper_round_${line}`)
  }
  expect(lines.join('\n')).toMatch(/^paper_round_look_age_seconds\{verdict="complete"\} 72\d\d/m)
})

it('counts the processes that live by role, and says 0 where there is none', async () => {
  await sql`
    insert into heartbeats (id, roles, host, beat_at) values
      (gen_random_uuid(), '{worker,scheduler}', 'one', now()), (gen_random_uuid(), '{worker}', 'two', now() - interval '14 seconds'),
      (gen_random_uuid(), '{worker}', 'three', now() - interval '16 seconds'), (gen_random_uuid(), '{send}', 'four', now())`.execute(
    round.db,
  )
  const alive = (await read()).filter((line) => line.startsWith('paper_round_heartbeats{'))
  expect(alive).toEqual([
    'paper_round_heartbeats{role="worker"} 2',
    'paper_round_heartbeats{role="scheduler"} 1',
    'paper_round_heartbeats{role="send"} 1',
  ])
  await sql`delete from heartbeats`.execute(round.db)
  expect(await read()).toContain('paper_round_heartbeats{role="worker"} 0')
})

it('counts the mailbox of bounces where there is one, and how long it has failed', async () => {
  expect((await read()).join('\n')).not.toMatch(/bounces_|bounce_messages/)
  await sql`insert into bounce_mailboxes (name, reader, leased_until, read_at, failed_since, failure, applied, passed_over)
    values ('mailbox', gen_random_uuid(), round_clock(), round_clock() - interval '2 hours',
      round_clock() - interval '1 hour', 'nobody answers', 3, 1)`.execute(round.db)
  const lines = await read()
  expect(lines).toContain('paper_round_bounce_messages_total{result="applied"} 3')
  expect(lines).toContain('paper_round_bounce_messages_total{result="passed-over"} 1')
  expect(lines.join('\n')).toMatch(/^paper_round_bounces_read_age_seconds 72\d\d/m)
  expect(lines.join('\n')).toMatch(/^paper_round_bounces_failing_seconds 36\d\d/m)
})
