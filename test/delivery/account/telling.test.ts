// A fortnight replayed on real stores with a clock of its own: every reader and date ends in a
// mail, one to come, or one reason.
import fc from 'fast-check'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import type { Database } from '../../../src/database/schema.ts'
import { type Account, findAccount } from '../../../src/delivery/account/telling.ts'
import { cutoffOf, shiftDate } from '../../../src/edition/edition.ts'
import { ensureEdition, markFrozen, markState } from '../../../src/edition/store.ts'
import { makeNotes } from '../../../src/jobs/notes.ts'
import { planDue } from '../../../src/jobs/plan.ts'
import { nextHourSql } from '../../../src/subscriber/calendar.ts'
import { findSubscriberByAddress, markPaused, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { isFull } from '../../support/full.ts'
import { addReader, inventPlaces, openTestRound, type TestRound } from '../../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

const FROM = '2026-03-02'
const DAYS = isFull ? 15 : 9
const READERS = isFull ? 40 : 6
const SEED = 20_260_302

let database: TestDatabase
let opened: TestRound
let round: TestRound
let db: Kysely<Database>

beforeAll(async () => {
  database = await openTestDatabase('embedded')
  opened = await openTestRound(database.url)
  // One connection, on which the database's clock is the test's own: PostgreSQL looks in `public`
  // first.
  db = openDatabase(database.url, { maxConnections: 1 })
  round = { ...opened, db }
  await sql`create table public.test_clock (at timestamptz)`.execute(db)
  await sql`insert into public.test_clock values (${`${FROM}T00:00:00Z`})`.execute(db)
  for (const name of ['now', 'clock_timestamp']) {
    await sql
      .raw(
        `create function public.${name}() returns timestamptz stable language sql as 'select at from public.test_clock'`,
      )
      .execute(db)
  }
  await sql`set search_path to public, pg_catalog`.execute(db)
})
afterAll(async () => {
  await db.destroy()
  await opened.close()
  await database.close()
})

const setClock = (at: string) => sql`update public.test_clock set at = ${at}`.execute(db)

/** Brings a date's editions to where the day finds them. */
async function makeEditions(date: string, fate: number): Promise<void> {
  const isWeekend = [0, 6].includes(new Date(date).getUTCDay())
  const { id } = await ensureEdition(db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })
  if (isWeekend) await markState(db, id, { state: 'empty', reason: 'weekend' })
  else if (fate === 0) await markState(db, id, { state: 'held', reason: 'fewer than three papers on a working day' })
  else if (fate === 1) await markState(db, id, { state: 'empty', reason: 'source' })
  else await freeze(id, date, 4)
  const week = await ensureEdition(db, { date, kind: 'weekly', cutoffAt: cutoffOf(date, 30) })
  await freeze(week.id, date, 6)
}

async function freeze(id: number, date: string, count: number): Promise<void> {
  const places = inventPlaces(date, count)
  await db.transaction().execute(async (trx) => {
    for (const { paper } of places) {
      await sql`insert into papers (id, facts) values (${paper.id}, ${JSON.stringify(paper)}) on conflict do nothing`.execute(
        trx,
      )
    }
    await markFrozen(trx, id, places, false)
  })
}

async function settle(fate: number): Promise<void> {
  const state = fate === 0 ? 'rejected' : fate === 1 ? 'unknown' : 'submitted'
  await sql`update deliveries set state = ${state}, address = null, reason = ${fate === 0 ? 'no such mailbox' : null},
    local_date = case when ${fate === 0}::boolean then null else local_date end where state = 'planned'`.execute(db)
  await sql`update batches set state = 'settled'`.execute(db)
}

async function disturb(id: number, publicId: string, fate: number): Promise<void> {
  if (fate === 0)
    await sql`update subscribers set paused_until = (now() at time zone zone)::date + 2, waiting_since = now() where id = ${id}`.execute(
      db,
    )
  else if (fate === 1) await markPaused(db, id, null)
  else if (fate === 2) {
    await sql`update subscribers s set cadence = case cadence when 'daily' then 'weekly' else 'daily' end, waiting_since = now(),
      next_due_at = ${nextHourSql('s', sql`now()`)} where id = ${id} and consent = 'confirmed'`.execute(db)
  } else if (fate === 3) {
    await sql`insert into suppressions (address_hash, reason) select address_hash, 'bounced' from subscribers where id = ${id} on conflict do nothing`.execute(
      db,
    )
  } else if (fate === 4) await markUnsubscribed(db, publicId)
  else if (fate === 5) await sql`update subscribers s set zone = 'Asia/Tokyo' where id = ${id}`.execute(db)
}

describe('findAccount', () => {
  it('tells one thing of every reader and date of a fortnight, and what it tells is so', {
    timeout: 300_000,
  }, async () => {
    const random = fc.sample(fc.array(fc.nat(1_000), { minLength: 400, maxLength: 400 }), {
      seed: SEED,
      numRuns: 1,
    })[0] as number[]
    let drawn = 0
    const draw = (below: number) => (random[drawn++ % random.length] as number) % below
    const readers = []
    const disturbed = new Set<string>()
    for (let n = 0; n < READERS; n++) {
      const reader = await addReader(db, `r${n}`, {
        cadence: (['daily', 'daily', 'working-days', 'weekly'] as const)[n % 4] ?? 'daily',
        weekday: 1 + draw(7),
        hour: draw(24),
        zone: (['UTC', 'Asia/Tokyo', 'America/Los_Angeles', 'Europe/Paris'] as const)[draw(4)] ?? 'UTC',
        choices: n % 3 === 2 ? { minimumVotes: 9_999 } : {},
      })
      await sql`update subscribers set created_at = now() - interval '1 day', waiting_since = now() - interval '1 day',
        silence = ${n % 2 ? 'note' : 'silent'} where id = ${reader.id}`.execute(db)
      readers.push(reader)
    }
    for (let day = 0; day < DAYS; day++) {
      const date = shiftDate(FROM, day)
      // Late enough for most, on the same local day: a note is never for a day that is over.
      for (const hour of ['02', '22']) {
        await setClock(`${date}T${hour}:00:00Z`)
        if (hour === '02') await makeEditions(shiftDate(date, -1), draw(6))
        while ((await planDue(round)) > 0) {}
        await settle(draw(12))
      }
      const chosen = readers[draw(readers.length)]
      if (chosen && day > 2) {
        disturbed.add(chosen.publicId)
        await disturb(chosen.id, chosen.publicId, draw(12))
      }
    }
    const counts: Record<string, number> = {}
    for (const { address, publicId } of readers) {
      const subscriber = await findSubscriberByAddress(db, address as string)
      if (!subscriber) throw new Error('a reader is gone')
      const kind = subscriber.cadence === 'weekly' ? 'weekly' : 'daily'
      for (let day = 0; day < DAYS; day++) {
        const ask = { date: shiftDate(FROM, day), kind, cutoffMinutes: 30, topics: round.templates.topics } as const
        const account = await findAccount(db, subscriber, ask)
        await check(account, subscriber.id)
        const word = account.told.kind === 'silence' ? account.told.reason : account.told.kind
        counts[word] = (counts[word] ?? 0) + 1
        if (word === 'not-waiting') expect(disturbed).toContain(publicId)
      }
    }
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(READERS * DAYS)
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(['mail', 'weekend', 'below-bar', 'not-your-day']))
    // One mail a local day, notes among them.
    const twice = await sql`
      select subscriber_id, local_date from (
        select subscriber_id, local_date from deliveries where local_date is not null
        union all select subscriber_id, local_date from notes
      ) mails group by 1, 2 having count(*) > 1`.execute(db)
    expect(twice.rows).toEqual([])
    const { rows: notes } = await sql<{ kind: string; silence: string; count: number }>`
      select n.kind, s.silence, count(*)::int as count from notes n join subscribers s on s.id = n.subscriber_id group by 1, 2`.execute(
      db,
    )
    expect(notes.some(({ kind, silence }) => kind === 'day' && silence === 'note')).toBe(true)
    // Who wants silence hears once of two weeks without a paper.
    expect(notes.filter(({ silence, kind }) => silence === 'silent' && kind === 'day')).toEqual([])
    const due = notes.reduce((sum, { count }) => sum + count, 0)
    const made = await makeNotes(round)
    expect(made.length).toBeGreaterThan(0)
    expect(made.length).toBeLessThanOrEqual(due)
    expect(await makeNotes(round)).toEqual([])
  })
})

/** Holds what was told against the rows. */
async function check({ edition, told }: Account, subscriberId: number): Promise<void> {
  const row = edition
    ? await db
        .selectFrom('deliveries')
        .select(['state', 'reason'])
        .where('edition_id', '=', edition.id)
        .where('subscriber_id', '=', subscriberId)
        .executeTakeFirst()
    : undefined
  expect(told.kind === 'mail').toBe(row?.state === 'submitted')
  expect(told.sentence).toMatch(/^[A-Z].*\.$/)
  if (told.kind !== 'silence') return
  if (row) expect(['withheld', 'rejected', 'unknown']).toContain(row.state)
  else if (edition?.state !== 'frozen' && told.reason !== 'not-your-day') expect(told.whose).toBe('edition')
}
