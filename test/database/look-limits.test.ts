import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Handles, openHandles } from '../../src/database/client.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const kinds = [{ kind: 'embedded' }, ...(hasPostgres ? [{ kind: 'real' }] : [])] as const
const lockTimeoutSql = sql<{ limit: string }>`select current_setting('lock_timeout') as limit`

describe.each(kinds)('a command that looks, on $kind PostgreSQL', ({ kind }) => {
  let database: TestDatabase
  let handles: Handles

  beforeAll(async () => {
    database = (await openTestDatabase(kind as 'embedded', 'nothing')) as TestDatabase
    handles = openHandles(database.url, { maxConnections: 2 })
  })

  afterAll(async () => {
    await handles.db.destroy()
    await database.close()
  })

  it('has its limit in every statement and leaves none behind', async () => {
    const { db, lookDb } = handles
    const within = await lookDb.transaction().execute((trx) => lockTimeoutSql.execute(trx))
    await expect(sql`select 1 / 0`.execute(lookDb)).rejects.toThrow('division by zero')
    const others = await Promise.all([db, lookDb, db].map((each) => lockTimeoutSql.execute(each)))
    expect([within, ...others].map(({ rows }) => rows[0]?.limit)).toEqual(['3s', '0', '3s', '0'])
  })
})
