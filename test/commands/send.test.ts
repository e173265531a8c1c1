// What is refused before anything is planned. And a rehearsal beside others: it waits for nobody,
// holds nobody up and leaves nothing behind, though everything it reads is locked against whatever
// takes more than a plain select does.
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sendCommand } from '../../src/commands/send.ts'
import { lockInTransaction, openDatabase } from '../../src/database/client.ts'
import type { Database } from '../../src/database/schema.ts'
import { dateOf, type Edition } from '../../src/edition/edition.ts'
import { collect } from '../../src/jobs/collect.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { callOn, readJson } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import { asOwner } from '../support/program-user.ts'
import {
  addReader,
  freezeEdition,
  inventPlaces,
  openListedSource,
  openTestRound,
  type TestRound,
} from '../support/round.ts'
import { query } from '../support/servers.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

const FROZEN = '2026-03-05'
const OPEN = dateOf(new Date())
const PATIENCE = { timeout: 90_000, interval: 20 }

describe('send', () => {
  let round: TestRound
  keepRound((kept) => {
    round = kept
  })

  it.each([false, true])('plans nothing of an edition whose text is gone (dry run: %s)', async (dryRun) => {
    await addReader(round.db, 'ada')
    await freezeEdition(round, FROZEN)
    await round.db.updateTable('editions').set({ pruned_at: new Date() }).execute()
    const given = { date: FROZEN, only: 'ada@example.org', dryRun }
    await expect(callOn(round.databaseUrl, () => sendCommand(given))).rejects.toThrow(
      `the edition of ${FROZEN} can no longer be sent, because RETENTION has removed its text: send a newer one`,
    )
    expect(await round.db.selectFrom('deliveries').selectAll().execute()).toEqual([])
  })
})

describe.skipIf((await realPostgresUrl()) === undefined)('send --dry-run', () => {
  let database: TestDatabase
  let round: TestRound
  let edition: Edition
  beforeEach(async () => {
    database = (await openTestDatabase('real')) as TestDatabase
    const laying = await openTestRound(database.url)
    for (const name of ['ada', 'bob']) await addReader(laying.db, name)
    await addReader(laying.db, 'cleo', { choices: { minimumVotes: 100_000 } })
    edition = await freezeEdition(laying, FROZEN)
    const listings = inventPlaces(OPEN, 3).map(({ paper, upvotes, comments }) => ({
      ...{ paper, upvotes, comments },
      submittedAt: null,
    }))
    await collect({ ...laying, source: openListedSource({ [OPEN]: listings }) }, OPEN)
    await laying.close()
    // Whoever would wait fails instead.
    const name = new URL(database.url).pathname.slice(1)
    await query(asOwner(database.url), `alter database ${name} set lock_timeout = '1s'`)
    round = await openTestRound(database.url, { db: openDatabase(database.url, { maxConnections: 1 }) })
    await untilAlone(round.db)
  })
  afterEach(async () => {
    await round.close()
    await database.close()
  })

  const rehearse = (date: string) => readJson(database.url, () => sendCommand({ date, dryRun: true, json: true }))

  it('takes no lock that a writer could have, and writes no row that would be dead', { tags: 'long' }, async () => {
    const before = await countWrites(round.db)
    await round.db.transaction().execute(async (trx) => {
      // Nothing but a plain select goes beside it.
      await sql.raw(`lock table ${(await listTables(trx)).join(', ')} in exclusive mode`).execute(trx)
      await lockInTransaction(trx, 'plan')
      const expected = { due: 3, waiting: 2, withheld: { filtered: 1 } }
      expect(await rehearse(FROZEN)).toMatchObject({ state: 'frozen', ...expected })
      expect(await rehearse(OPEN)).toMatchObject({ state: 'open', ...expected })
    })
    await query(database.url, `insert into ticks (name) values ('after it')`)
    const after = await untilWritten(round.db, 'ticks')
    expect({ ...after, ticks: 0 }).toEqual({ ...before, ticks: 0 })
  })

  it('would be seen by it, as planning is', { tags: 'long' }, async () => {
    const { pg_attribute: columns = 0 } = await countWrites(round.db)
    const other = await openTestRound(database.url)
    await round.db.transaction().execute(async (trx) => {
      await sql`lock table deliveries in exclusive mode`.execute(trx)
      await expect(planAll(other, edition, null)).rejects.toThrow(/lock timeout/)
    })
    await planAll(other, edition, null)
    await other.close()
    const after = await untilWritten(round.db, 'deliveries')
    expect(after.pg_attribute).toBeGreaterThan(columns)
  })
})

/** Sessions say what they wrote when they end, at the latest. */
async function untilAlone(db: Kysely<Database>): Promise<void> {
  const others = sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`
  await vi.waitFor(async () => expect((await others.execute(db)).rows).toEqual([{ count: 0 }]), PATIENCE)
}

/** Returns what was written once the last of it, in `table`, is known. */
async function untilWritten(db: Kysely<Database>, table: string): Promise<Record<string, number>> {
  await untilAlone(db)
  return vi.waitFor(async () => {
    const counted = await countWrites(db)
    expect(counted[table]).toBeGreaterThan(0)
    return counted
  }, PATIENCE)
}

async function listTables(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`.execute(
    db,
  )
  return rows.map(({ name }) => name)
}

/**
 * Rows that were ever written, by table: what was taken back as well, and the catalog's, which a
 * temporary table leaves dead. Sessions tell it when they are idle or end.
 */
async function countWrites(db: Kysely<Database>): Promise<Record<string, number>> {
  await sql`select pg_stat_clear_snapshot()`.execute(db)
  const { rows } = await sql<{ name: string; written: number }>`
    select relname as name, n_tup_ins + n_tup_upd + n_tup_del as written from pg_stat_user_tables
    union all select relname, n_tup_ins from pg_stat_sys_tables where relname in ('pg_class', 'pg_attribute', 'pg_type')`.execute(
    db,
  )
  return Object.fromEntries(rows.map(({ name, written }) => [name, written]))
}
