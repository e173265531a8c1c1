// What a claim reads along, on a server where one transaction can wait for another: it must not
// send by what it saw before it waited. And what a batch costs.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql, type Transaction } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lockInTransaction, openDatabase } from '../../../src/database/client.ts'
import type { Database } from '../../../src/database/schema.ts'
import { markAccounted, markErased, markOvertaken } from '../../../src/delivery/sending/ledger.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../../src/subscriber/store.ts'
import { claimOne, planOne } from '../../support/batches.ts'
import {
  endWaits,
  only,
  openScriptedProvider,
  openTestRound,
  planFor,
  readAccounts,
  readDeliveries,
  type TestRound,
} from '../../support/round.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../../support/stores.ts'

const hasServer = (await realPostgresUrl()) !== undefined

let database: TestDatabase
let round: TestRound

describe.skipIf(!hasServer)('a claim that waited for', () => {
  beforeEach(async () => {
    database = (await openTestDatabase('real')) as TestDatabase
    round = await openTestRound(database.url)
  })
  afterEach(async () => {
    await round.close()
    await database.close()
  })

  /** Dispatches while `act` holds the batch; what it did is committed once the claim waits. */
  async function dispatchBehind(id: number, act: (trx: Transaction<Database>) => Promise<unknown>): Promise<void> {
    let dispatching: Promise<unknown> | undefined
    await round.db.transaction().execute(async (trx) => {
      await act(trx)
      dispatching = dispatch(round, id)
      while (!(await isWaiting(round.db))) await sleep(5)
    })
    await dispatching
  }

  const sent = () => round.provider.requests.map(({ mails }) => mails.map(({ to }) => to.split('@')[0]))

  it('an erasure sends to those who are left', async () => {
    const { edition, id } = await planOne(round, ['ada', 'bob'])
    const { ada } = await readDeliveries(round.db, edition.id)
    await dispatchBehind(id, (trx) => markErased(trx, ada?.subscriber_id as number))
    expect(sent()).toEqual([['bob']])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 1, withheld: { left: 1 } })
  })

  it('a merge leaves whom a newer edition takes along', async () => {
    const { edition, id } = await planOne(round, ['ada', 'bob'])
    await dispatchBehind(id, async (trx) => {
      await sql`
        create temporary table overtaken on commit drop as
        select batch_id, edition_id, subscriber_id from deliveries d
        where d.edition_id = ${edition.id}::int and d.address = 'ada@example.org'`.execute(trx)
      await markOvertaken(trx, 'overtaken')
    })
    expect(sent()).toEqual([['bob']])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, withheld: { merged: 1 } })
  })

  it('an end of a consent finds it at the mark', async () => {
    const { edition, id } = await planOne(round, ['ada', 'bob'])
    await dispatchBehind(id, async (trx) => {
      await sql`select from batches where id = ${id}::int for update`.execute(trx)
      await sql`update subscribers set consent = 'unsubscribed', left_at = now() where address = 'bob@example.org'`.execute(
        trx,
      )
    })
    expect(sent()).toEqual([['ada']])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, withheld: { left: 1 } })
  })

  it('a report repeats the same bytes, and the report stands', async () => {
    round.provider.script.push({ kind: 'unknown', reason: 'the connection was cut' })
    const { edition, id } = await planOne(round, ['ada', 'bob'])
    await expect(dispatch(round, id)).rejects.toThrow('cut')
    await endWaits(round.db)
    const { ada } = await readDeliveries(round.db, edition.id)
    const subscriberId = ada?.subscriber_id as number
    await dispatchBehind(id, (trx) =>
      markAccounted(trx, { editionId: edition.id, subscriberId, batchId: id }, 'as-reported'),
    )
    const [first, second] = round.provider.requests
    expect(JSON.stringify(second)).toBe(JSON.stringify(first))
    const after = await readDeliveries(round.db, edition.id)
    expect(after.ada).toMatchObject({ state: 'submitted', provider_id: 'as-reported', address: null })
    expect(after.bob).toMatchObject({ state: 'submitted', address: null })
  })

  it('a stop that is just being made finds it at the mark', async () => {
    const { edition, id } = await planOne(round, ['ada', 'bob'])
    let dispatching: Promise<unknown> | undefined
    await round.db.transaction().execute(async (trx) => {
      await lockInTransaction(trx, 'mark')
      await sql`insert into stops (date, kind) values (${edition.date}::date, ${edition.kind})`.execute(trx)
      dispatching = dispatch(round, id)
      while (!(await isWaiting(round.db))) await sleep(5)
    })
    await dispatching
    expect(sent()).toEqual([])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, waiting: 2 })
    await round.db.deleteFrom('stops').execute()
    await dispatch(round, id)
    expect(sent()).toEqual([['ada', 'bob']])
  })

  it('a lock that no stop came of sends all the same', async () => {
    const { id } = await planOne(round, ['ada', 'bob'])
    let dispatching: Promise<unknown> | undefined
    await round.db.transaction().execute(async (trx) => {
      await lockInTransaction(trx, 'mark')
      dispatching = dispatch(round, id)
      while (!(await isWaiting(round.db))) await sleep(5)
    })
    await dispatching
    expect(sent()).toEqual([['ada', 'bob']])
  })

  it.each([
    [3, { day: null, month: null }],
    [7, { day: 1_000, month: null }],
  ] as const)('nothing sends with %s statements under a quota of %j', async (most, quota) => {
    const mine = { ...round, ...only(openScriptedProvider({ quota, batchSize: 1 })) }
    const { batchIds } = await planFor(
      mine,
      Array.from({ length: 20 }, (_, at) => `reader${at}`),
    )
    const [first, second] = batchIds as [number, number]
    // The first batch of an edition reads its pieces and selections; all others find them.
    await dispatch(mine, first)
    const spy = vi.spyOn(pg.Client.prototype, 'query')
    await dispatch(mine, second)
    const { length } = spy.mock.calls
    spy.mockRestore()
    expect(mine.provider.accepted).toHaveLength(2)
    expect(length).toBe(most)
  })
})

async function isWaiting(db: Kysely<Database>): Promise<boolean> {
  const { rows } = await sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
  return rows.length > 0
}

describe.skipIf(!hasServer)('a plan that was made while an edition was young', () => {
  /** One session keeps all plans, each as PostgreSQL made it the first time. */
  async function openOne(contents?: 'nothing') {
    const database = (await openTestDatabase('real', contents)) as TestDatabase
    const db = openDatabase(database.url, { maxConnections: 1, prepares: true })
    const round = await openTestRound(database.url, { db, ...only(openScriptedProvider({ batchSize: 10 })) })
    await sql`set plan_cache_mode = force_generic_plan`.execute(db)
    const close = async () => {
      await round.close()
      await database.close()
    }
    return { round, close }
  }

  it('still claims by the deliveries of one batch alone once the edition has thousands', { tags: 'long' }, async () => {
    const { round, close } = await openOne()
    try {
      const { edition, batchIds } = await planFor(round, names(400))
      await claimOne(round, batchIds[0] as number)
      await addReaders(round, 2_000)
      await planAll(round, edition, null)
      const { rows } = await sql<{ id: number }>`select max(id) as id from batches`.execute(round.db)
      const before = await readsOfDeliveries(round.db)
      await claimOne(round, rows[0]?.id as number)
      expectFew((await readsOfDeliveries(round.db)) - before)
    } finally {
      await close()
    }
  })

  it('marks and settles by them too, as PostgreSQL was shown the first slice', { tags: 'long' }, async () => {
    // Who has migrated owns the tables, and may have PostgreSQL look at them.
    const { round, close } = await openOne('nothing')
    try {
      const { batchIds } = await planFor(round, names(2_000))
      await dispatch(round, batchIds[0] as number)
      const before = await readsOfDeliveries(round.db)
      await dispatch(round, batchIds[1] as number)
      expectFew((await readsOfDeliveries(round.db)) - before)
    } finally {
      await close()
    }
  })

  const names = (count: number) => Array.from({ length: count }, (_, index) => `reader-${index}`)

  /** Of ten members, each is looked at some times. */
  function expectFew(read: number): void {
    expect(read).toBeGreaterThanOrEqual(10)
    expect(read).toBeLessThan(200)
  }

  async function addReaders({ db }: TestRound, count: number): Promise<void> {
    const rows = Array.from({ length: count }, (_, index) => ({
      ...DEFAULT_RHYTHM,
      address: `late-${index}@example.org`,
      choices: parseChoices({}),
      consentSource: 'test',
    }))
    await insertSubscribers(db, rows)
  }

  /** How many rows of deliveries were fetched so far, by this session too. */
  async function readsOfDeliveries(db: Kysely<Database>): Promise<number> {
    await sql`select pg_stat_force_next_flush()`.execute(db)
    const { rows } = await sql<{ read: number }>`
      select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_user_tables where relname = 'deliveries'`.execute(
      db,
    )
    return rows[0]?.read ?? 0
  }
})
