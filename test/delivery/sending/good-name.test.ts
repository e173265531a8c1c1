// Complaints and bounces by the day of submission: counted on real rows, judged by pure functions,
// and what the brake does with them.
import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { markResumed } from '../../../src/delivery/sending/brake.ts'
import {
  ensureSentDays,
  findHarmOfDays,
  listSentDays,
  markBrakedByDays,
  readShares,
  type SentDay,
  sharesOf,
} from '../../../src/delivery/sending/good-name.ts'
import { shiftDate } from '../../../src/edition/edition.ts'
import { getEdition } from '../../../src/edition/store.ts'
import { keepRound } from '../../support/kept-round.ts'
import { freezeEdition, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

/**
 * An edition of which so many emails were sent so many days ago, with reports of a few of them by
 * now.
 */
async function send(daysAgo: number, sent: number, reports: { complained?: number; 'hard-bounce'?: number } = {}) {
  const { complained = 0, 'hard-bounce': bounced = 0 } = reports
  const date = shiftDate('2026-03-28', -daysAgo)
  const { id } = await freezeEdition(round, date, { hoursAgo: 24 * daysAgo + 1 })
  await sql`
    with base as (select coalesce(max(id), 0) as id from subscribers), added as (
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
      select 'r' || (base.id + i) || '@example.org', sha256((base.id + i)::text::bytea), 'confirmed', 'test',
        (select min(id) from preferences), 'daily', 7, 'UTC' from base, generate_series(1, ${complained + bounced}::int) i
      returning id
    ), batch as (
      insert into batches (edition_id, state, members, provider, first_attempt_at)
      select ${id}::int, 'settled', array(select id from added) || array_fill(0, array[${sent - complained - bounced}::int]),
        'outbox', round_clock() - make_interval(days => ${daysAgo}::int)
      returning id
    ), delivered as (
      insert into deliveries (edition_id, subscriber_id, batch_id, state, reason)
      select ${id}::int, added.id, batch.id, 'withheld', 'filtered' from added, batch returning subscriber_id, public_id
    ), numbered as (select *, row_number() over (order by subscriber_id) as number from delivered)
    insert into events (id, type, edition_id, subscriber_id, at)
    select public_id::text, case when number <= ${complained}::int then 'complained' else 'hard-bounce' end, ${id}::int, subscriber_id, round_clock()
    from numbered`.execute(round.db)
  return id
}

beforeEach(async () => {
  await sql`insert into preferences (sha256, choices) values ('x'::bytea, '{}')`.execute(round.db)
})

describe('shares', () => {
  it('count by the day of submission, whenever a report comes, and each reader of an email once', async () => {
    await send(20, 2_000, { complained: 6, 'hard-bounce': 20 })
    await send(3, 1_000, { 'hard-bounce': 10 })
    await send(0, 500, { complained: 1 })
    await send(31, 9_000, { complained: 90 })
    await sql`insert into events (id, type, edition_id, subscriber_id, at)
      select id || '-2', type, edition_id, subscriber_id, at from events`.execute(round.db)
    const days = await listSentDays(round.db)
    expect(days).toHaveLength(30)
    expect(days.at(-4)).toMatchObject({ sent: 1_000, complaints: 0, bounces: 10 })
    const shares = await readShares(round.db)
    expect(shares).toEqual([
      { days: 7, sent: 1_500, complaints: 1, bounces: 10, complaintShare: 1 / 1_500, bounceShare: 10 / 1_500 },
      { days: 30, sent: 3_500, complaints: 7, bounces: 30, complaintShare: 7 / 3_500, bounceShare: 30 / 3_500 },
    ])
    // What is kept of days that are over gives the same.
    await ensureSentDays(round.db)
    expect(await round.db.selectFrom('sent_days').selectAll().execute()).toHaveLength(27)
    expect(await readShares(round.db)).toEqual(shares)
  })

  it('of little are not judged', () => {
    const day = { day: '2026-03-05', sent: 999, complaints: 50, bounces: 50 }
    expect(sharesOf([day], 7)).toMatchObject({ sent: 999, complaintShare: null, bounceShare: null })
    expect(findHarmOfDays([day], null)).toBeNull()
  })
})

describe('findHarmOfDays', () => {
  const day = (sent: number, complaints: number, bounces: number, at = '2026-03-05'): SentDay => ({
    ...{ day: at, sent, complaints, bounces },
  })
  it.each([
    ['29 complaints of 10,000', [day(10_000, 29, 0)], null],
    [
      '30 complaints of 10,000',
      [day(10_000, 30, 0)],
      'complaints about 30 of 10,000 sent within 7 days, 0.3 % or more',
    ],
    ['four of a thousand are too few', [day(1_000, 4, 0)], null],
    ['199 bounces of 10,000', [day(10_000, 0, 199)], null],
    ['200 bounces of 10,000', [day(10_000, 0, 200)], 'hard bounces of 200 of 10,000 sent within 7 days, 2 % or more'],
  ])('%s', (_name, days, why) => {
    expect(findHarmOfDays(days, null)).toBe(why)
  })

  it('judges thirty days where seven are good, and nothing up to the day of a lifting', () => {
    const week = Array.from({ length: 7 }, (_, index) => day(200, 0, 0, `2026-03-1${index}`))
    const days = [day(10_000, 40, 0), ...week]
    expect(findHarmOfDays(days, null)).toMatch(/within 30 days/)
    expect(findHarmOfDays(days, '2026-03-05')).toBeNull()
  })
})

describe('the brake', () => {
  it('stops all that is in flight, and not again for what was lifted', async () => {
    const old = await send(2, 2_000, { complained: 6 })
    const flying = await freezeEdition(round, '2026-03-28')
    expect(await markBrakedByDays(round.db)).toEqual({
      ...{ why: 'complaints about 6 of 2,000 sent within 7 days, 0.3 % or more', editions: 1 },
    })
    expect((await getEdition(round.db, flying.id)).stoppedReason).toMatch(/^brake: complaints about 6/)
    expect((await getEdition(round.db, old)).stoppedReason).toBeNull()
    expect(await markBrakedByDays(round.db)).toBeNull()
    await markResumed(round.db, null)
    expect(await markBrakedByDays(round.db)).toBeNull()
  })
})
