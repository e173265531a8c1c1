// Clocks that readers share: moved on as one row, left by whoever changes something, and joined
// again by who was planned.
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../../src/database/schema.ts'
import { claimDueReaders, listDueReaders } from '../../../src/delivery/planning/due.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { planAll, planDue } from '../../../src/jobs/plan.ts'
import { markChanged } from '../../../src/subscriber/change.ts'
import { READER_HOURS } from '../../../src/subscriber/clock.ts'
import { markResubscribed } from '../../../src/subscriber/consent.ts'
import { findSubscriberById, isReaderDue, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { keepRound } from '../../support/kept-round.ts'
import {
  addReader,
  emptyRound,
  freezeEdition,
  openTestRound,
  readDeliveries,
  type TestRound,
} from '../../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

let round: TestRound
let db: Kysely<Database>

/** Adds readers of this hour, and plans them once, so that they share clocks. */
async function addSharing(names: readonly string[]): Promise<Record<string, number>> {
  const ids: Record<string, number> = {}
  for (const name of names) ids[name] = (await addReader(db, name, { hour: new Date().getUTCHours() })).id
  await sql`update reader_clocks set next_due_at = now() - interval '1 second'`.execute(db)
  expect(await planDue(round)).toBe(names.length)
  // As of a day ago.
  await sql`update reader_clocks set waiting_since = now() - interval '60 days'`.execute(db)
  await sql`update shared_clocks set next_due_at = now() - interval '1 second', waiting_since = now() - interval '1 day'`.execute(
    db,
  )
  return ids
}

/** Everything of readers' own clocks, and where it is stored. */
async function readRows() {
  const { rows } = await sql<{ id: number; shared: number | null; at: Date | null; place: string }>`
    select subscriber_id as id, shared_clock_id as shared, next_due_at as at, ctid::text || xmin as place
    from reader_clocks order by 1`.execute(db)
  return rows
}

async function readHour(id: number) {
  const { rows } = await sql<{ at: Date | null; waiting: Date }>`
    select next_due_at as at, waiting_since as waiting from ${READER_HOURS} c where subscriber_id = ${id}`.execute(db)
  return rows[0] as (typeof rows)[0]
}

const countClocks = async () =>
  (await sql<{ members: number }>`select members from shared_clocks order by 1`.execute(db)).rows.map(
    (row) => row.members,
  )

describe('shared clocks', () => {
  keepRound((kept) => {
    round = kept
    db = kept.db
  })
  beforeEach(() => {
    round.sliceSize = 100
    round.provider.batchSize = 100
  })

  it('are moved on without writing a row of any reader', async () => {
    const ids = await addSharing(['a', 'b', 'c'])
    const before = await readRows()
    expect(new Set(before.map(({ shared }) => shared)).size).toBe(1)
    expect(await isReaderDue(db)).toBe(true)
    const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    expect(await planDue(round)).toBe(3)
    expect(await readRows()).toEqual(before)
    expect(Object.keys(await readDeliveries(db, edition.id)).sort()).toEqual(['a', 'b', 'c'])
    expect(await isReaderDue(db)).toBe(false)
    expect(await planDue(round)).toBe(0)
    for (const id of Object.values(ids)) {
      const reader = await findSubscriberById(db, id)
      expect(reader?.nextDueAt?.getTime()).toBeGreaterThan(Date.now())
      expect((await readHour(id)).waiting.getTime()).toBeGreaterThan(Date.now() - 3_600_000)
    }
  })

  it('hold no more readers than a slice, which takes each as a whole', async () => {
    round.sliceSize = 2
    await addSharing(['a', 'b', 'c', 'd', 'e'])
    expect(await countClocks()).toEqual([1, 2, 2])
    const slices = vi.fn(async () => {})
    expect(await planDue(round, slices)).toBe(5)
    expect(slices).toHaveBeenCalledTimes(3)
  })

  it('take in who comes later while there is room', async () => {
    round.sliceSize = 2
    await addSharing(['a', 'b', 'c'])
    await planDue(round)
    await addReader(db, 'd', { hour: new Date().getUTCHours() })
    await sql`update reader_clocks set next_due_at = now() where shared_clock_id is null`.execute(db)
    expect(await planDue(round)).toBe(1)
    expect(await countClocks()).toEqual([2, 2])
  })

  it('are left by who chooses another hour, with what waits for them, and joined again', async () => {
    const ids = await addSharing(['a', 'b'])
    const wait = (await readHour(ids.a as number)).waiting
    const hour = (new Date().getUTCHours() + 1) % 24
    await db.transaction().execute((trx) => markChanged(trx, ids.a as number, { hour }, round))
    const moved = await readHour(ids.a as number)
    expect(moved.waiting).toEqual(wait)
    expect(moved.at?.getTime()).toBeGreaterThan(Date.now())
    const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    expect(await planDue(round)).toBe(1)
    expect(Object.keys(await readDeliveries(db, edition.id))).toEqual(['b'])
    await sql`update subscribers set hour = ${new Date().getUTCHours()} where id = ${ids.a}`.execute(db)
    await sql`update reader_clocks set next_due_at = now() where subscriber_id = ${ids.a}`.execute(db)
    expect(await planDue(round)).toBe(1)
    expect(Object.keys(await readDeliveries(db, edition.id)).sort()).toEqual(['a', 'b'])
    expect(await countClocks()).toEqual([2])
  })

  it('are left by who has had a digest of that day already: what froze since still waits', async () => {
    const ids = await addSharing(['a', 'b'])
    const first = await freezeEdition(round, '2026-03-04', { hoursAgo: 26 })
    await planAll(round, first, 'a@example.org')
    await sql`update deliveries set local_date = (now() at time zone 'UTC')::date`.execute(db)
    const next = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    expect(await planDue(round)).toBe(2)
    expect(Object.keys(await readDeliveries(db, next.id))).toEqual(['b'])
    const { at, waiting } = await readHour(ids.a as number)
    expect(at?.getTime()).toBeGreaterThan(Date.now())
    expect(waiting.getTime()).toBeLessThan(Date.now() - 23 * 3_600_000)
    expect(await countClocks()).toEqual([1])
  })

  it('are left by whom their rhythm does not fit', async () => {
    const ids = await addSharing(['a', 'b'])
    await sql`update subscribers set zone = 'Asia/Tokyo' where id = ${ids.a}`.execute(db)
    expect(await planDue(round)).toBe(2)
    const rows = await readRows()
    expect(rows.map(({ shared, at }) => [shared === null, at === null])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  it('end with the last of their readers, and never run for who has left', async () => {
    const ids = await addSharing(['a', 'b'])
    for (const name of ['a', 'b']) {
      const reader = await findSubscriberById(db, ids[name] as number)
      await markUnsubscribed(db, reader?.publicId as string)
    }
    const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    expect(await planDue(round)).toBe(0)
    expect(await readDeliveries(db, edition.id)).toEqual({})
    expect(await countClocks()).toEqual([])
    expect(await readRows()).toMatchObject([
      { shared: null, at: null },
      { shared: null, at: null },
    ])
  })
})

describe('beside a slice that is not over', () => {
  let database: TestDatabase | undefined
  beforeAll(async () => {
    // Embedded, one session serves everybody in turn.
    database = await openTestDatabase('real')
    if (!database) return
    round = await openTestRound(database.url)
    db = round.db
  })
  beforeEach(() => database && emptyRound(db))
  afterAll(async () => {
    if (!database) return
    await round.close()
    await database.close()
  })

  /** Plans everyone, and before that is committed does something else. */
  async function beside<T>(act: () => Promise<T>): Promise<T> {
    return db.transaction().execute(async (trx) => {
      const { clocks, ids } = await listDueReaders(trx, round)
      expect(clocks).toHaveLength(1)
      await claimDueReaders(trx, round, { clocks: clocks.map(({ id }) => id), ids })
      return act()
    })
  }

  it('whoever moves their hour or comes back waits for nobody, and keeps the hour that they have set', async (context) => {
    if (!database) return context.skip()
    const ids = await addSharing(['moves', 'back', 'stays'])
    const back = await findSubscriberById(db, ids.back as number)
    await markUnsubscribed(db, back?.publicId as string)
    await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    const hour = (new Date().getUTCHours() + 2) % 24
    // The rows of who stays are written by nobody, those of who has left by the planner.
    await beside(() => db.transaction().execute((trx) => markChanged(trx, ids.moves as number, { hour }, round)))
    expect((await readHour(ids.moves as number)).at?.getUTCHours()).toBe(hour)
    expect(await markResubscribed(db, back?.publicId as string)).toBe(true)
    expect((await readHour(ids.back as number)).at?.getTime()).toBeGreaterThan(Date.now())
    expect((await readHour(ids.stays as number)).at?.getTime()).toBeGreaterThan(Date.now())
  })

  it('whoever is erased waits for it, so that nothing of it is left with their address', async (context) => {
    if (!database) return context.skip()
    const ids = await addSharing(['gone', 'stays'])
    await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    const { erasing } = await beside(async () => {
      const erasing = db.transaction().execute((trx) => eraseSubscriber(trx, ids.gone as number))
      await vi.waitFor(async () => expect(await countWaiting(db)).toBe(1), { timeout: 30_000, interval: 20 })
      return { erasing }
    })
    await erasing
    expect((await readRows()).map(({ id }) => id)).toEqual([ids.stays])
  })

  it('whoever comes back between its look at them and its end is not stopped', async (context) => {
    if (!database) return context.skip()
    const ids = await addSharing(['back', 'stays'])
    const back = await findSubscriberById(db, ids.back as number)
    await markUnsubscribed(db, back?.publicId as string)
    // Holds the row that the planner would write, as coming back does.
    const { planning } = await db.transaction().execute(async (trx) => {
      await markResubscribed(trx, back?.publicId as string)
      const planning = planDue(round)
      await vi.waitFor(async () => expect(await countWaiting(db)).toBe(1), { timeout: 30_000, interval: 20 })
      return { planning }
    })
    expect(await planning).toBe(1)
    expect((await readHour(ids.back as number)).at?.getTime()).toBeGreaterThan(Date.now())
  })
})

/** Counts the sessions of this database that wait for a row. */
async function countWaiting(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    db,
  )
  return rows[0]?.count ?? 0
}
