import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Handles, openHandles } from '../../src/database/client.ts'
import { unavailabilityOf } from '../../src/database/unavailable.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const kinds = [{ kind: 'embedded' }, ...(hasPostgres ? [{ kind: 'real' }] : [])] as const

const lockTimeoutSql = sql<{ limit: string }>`select current_setting('lock_timeout') as limit`
const takeSql = sql`
  insert into rate_limits (key, points, expire) values ('a', 1, 1) on conflict (key) do update set points = rate_limits.points + 1`

describe.each(kinds)('a page on $kind PostgreSQL', ({ kind }) => {
  let database: TestDatabase
  let handles: Handles

  beforeAll(async () => {
    database = (await openTestDatabase(kind as 'embedded')) as TestDatabase
    handles = openHandles(database.url, { maxConnections: 2 })
  })

  afterAll(async () => {
    await handles.db.destroy()
    await database.close()
  })

  it('has its limits within a transaction and leaves none behind', async () => {
    const { db, pageDb } = handles
    const within = await pageDb.transaction().execute((trx) => lockTimeoutSql.execute(trx))
    const strict = await pageDb
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute((trx) => lockTimeoutSql.execute(trx))
    const outside = await Promise.all([db, pageDb, db].map((each) => lockTimeoutSql.execute(each)))
    expect([within, strict, ...outside].map(({ rows }) => rows[0]?.limit)).toEqual(['1s', '1s', '0', '0', '0'])
  })

  it('writes a statement of its own in a transaction of its own', async () => {
    const { db, pageDb } = handles
    const { rows } = await sql<{ limit: string }>`
      with written as (insert into rate_limits (key, points, expire) values ('b', 1, 1) returning 1)
      select current_setting('lock_timeout') as limit from written`.execute(pageDb)
    expect(rows).toEqual([{ limit: '1s' }])
    await expect(sql`insert into rate_limits (key) values (null)`.execute(pageDb)).rejects.toThrow('null value')
    const kept = await db
      .selectFrom('rate_limits' as never)
      .selectAll()
      .execute()
    expect(kept).toHaveLength(1)
    expect((await lockTimeoutSql.execute(pageDb)).rows).toEqual([{ limit: '0' }])
  })

  it.skipIf(kind === 'embedded')('waits a second for a row, and then says that it is busy', async () => {
    const { db, pageDb } = handles
    await takeSql.execute(db)
    await db.transaction().execute(async (trx) => {
      await takeSql.execute(trx)
      const startedAt = performance.now()
      const error = await takeSql.execute(pageDb).catch((each: unknown) => each)
      expect(unavailabilityOf(error)).toBe('busy')
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(950)
    })
    await takeSql.execute(pageDb)
  })
})
