import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { getNow } from '../../src/database/clock.ts'
import { cutoffOf, dateOf, shiftDate } from '../../src/edition/edition.ts'
import { lastHourSql, weekOfSql } from '../../src/subscriber/calendar.ts'
import { stopClocksOfLeavers } from '../../src/subscriber/clock.ts'
import { parseChoices, type Rhythm } from '../../src/subscriber/preferences.ts'
import {
  ensurePreferences,
  findSubscriberByAddress,
  findSubscriberByPublicId,
  insertSubscriber,
  insertSubscribers,
  isReaderDue,
  listSubscribers,
  listWantedWeeks,
  markPaused,
  markUnsubscribed,
  type NewSubscriber,
} from '../../src/subscriber/store.ts'
import { hashAddress } from '../../src/subscriber/subscriber.ts'
import { nextHour } from '../support/due.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, freezeEdition, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

function newSubscriber(name: string, given: Partial<NewSubscriber> = {}): NewSubscriber {
  const rhythm: Rhythm = { cadence: 'daily', weekday: 1, hour: 7, zone: 'UTC' }
  return { ...rhythm, address: `${name}@example.org`, choices: parseChoices({}), consentSource: 'test', ...given }
}

async function suppress(address: string): Promise<void> {
  const { value } = await round.db.selectFrom('secrets').selectAll().executeTakeFirstOrThrow()
  await sql`insert into suppressions (address_hash, reason) values (${hashAddress(value, address)}, 'bounced')`.execute(
    round.db,
  )
}

async function rowOf(address: string) {
  return round.db.selectFrom('subscribers').selectAll().where('address', '=', address).executeTakeFirstOrThrow()
}

async function clockOf(id: number) {
  return round.db.selectFrom('reader_clocks').selectAll().where('subscriber_id', '=', id).executeTakeFirstOrThrow()
}

describe('insertSubscribers', () => {
  it('answers for each in the order given: added, known or suppressed, and adds an address of one call once', async () => {
    await insertSubscriber(round.db, newSubscriber('known'))
    await suppress('suppressed@example.org')
    const names = ['suppressed', 'new', 'known', 'other', 'new', 'suppressed']
    const list = names.map((name, index) => newSubscriber(name, { hour: index }))
    expect(await insertSubscribers(round.db, list)).toEqual([
      'suppressed',
      'added',
      'known',
      'added',
      'known',
      'suppressed',
    ])
    const kept = await listSubscribers(round.db, 0, 10)
    expect(kept.map(({ address, hour }) => [address, hour])).toEqual([
      ['known@example.org', 7],
      ['new@example.org', 1],
      ['other@example.org', 3],
    ])
    expect(await insertSubscribers(round.db, [])).toEqual([])
  })

  it('leaves a known address as it is, in whatever state: nobody is revived', async () => {
    const { publicId } = await addReader(round.db, 'gone')
    await markUnsubscribed(round.db, publicId)
    const before = await rowOf('gone@example.org')
    expect(await insertSubscriber(round.db, newSubscriber('gone', { hour: 20 }))).toBe('known')
    expect(await rowOf('gone@example.org')).toEqual(before)
  })

  it('knows an erased address by its hash', async () => {
    await addReader(round.db, 'erased')
    await sql`update subscribers set address = null, consent = 'unsubscribed'`.execute(round.db)
    expect(await insertSubscriber(round.db, newSubscriber('erased'))).toBe('known')
  })

  it('refuses zones that the runtime or PostgreSQL does not know, naming them, and writes nothing at all', async () => {
    const list = [
      newSubscriber('good'),
      newSubscriber('lost', { zone: 'Mars/Base' }),
      newSubscriber('lower', { zone: 'europe/paris' }),
      newSubscriber('posix', { zone: 'posixrules' }),
      // PostgreSQL would read it as an hour ahead of UTC, summer or not.
      newSubscriber('abbreviated', { zone: 'CET' }),
    ]
    const refusal = expect(insertSubscribers(round.db, list)).rejects
    await refusal.toThrow(RangeError)
    await refusal.toThrow(/"Mars\/Base", "europe\/paris", "posixrules", "CET": use an IANA name/)
    expect(await listSubscribers(round.db, 0, 10)).toEqual([])
    expect(await round.db.selectFrom('preferences').selectAll().execute()).toEqual([])
  })

  it('keeps consent, source, a public id and the hash of the address under the key of the database', async () => {
    await insertSubscriber(round.db, newSubscriber('ada'))
    const row = await rowOf('ada@example.org')
    const { value } = await round.db.selectFrom('secrets').selectAll().executeTakeFirstOrThrow()
    expect(row.address_hash).toEqual(hashAddress(value, 'ada@example.org'))
    expect(row).toMatchObject({ consent: 'confirmed', consent_source: 'test', token_epoch: 0, paused_until: null })
    expect(row.public_id).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('shares a row of choices between all who chose the same', async () => {
    const full = parseChoices({ length: 'full' })
    await insertSubscribers(round.db, [
      newSubscriber('a'),
      newSubscriber('b', { choices: full }),
      newSubscriber('c', { choices: { ...full } }),
    ])
    await insertSubscriber(round.db, newSubscriber('d', { choices: full }))
    const rows = await round.db.selectFrom('subscribers').select('preferences_id as id').orderBy('address').execute()
    const [a, b, c, d] = rows.map((row) => row.id)
    expect([c, d]).toEqual([b, b])
    expect(a).not.toBe(b)
    expect(await ensurePreferences(round.db, [full, parseChoices({}), full])).toEqual([b, a, b])
    expect(await ensurePreferences(round.db, [])).toEqual([])
    expect((await findSubscriberByAddress(round.db, 'd@example.org'))?.choices).toEqual(full)
  })

  it('is due at the first chosen local hour after now, whatever the cadence and the zone', async () => {
    const rhythms = (['daily', 'working-days', 'weekly'] as const).flatMap((cadence) =>
      ['UTC', 'Asia/Tokyo', 'America/Los_Angeles', 'Australia/Lord_Howe', 'Pacific/Kiritimati'].flatMap((zone) =>
        [0, 11, 23].map((hour): Rhythm => ({ cadence, zone, hour, weekday: 1 + (hour % 7) })),
      ),
    )
    await insertSubscribers(
      round.db,
      rhythms.map((rhythm, index) => newSubscriber(`reader${index}`, rhythm)),
    )
    // All rows of a call are written at one time of the database: now().
    const rows = await round.db
      .selectFrom('subscribers as s')
      .innerJoin('reader_clocks as c', 'c.subscriber_id', 's.id')
      .selectAll()
      .orderBy('id')
      .execute()
    expect(rows).toHaveLength(rhythms.length)
    for (const row of rows) {
      expect(row.next_due_at?.toISOString()).toBe(
        new Date(nextHour(row as Rhythm & typeof row, row.created_at.getTime())).toISOString(),
      )
    }
  })
})

describe('finding and listing', () => {
  it('finds by address and by public id, and nothing otherwise', async () => {
    const ada = await addReader(round.db, 'ada', { choices: { papers: 3 }, zone: 'Asia/Tokyo' })
    expect(await findSubscriberByPublicId(round.db, ada.publicId)).toEqual(ada)
    expect(ada).toMatchObject({ address: 'ada@example.org', zone: 'Asia/Tokyo', choices: { papers: 3 }, tokenEpoch: 0 })
    expect(await findSubscriberByAddress(round.db, 'bob@example.org')).toBeUndefined()
    expect(await findSubscriberByPublicId(round.db, '00000000-0000-4000-8000-000000000000')).toBeUndefined()
  })

  it('lists page by page, everyone once and in order', async () => {
    await insertSubscribers(
      round.db,
      Array.from({ length: 7 }, (_, index) => newSubscriber(`reader${index}`)),
    )
    const pages: (string | null)[][] = []
    let after = 0
    for (;;) {
      const page = await listSubscribers(round.db, after, 3)
      if (page.length === 0) break
      pages.push(page.map((subscriber) => subscriber.address))
      after = page.at(-1)?.id ?? after
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1])
    expect(pages.flat()).toEqual(Array.from({ length: 7 }, (_, index) => `reader${index}@example.org`))
  })
})

describe('markUnsubscribed', () => {
  it('ends the subscription and its clock; saying it again changes nothing', async () => {
    const { publicId } = await addReader(round.db, 'ada')
    expect((await findSubscriberByPublicId(round.db, publicId))?.nextDueAt).toBeInstanceOf(Date)
    expect(await markUnsubscribed(round.db, publicId)).toBe(true)
    const row = await rowOf('ada@example.org')
    expect(row.consent).toBe('unsubscribed')
    expect((await findSubscriberByPublicId(round.db, publicId))?.nextDueAt).toBeNull()
    expect(await markUnsubscribed(round.db, publicId)).toBe(true)
    expect(await rowOf('ada@example.org')).toEqual(row)
  })

  it('knows nobody by a strange id', async () => {
    const { publicId } = await addReader(round.db, 'ada')
    expect(
      await markUnsubscribed(
        round.db,
        publicId.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
      ),
    ).toBe(false)
    expect((await rowOf('ada@example.org')).consent).toBe('confirmed')
  })
})

describe('markPaused', () => {
  it('sets and lifts a pause; either way what froze before is no longer waited for', async () => {
    const { id } = await addReader(round.db, 'ada')
    const long = await clockOf(id)
    await markPaused(round.db, id, '2999-12-31')
    const paused = await clockOf(id)
    expect((await rowOf('ada@example.org')).paused_until).toBe('2999-12-31')
    expect(paused.waiting_since.getTime()).toBeGreaterThan(long.waiting_since.getTime())
    expect(paused.next_due_at).toEqual(long.next_due_at)
    await sql`update reader_clocks set waiting_since = now() - interval '1 day'`.execute(round.db)
    await markPaused(round.db, id, null)
    const resumed = await clockOf(id)
    expect((await rowOf('ada@example.org')).paused_until).toBeNull()
    expect(resumed.waiting_since.getTime()).toBeGreaterThanOrEqual(paused.waiting_since.getTime())
  })
})

describe('isReaderDue', () => {
  it('is true once the hour of a reader has come, until the planner has seen that they left', async () => {
    expect(await isReaderDue(round.db)).toBe(false)
    const { id, publicId } = await addReader(round.db, 'ada')
    const stop = () => round.db.transaction().execute((trx) => stopClocksOfLeavers(trx, [id]))
    expect(await isReaderDue(round.db)).toBe(false)
    await sql`update reader_clocks set next_due_at = now() - interval '1 second'`.execute(round.db)
    await stop()
    expect(await isReaderDue(round.db)).toBe(true)
    await markUnsubscribed(round.db, publicId)
    await stop()
    expect(await isReaderDue(round.db)).toBe(false)
  })
})

describe('listWantedWeeks', () => {
  /**
   * Now as minutes after the cut-off, so that the last date cut off is yesterday whenever a test
   * runs.
   */
  let week: string
  let cutoffMinutes: number
  beforeEach(async () => {
    const now = await getNow(round.db)
    week = shiftDate(dateOf(now), -1)
    cutoffMinutes = Math.floor((now.getTime() - Date.parse(dateOf(now))) / 60_000) - 10
  })
  const wanted = () => listWantedWeeks(round.db, cutoffMinutes)
  /** Puts the hour of every reader some minutes after the last cut-off. */
  const due = (minutes: number) =>
    sql`update reader_clocks set next_due_at = ${cutoffOf(week, cutoffMinutes).toISOString()}::timestamptz + make_interval(mins => ${minutes}::int)`.execute(
      round.db,
    )

  it('are those whose cut-off is the last at or before the hour of some weekly reader, and has passed', async () => {
    await addReader(round.db, 'weekly', { cadence: 'weekly' })
    await due(0)
    expect(await wanted()).toEqual([week])
    await due(24 * 60 - 1)
    expect(await wanted()).toEqual([week])
    await due(24 * 60)
    expect(await wanted()).toEqual([])
    await due(-1)
    expect(await wanted()).toEqual([shiftDate(week, -1)])
  })

  it('are all that an outage left unmade, and of a longer one the last that a reader points to', async () => {
    for (const name of ['a', 'b', 'c']) await addReader(round.db, name, { cadence: 'weekly' })
    await due(60)
    const put = (name: string, days: number) =>
      sql`
        update reader_clocks c set next_due_at = next_due_at - make_interval(days => ${days}::int)
        from subscribers s where s.id = c.subscriber_id and s.address = ${`${name}@example.org`}`.execute(round.db)
    await put('b', 2)
    expect(await wanted()).toEqual([shiftDate(week, -2), week])
    // Three weeks ago: their hour has come three times more.
    await put('c', 21)
    const { rows } = await sql<{ week: string }>`
      select ${weekOfSql(lastHourSql('s', sql`now()`), cutoffMinutes)} as week from subscribers s where address = 'c@example.org'`.execute(
      round.db,
    )
    expect(await wanted()).toEqual([...new Set([shiftDate(week, -2), rows[0]?.week, week])].sort())
  })

  it('are no longer wanted when they are made, nor by readers of another cadence or without consent', async () => {
    const { publicId } = await addReader(round.db, 'weekly', { cadence: 'weekly' })
    await addReader(round.db, 'daily')
    await due(60)
    await freezeEdition(round, week, { kind: 'daily' })
    expect(await wanted()).toEqual([week])
    await markUnsubscribed(round.db, publicId)
    await due(60)
    expect(await wanted()).toEqual([])
    await addReader(round.db, 'other', { cadence: 'weekly' })
    await due(60)
    await freezeEdition(round, week, { kind: 'weekly' })
    expect(await wanted()).toEqual([])
  })

  it('are made for a reader who has just confirmed only when none of the last seven dates is there', async () => {
    await addReader(round.db, 'new', { cadence: 'weekly' })
    await sql`update reader_clocks set welcome = true, next_due_at = now()`.execute(round.db)
    expect(await wanted()).toEqual([week])
    await freezeEdition(round, shiftDate(week, -7), { kind: 'weekly' })
    expect(await wanted()).toEqual([week])
    await freezeEdition(round, shiftDate(week, -6), { kind: 'weekly' })
    expect(await wanted()).toEqual([])
  })
})
