// Who is due for which edition, when, and what becomes of what waits: by the hour, whatever the
// reader changes in between.

import { CompiledQuery, type Kysely, sql } from 'kysely'
import { DateTime } from 'luxon'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../../src/database/schema.ts'
import { readFacts } from '../../../src/delivery/alarm/facts.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { listMembers } from '../../../src/delivery/sending/members.ts'
import { claim, markAttempting } from '../../../src/delivery/sending/once.ts'
import { cutoffOf, shiftDate } from '../../../src/edition/edition.ts'
import { ensureEdition, markState } from '../../../src/edition/store.ts'
import { planAll, planDue } from '../../../src/jobs/plan.ts'
import { type Change, markChanged } from '../../../src/subscriber/change.ts'
import { READER_HOURS } from '../../../src/subscriber/clock.ts'
import { findSubscriberById } from '../../../src/subscriber/store.ts'
import { moveClock, stopClock } from '../../support/clock.ts'
import { keepRound } from '../../support/kept-round.ts'
import { makePlace } from '../../support/places.ts'
import { asOwner } from '../../support/program-user.ts'
import {
  addReader,
  freezeEdition,
  inventPlaces,
  listDeliveries,
  readAccounts,
  readBatch,
  type TestRound,
} from '../../support/round.ts'
import { query } from '../../support/servers.ts'

let round: TestRound
let db: Kysely<Database>
keepRound((kept) => {
  round = kept
  db = kept.db
})
beforeEach(() => {
  round.provider.batchSize = 100
})

/** This hour in UTC: the last chosen hour of a reader who has it was less than an hour ago. */
const thisHour = () => new Date().getUTCHours()

/** As if the provider had taken all that is planned. */
async function settleAll(): Promise<void> {
  await sql`update deliveries set state = 'submitted', address = null where state = 'planned'`.execute(db)
  await sql`update batches set state = 'settled'`.execute(db)
}

/** Adds a reader whose hour has come. */
async function addDueReader(name: string, given: Parameters<typeof addReader>[2] = {}) {
  const reader = await addReader(db, name, { hour: thisHour(), ...given })
  await sql`update reader_clocks set next_due_at = now() - interval '1 second' where subscriber_id = ${reader.id}`.execute(
    db,
  )
  return reader
}

describe('planDue', () => {
  it('gives the newest edition that froze before the chosen hour, and merges the others into it', async () => {
    const older = await freezeEdition(round, '2026-03-03', { hoursAgo: 50 })
    const old = await freezeEdition(round, '2026-03-04', { hoursAgo: 26 })
    const newest = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    const reader = await addDueReader('a')
    expect(await planDue(round)).toBe(1)
    expect(await listDeliveries(db)).toMatchObject([
      { edition_id: older.id, state: 'withheld', reason: 'merged' },
      { edition_id: old.id, state: 'withheld', reason: 'merged' },
      { edition_id: newest.id, state: 'planned', local_date: new Date().toISOString().slice(0, 10) },
    ])
    const after = await findSubscriberById(db, reader.id)
    expect(after?.nextDueAt?.getTime()).toBeGreaterThan(Date.now())
    expect(await planDue(round)).toBe(0)
    for (const { id } of [older, old, newest]) await readAccounts(db, id)
  })

  it('puts the papers of a merged edition into the newest, for those who missed it and nobody else', async () => {
    const missed = await freezeEdition(round, '2026-03-04', { places: inventPlaces('2026-03-04', 3), hoursAgo: 26 })
    const prompt = await addDueReader('prompt')
    await planAll(round, missed, 'prompt@example.org')
    await settleAll()
    await sql`update deliveries set local_date = '2026-03-05'`.execute(db)
    const fresh = inventPlaces('2026-03-05', 2)
    const late = inventPlaces('2026-03-04', 3).map((place) => ({
      ...place,
      // The first has gained a vote since.
      ...(place.rank === 1
        ? { section: 'rising' as const, rankBefore: 1, upvotesBefore: place.upvotes, upvotes: place.upvotes + 1 }
        : { section: 'late' as const }),
      position: place.position + 2,
    }))
    const other = { ...makePlace({ position: 6, section: 'late', listedOn: '2026-03-03' }, { id: '2603.99999' }) }
    const newest = await freezeEdition(round, '2026-03-05', { places: [...fresh, ...late, other], hoursAgo: 2 })
    const outage = await addDueReader('outage')
    await planDue(round)
    const rows = await sql<{ id: number; papers: number[] }>`
      select d.subscriber_id as id, x.papers from deliveries d join selections x on x.edition_id = d.edition_id and x.id = d.selection_id
      where d.edition_id = ${newest.id}`.execute(db)
    expect(Object.fromEntries(rows.rows.map((row) => [row.id, row.papers]))).toEqual({
      [prompt.id]: [1, 2],
      [outage.id]: [1, 2, 3, 4, 5],
    })
    expect(await readAccounts(db, missed.id)).toMatchObject({ due: 2, withheld: { merged: 1 } })
  })

  it('makes up for an edition that was merged after its plan, with the next digest and no later one', async () => {
    const merged = await freezeEdition(round, '2026-03-04', { places: inventPlaces('2026-03-04', 3), hoursAgo: 50 })
    const reader = await addDueReader('a', { choices: { papers: 2 } })
    await planDue(round)
    // At its mark another one was on its way.
    await sql`update deliveries set state = 'withheld', reason = 'merged', local_date = null, changed_at = clock_timestamp()`.execute(
      db,
    )
    const late = inventPlaces('2026-03-04', 3).map((place) => ({ ...place, section: 'late' as const }))
    for (const [date, papers] of [
      ['2026-03-05', [1, 2, 3, 4]],
      ['2026-03-06', [1, 2]],
    ] as const) {
      const places = [...inventPlaces(date, 2), ...late].map((place, at) => ({ ...place, position: at + 1 }))
      const edition = await freezeEdition(round, date, { places, hoursAgo: 2 })
      await sql`update deliveries set local_date = date '2000-01-01' + edition_id where local_date is not null`.execute(
        db,
      )
      await sql`update reader_clocks set next_due_at = now() - interval '1 second', waiting_since = now() - interval '60 days'`.execute(
        db,
      )
      await planDue(round)
      const { rows } = await sql`
        select x.papers from deliveries d join selections x on x.edition_id = d.edition_id and x.id = d.selection_id
        where d.edition_id = ${edition.id} and d.subscriber_id = ${reader.id}`.execute(db)
      expect(rows).toEqual([{ papers }])
      await settleAll()
    }
    expect(await readAccounts(db, merged.id)).toMatchObject({ due: 1, withheld: { merged: 1 } })
  })

  it('withholds as late what froze too long ago', async () => {
    const late = await freezeEdition(round, '2026-03-01', { hoursAgo: 97 })
    await addDueReader('a')
    await planDue(round)
    expect(await listDeliveries(db)).toMatchObject([{ edition_id: late.id, state: 'withheld', reason: 'late' }])
  })

  it('leaves what froze after the chosen hour to the next one', async () => {
    await freezeEdition(round, '2026-03-05', { hoursAgo: 0 })
    await sql`update editions set frozen_at = now()`.execute(db)
    await addDueReader('a', { hour: (thisHour() + 23) % 24 })
    expect(await planDue(round)).toBe(1)
    expect(await listDeliveries(db)).toEqual([])
    await sql`update editions set frozen_at = now() - interval '3 hours'`.execute(db)
    await sql`update reader_clocks set next_due_at = now(), waiting_since = now() - interval '1 day'`.execute(db)
    await planDue(round)
    expect(await listDeliveries(db)).toMatchObject([{ state: 'planned' }])
  })

  it('knows nobody before their consent: what froze earlier does not wait for them, and archives wait for nobody', async () => {
    await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    const archived = await freezeEdition(round, '2026-03-04', { hoursAgo: 2 })
    await sql`update editions set archive = true where id = ${archived.id}`.execute(db)
    await addDueReader('new')
    await sql`update reader_clocks set waiting_since = now() - interval '1 hour 30 minutes'`.execute(db)
    await addDueReader('old')
    await planDue(round)
    expect(await listDeliveries(db)).toHaveLength(1)
    expect((await listDeliveries(db))[0]).toMatchObject({ state: 'planned' })
  })

  it('moves the clock of paused and suppressed readers on without a delivery, and merges nothing for them later', async () => {
    await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    const paused = await addDueReader('paused')
    await sql`update subscribers set paused_until = '2999-01-01' where id = ${paused.id}`.execute(db)
    expect(await planDue(round)).toBe(1)
    expect(await listDeliveries(db)).toEqual([])
    await sql`update subscribers set paused_until = null where id = ${paused.id}`.execute(db)
    await sql`update reader_clocks set next_due_at = now() where subscriber_id = ${paused.id}`.execute(db)
    await planDue(round)
    expect(await listDeliveries(db)).toEqual([])
  })

  describe('for who has just confirmed', () => {
    /** As confirming leaves a reader whose own hour is hours away. */
    async function addNewReader(name: string, given: Parameters<typeof addReader>[2] = {}) {
      const reader = await addReader(db, name, { hour: (thisHour() + 12) % 24, ...given })
      await sql`update reader_clocks set welcome = true, waiting_since = now(), next_due_at = now() where subscriber_id = ${reader.id}`.execute(
        db,
      )
      return reader
    }

    it('gives the latest frozen edition at once, however old, for this local date, and then waits for the next freeze', async () => {
      await freezeEdition(round, '2026-03-03', { hoursAgo: 150 })
      // On a host's first day there is nothing but the archive.
      const latest = await freezeEdition(round, '2026-03-04', { hoursAgo: 120 })
      await sql`update editions set archive = true`.execute(db)
      await addNewReader('new')
      expect(await planDue(round)).toBe(1)
      expect(await listDeliveries(db)).toMatchObject([
        { edition_id: latest.id, state: 'planned', local_date: new Date().toISOString().slice(0, 10) },
      ])
      const { rows: hours } = await sql<{ welcome: boolean; at: Date | null }>`
        select welcome, next_due_at as at from ${READER_HOURS} c`.execute(db)
      expect(hours).toMatchObject([{ welcome: false }])
      expect(hours[0]?.at?.getTime()).toBeGreaterThan(Date.now())
      // Their own hour of the same local date brings no second mail, whatever froze meanwhile; the
      // next day does.
      const next = await freezeEdition(round, '2026-03-06', { hoursAgo: 0 })
      await sql`update subscribers set hour = ${thisHour()}`.execute(db)
      await sql`update reader_clocks set waiting_since = now() - interval '2 days', next_due_at = now()`.execute(db)
      await sql`update editions set frozen_at = now() - interval '1 day' where id = ${next.id}`.execute(db)
      await planDue(round)
      expect(await listDeliveries(db)).toHaveLength(1)
      await sql`update deliveries set local_date = local_date - 1`.execute(db)
      await sql`update reader_clocks set next_due_at = now()`.execute(db)
      await planDue(round)
      expect(await listDeliveries(db)).toMatchObject([
        { edition_id: latest.id },
        { edition_id: next.id, state: 'planned' },
      ])
    })

    it('gives nothing where nothing is frozen or kept, or they had it, and their hour comes as usual', async () => {
      const pruned = await freezeEdition(round, '2026-01-05', { hoursAgo: 1500 })
      await sql`update editions set pruned_at = now() where id = ${pruned.id}`.execute(db)
      await addNewReader('early')
      expect(await planDue(round)).toBe(1)
      expect(await listDeliveries(db)).toEqual([])
      const edition = await freezeEdition(round, '2026-03-05')
      await addReader(db, 'back')
      await planAll(round, edition, 'back@example.org')
      await sql`update deliveries set local_date = '2026-03-06', state = 'submitted', address = null`.execute(db)
      await sql`update reader_clocks set welcome = true, next_due_at = now() where subscriber_id in (select id from subscribers where address = 'back@example.org')`.execute(
        db,
      )
      await planDue(round)
      expect(await listDeliveries(db)).toHaveLength(1)
      expect(await db.selectFrom('reader_clocks').select('welcome').execute()).toEqual([
        { welcome: false },
        { welcome: false },
      ])
    })

    it('gives a weekly reader the newest week of the last seven dates, and waits while one is made', async () => {
      const today = new Date().toISOString().slice(0, 10)
      await freezeEdition(round, shiftDate(today, -9), { kind: 'weekly', hoursAgo: 200 })
      await addNewReader('weekly', { cadence: 'weekly' })
      expect(await planDue(round)).toBe(0)
      const week = await freezeEdition(round, shiftDate(today, -4), { kind: 'weekly', hoursAgo: 80 })
      expect(await planDue(round)).toBe(1)
      expect(await listDeliveries(db)).toMatchObject([{ edition_id: week.id, state: 'planned', local_date: today }])
    })
  })

  it('gives weekly readers the week that their hour points to, and waits while it is being made', async () => {
    await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    const today = new Date()
    // At the chosen hour the last date whose cut-off (00:30) had passed is yesterday, or the day
    // before in the first half hour.
    const hourAt = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate(), thisHour()))
    const pointed = new Date(hourAt.getTime() - 30 * 60_000 - 86_400_000).toISOString().slice(0, 10)
    await addDueReader('weekly', { cadence: 'weekly', weekday: ((today.getUTCDay() + 6) % 7) + 1 })
    expect(await planDue(round)).toBe(0)
    expect(await listDeliveries(db)).toEqual([])
    const edition = await freezeEdition(round, pointed, { kind: 'weekly', hoursAgo: 0 })
    expect(await planDue(round)).toBe(1)
    expect(await listDeliveries(db)).toMatchObject([{ edition_id: edition.id, state: 'planned' }])
  })

  it('lets an edition wait when the local day of the hour has its digest already, instead of losing it', async () => {
    const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    const earlier = await freezeEdition(round, '2026-03-04', { hoursAgo: 30 })
    const reader = await addDueReader('a')
    await planAll(round, earlier, null)
    const today = new Date().toISOString().slice(0, 10)
    await sql`update deliveries set local_date = ${today}`.execute(db)
    expect(await planDue(round)).toBe(1)
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 0 })
    await sql`update deliveries set local_date = ${today}::date - 1`.execute(db)
    await sql`update reader_clocks set next_due_at = now()`.execute(db)
    await planDue(round)
    expect((await listDeliveries(db)).filter((row) => row.edition_id === edition.id)).toMatchObject([
      { subscriber_id: reader.id, state: 'planned', local_date: today },
    ])
  })

  describe('where an older edition still waits for quota or provider', () => {
    const fresh = inventPlaces('2026-03-05', 2)
    const late = inventPlaces('2026-03-04', 3).map((place) => ({
      ...place,
      section: 'late' as const,
      position: place.position + 2,
    }))
    const intent = { hash: Buffer.alloc(32), version: 1, idempotencyKey: 'key', provider: 'outbox' }

    /** Plans an edition of yesterday for two readers, one of whom is due for today's. */
    async function planYesterday() {
      const older = await freezeEdition(round, '2026-03-04', { places: inventPlaces('2026-03-04', 3), hoursAgo: 26 })
      const due = await addDueReader('due')
      const later = await addReader(db, 'later', { hour: (thisHour() + 1) % 24 })
      await planAll(round, older, null)
      await sql`update deliveries set local_date = '2026-03-05', issued_at = issued_at - interval '1 day'`.execute(db)
      await sql`update reader_clocks set waiting_since = now() - interval '1 day'`.execute(db)
      const newer = await freezeEdition(round, '2026-03-05', { places: [...fresh, ...late], hoursAgo: 2 })
      const { id } = await db.selectFrom('batches').select('id').executeTakeFirstOrThrow()
      return { older, newer, due, later, batchId: id }
    }

    it('takes that in, with its papers, and leaves it to everybody else', async () => {
      const { older, newer, due, later, batchId } = await planYesterday()
      expect(await planDue(round)).toBe(1)
      expect(await listDeliveries(db)).toMatchObject([
        { edition_id: older.id, subscriber_id: due.id, state: 'withheld', reason: 'merged', local_date: null },
        { edition_id: older.id, subscriber_id: later.id, state: 'planned' },
        { edition_id: newer.id, subscriber_id: due.id, state: 'planned' },
      ])
      const [selection] = await db
        .selectFrom('selections')
        .select('papers')
        .where('edition_id', '=', newer.id)
        .execute()
      expect(selection?.papers).toEqual([1, 2, 3, 4, 5])
      const left = (await listMembers(db, batchId)).filter(({ leaving }) => leaving === null)
      expect(left.map(({ subscriberId }) => subscriberId)).toEqual([later.id])
      await readAccounts(db, older.id)
    })

    it('fences whoever was about to mark it', async () => {
      const { batchId } = await planYesterday()
      const claimed = await claim(db, BATCH, batchId)
      if (!claimed) throw new Error('not claimed')
      await planDue(round)
      expect(await markAttempting(db, BATCH, claimed, intent)).toBe('lost')
      expect(await readBatch(db, batchId)).toMatchObject({ state: 'planned', idempotency_key: null })
    })

    it('leaves what is fixed already: it may have been accepted', async () => {
      const { older, newer, due, batchId } = await planYesterday()
      const claimed = await claim(db, BATCH, batchId)
      if (!claimed) throw new Error('not claimed')
      await sql`update deliveries set issued_at = now()`.execute(db)
      expect(await markAttempting(db, BATCH, claimed, intent)).toMatchObject({ branch: 1 })
      await planDue(round)
      expect((await listDeliveries(db)).filter(({ subscriber_id }) => subscriber_id === due.id)).toMatchObject([
        { edition_id: older.id, state: 'planned' },
        { edition_id: newer.id, state: 'planned' },
      ])
      const [selection] = await db
        .selectFrom('selections')
        .select('papers')
        .where('edition_id', '=', newer.id)
        .execute()
      expect(selection?.papers).toEqual([1, 2])
    })
  })

  describe('when a reader changes their rhythm between two digests', () => {
    const change = (id: number, given: Change) => db.transaction().execute((trx) => markChanged(trx, id, given, round))
    const hourIn = (zone: string) => DateTime.now().setZone(zone).hour
    const dateIn = (zone: string) => DateTime.now().setZone(zone).toISODate()

    /**
     * Moves everything that happened a day into the past: the database's clock cannot be turned.
     */
    async function letADayPass() {
      // Far away and back: two neighbouring dates of a reader must not meet on the way.
      for (const days of [-10_000, 9_999])
        await sql`update deliveries set local_date = local_date + ${days}::int`.execute(db)
      await sql`update editions set frozen_at = frozen_at - interval '1 day'`.execute(db)
      await sql`update reader_clocks set waiting_since = waiting_since - interval '1 day', next_due_at = now()`.execute(
        db,
      )
    }

    it('gives one digest a local date to who travels against the sun, and loses none', async () => {
      // A whole day apart: the same time on the wall, a date earlier.
      const [there, here] = ['Pacific/Kiritimati', 'Pacific/Honolulu']
      const first = await freezeEdition(round, '2026-03-03', { hoursAgo: 2 })
      const reader = await addDueReader('a', { zone: there, hour: hourIn(there) })
      await planDue(round)
      await settleAll()
      await change(reader.id, { zone: here })
      const second = await freezeEdition(round, '2026-03-04', { hoursAgo: 2 })
      await sql`update reader_clocks set waiting_since = now() - interval '1 day', next_due_at = now()`.execute(db)
      await planDue(round)
      expect(await listDeliveries(db)).toMatchObject([
        { edition_id: first.id, state: 'submitted', local_date: dateIn(there) },
        { edition_id: second.id, state: 'planned', local_date: dateIn(here) },
      ])
      await settleAll()
      // The next date had its digest over there: what freezes waits.
      await letADayPass()
      const third = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
      await planDue(round)
      expect(await listDeliveries(db)).toHaveLength(2)
      await letADayPass()
      const fourth = await freezeEdition(round, '2026-03-06', { hoursAgo: 2 })
      await planDue(round)
      expect((await listDeliveries(db)).slice(2)).toMatchObject([
        { edition_id: third.id, state: 'withheld', reason: 'merged' },
        { edition_id: fourth.id, state: 'planned', local_date: dateIn(here) },
      ])
    })

    it('gives the newest to who travels with the sun, once', async () => {
      const [there, here] = ['Pacific/Honolulu', 'Pacific/Kiritimati']
      const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
      const reader = await addDueReader('a', { zone: there, hour: hourIn(there) })
      await planDue(round)
      await change(reader.id, { zone: here })
      await sql`update reader_clocks set next_due_at = now()`.execute(db)
      await planDue(round)
      expect(await listDeliveries(db)).toMatchObject([
        { edition_id: edition.id, state: 'planned', local_date: dateIn(there) },
      ])
    })

    it('asks a reader who chose a later hour again that day, and gives them nothing twice', async () => {
      const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
      const reader = await addDueReader('a')
      await planDue(round)
      await change(reader.id, { hour: (thisHour() + 1) % 24 })
      const { next_due_at } = await db.selectFrom('reader_clocks').select('next_due_at').executeTakeFirstOrThrow()
      expect((next_due_at as Date).getTime() - Date.now()).toBeLessThanOrEqual(3_600_000)
      await sql`update subscribers set hour = ${thisHour()}`.execute(db)
      await sql`update reader_clocks set next_due_at = now()`.execute(db)
      await planDue(round)
      expect((await listDeliveries(db)).map(({ edition_id }) => edition_id)).toEqual([edition.id])
    })

    it('keeps what froze for who chose an hour that is over, until tomorrow', async () => {
      const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
      const reader = await addReader(db, 'a', { hour: (thisHour() + 1) % 24 })
      await change(reader.id, { hour: thisHour() })
      await planDue(round)
      expect(await listDeliveries(db)).toEqual([])
      await letADayPass()
      await planDue(round)
      expect(await listDeliveries(db)).toMatchObject([{ edition_id: edition.id, state: 'planned' }])
    })

    it('begins to wait anew with another cadence: neither the days nor the week before it come', async () => {
      const today = DateTime.utc()
      await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
      await freezeEdition(round, today.minus({ days: 1 }).toISODate(), { kind: 'weekly', hoursAgo: 2 })
      const reader = await addDueReader('a')
      await change(reader.id, { cadence: 'weekly', weekday: today.weekday })
      await sql`update reader_clocks set next_due_at = now()`.execute(db)
      await planDue(round)
      await change(reader.id, { cadence: 'daily' })
      await sql`update reader_clocks set next_due_at = now()`.execute(db)
      await planDue(round)
      expect(await listDeliveries(db)).toEqual([])
      await letADayPass()
      const next = await freezeEdition(round, '2026-03-06', { hoursAgo: 2 })
      await planDue(round)
      expect(await listDeliveries(db)).toMatchObject([{ edition_id: next.id, state: 'planned' }])
    })
  })

  it('finds who is due by the index, and a clock by its reader, whatever hours were there to be counted', {
    tags: 'long',
  }, async () => {
    await addReader(db, 'a')
    await sql`
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
      select 'x' || n || '@example.org', decode(md5(n::text), 'hex'), 'confirmed', 'test', (select min(id) from preferences), 'daily', 7, 'UTC'
      from generate_series(1, 5000) n`.execute(db)
    await sql`
      insert into reader_clocks (subscriber_id, next_due_at, weekly)
      select id, now() + interval '1 day', false from subscribers on conflict do nothing`.execute(db)
    await query(asOwner(round.databaseUrl), 'analyze reader_clocks')
    const plan = await sql<{ 'QUERY PLAN': string }>`
      explain select * from reader_clocks where next_due_at <= now() order by next_due_at limit 200000`.execute(db)
    expect(plan.rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('reader_clocks_due')
    // PostgreSQL still expects nobody's hour before tomorrow.
    await sql`update reader_clocks set next_due_at = now() - interval '1 second'`.execute(db)
    const asked = vi.spyOn(pg.Client.prototype, 'query')
    expect(await planDue({ ...round, sliceSize: 2_000 })).toBe(5_001)
    const [text, values] = asked.mock.calls.find(([each]) => String(each).includes('into due_readers')) as unknown as [
      string,
      unknown[],
    ]
    asked.mockRestore()
    const held = await db.executeQuery<{ 'QUERY PLAN': string }>(
      CompiledQuery.raw(text.replace(/insert into due_readers [^)]*\)/, 'explain'), values),
    )
    const lines = held.rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(lines).toContain('reader_clocks_pkey')
    expect(lines).not.toContain('reader_clocks_due')
  })
})

describe('an hour that is the cut-off', () => {
  const setClock = (at: string) => stopClock(round.databaseUrl, at)
  // As it goes for the tests before and after.
  afterEach(() => moveClock(round.databaseUrl, '0 seconds'))

  /** Lets an edition be open, as the tick does. */
  async function open(date: string): Promise<number> {
    return (await ensureEdition(db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })).id
  }

  async function freezeAt(at: string, date: string): Promise<void> {
    await setClock(at)
    const { id } = await freezeEdition(round, date)
    await db.updateTable('editions').set({ frozen_at: at }).where('id', '=', id).execute()
  }

  /** Adds a reader on 9 March 2026 who asks for notes; 07:00 in Yangon is 00:30 UTC. */
  async function addAsking(name: string, rhythm: { zone?: string; hour?: number } = {}): Promise<number> {
    await setClock('2026-03-09T12:00:00Z')
    await open('2026-03-09')
    const { id } = await addReader(db, name, { zone: 'Asia/Yangon', hour: 7, ...rhythm })
    await sql`update subscribers set silence = 'note' where id = ${id}`.execute(db)
    await sql`update reader_clocks set waiting_since = round_now() where subscriber_id = ${id}`.execute(db)
    return id
  }

  /** Plans, and has the provider take it. Returns how many readers were looked at. */
  async function plan(): Promise<number> {
    const looked = await planDue(round)
    await sql`update deliveries set state = 'submitted', address = null where state = 'planned'`.execute(db)
    return looked
  }

  async function listDays(): Promise<string[]> {
    const { rows } = await sql<{ day: string }>`
      select to_char(e.date, 'DD') || ' ' || coalesce(d.reason, to_char(d.local_date, 'DD')) as day
      from deliveries d join editions e on e.id = d.edition_id order by e.date, 1`.execute(db)
    return rows.map(({ day }) => day)
  }

  const countNotes = async () => (await db.selectFrom('notes').selectAll().execute()).length

  it('waits for the freeze, by an hour of their own and by a shared one, and then no more', {
    tags: 'long',
  }, async () => {
    await addAsking('yangon')
    await addAsking('later', { hour: 8 })
    for (const [date, next] of [
      ['2026-03-09', '2026-03-10'],
      ['2026-03-10', '2026-03-11'],
      ['2026-03-11', '2026-03-12'],
    ] as const) {
      await open(date)
      await setClock(`${next}T00:30:00Z`)
      expect(await plan()).toBe(0)
      await freezeAt(`${next}T00:30:07.5Z`, date)
      await open(next)
      expect(await plan()).toBe(1)
      await setClock(`${next}T01:30:00Z`)
      expect(await plan()).toBe(1)
    }
    expect(await listDays()).toEqual(['09 10', '09 10', '10 11', '10 11', '11 12', '11 12'])
    expect(await countNotes()).toBe(0)
  })

  it('waits while an edition is held, as long as the local day lasts', { tags: 'long' }, async () => {
    await addAsking('yangon')
    // 22:00 in St. John’s: its day has two hours left.
    await addAsking('st-johns', { zone: 'America/St_Johns', hour: 22 })
    await setClock('2026-03-10T02:29:59Z')
    await markState(db, await open('2026-03-09'), { state: 'held', reason: 'too few papers' })
    expect(await plan()).toBe(0)
    const facts = await db.transaction().execute((trx) => readFacts(trx, round.latenessMs))
    expect(facts.unplannedSince).toBeNull()
    await setClock('2026-03-10T02:30:00Z')
    expect(await plan()).toBe(1)
    await freezeAt('2026-03-10T12:30:00Z', '2026-03-09')
    expect(await plan()).toBe(1)
    expect(await listDays()).toEqual(['09 10'])
    await freezeAt('2026-03-11T00:30:05Z', '2026-03-10')
    expect(await plan()).toBe(2)
    expect(await listDays()).toEqual(['09 10', '09 merged', '10 10', '10 11'])
    expect(await countNotes()).toBe(0)
  })

  it('is told of a day without papers when that is known, and not before', async () => {
    await addAsking('yangon')
    await setClock('2026-03-10T00:30:01Z')
    expect([await plan(), await countNotes()]).toEqual([0, 0])
    await markState(db, await open('2026-03-09'), { state: 'empty', reason: 'source' })
    expect([await plan(), await countNotes()]).toEqual([1, 1])
  })

  it('passes over what froze while its reader was paused, whoever else shares the clock', {
    tags: 'long',
  }, async () => {
    await addAsking('reading')
    const paused = await addAsking('paused')
    await freezeAt('2026-03-10T00:30:07Z', '2026-03-09')
    await plan()
    await sql`update subscribers set paused_until = '2026-03-11' where id = ${paused}`.execute(db)
    await freezeAt('2026-03-11T00:30:07Z', '2026-03-10')
    await plan()
    await freezeAt('2026-03-12T00:30:07Z', '2026-03-11')
    await plan()
    const { rows } = await sql<{ days: string[] }>`
      select array_agg(to_char(e.date, 'DD') || ' ' || d.state order by e.date) as days
      from deliveries d join editions e on e.id = d.edition_id where d.subscriber_id = ${paused}`.execute(db)
    expect(rows[0]?.days).toEqual(['09 submitted', '11 submitted'])
  })
})
