import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Handles, openHandles } from '../../src/database/client.ts'
import { unavailabilityOf } from '../../src/database/unavailable.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { markUnsubscribed } from '../../src/subscriber/store.ts'
import { isFull } from '../support/full.ts'
import { addReader, freezeEdition, openTestRound } from '../support/round.ts'
import { openTemporaryPooler, openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const kinds = [{ kind: 'embedded' }, ...(hasPostgres ? [{ kind: 'real' }] : [])] as const

const lockTimeoutSql = sql<{ limit: string }>`select current_setting('lock_timeout') as limit`
const idleSql = sql<{ limit: string }>`select current_setting('idle_in_transaction_session_timeout') as limit`
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
    const alone = await lockTimeoutSql.execute(pageDb)
    const outside = await Promise.all([db, db].map((each) => lockTimeoutSql.execute(each)))
    expect([within, strict, alone, ...outside].map(({ rows }) => rows[0]?.limit)).toEqual(['1s', '1s', '1s', '0', '0'])
  })

  it('may do nothing in a transaction for less long than others', async () => {
    const limits = [handles.pageDb, handles.db].map((each) => each.transaction().execute((trx) => idleSql.execute(trx)))
    expect((await Promise.all(limits)).map(({ rows }) => rows[0]?.limit)).toEqual(['10s', '30s'])
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
    expect((await lockTimeoutSql.execute(db)).rows).toEqual([{ limit: '0' }])
  })

  it.skipIf(kind === 'embedded')(
    'waits a second for a row, and then says that it is busy',
    { tags: 'long' },
    async () => {
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
    },
  )

  it.skipIf(kind === 'embedded')('reads no table that somebody keeps for longer', { tags: 'long' }, async () => {
    const { db, pageDb } = handles
    const readSql = sql`select count(*)::int as count from rate_limits`
    await db.transaction().execute(async (trx) => {
      await sql`lock table rate_limits in access exclusive mode`.execute(trx)
      expect(unavailabilityOf(await readSql.execute(pageDb).catch((each: unknown) => each))).toBe('busy')
    })
    expect((await readSql.execute(pageDb)).rows).toHaveLength(1)
  })
})

describe('behind PgBouncer in transaction mode', () => {
  it.skipIf(!isFull)(
    'migrates, sends a round once and changes what pages change, with two sessions for all',
    async (context) => {
      const database = await openTestDatabase('real', 'nothing')
      const pooler = database && (await openTemporaryPooler(database.url))
      if (!pooler) {
        await database?.close()
        return context.skip()
      }
      const { db, pageDb } = openHandles(pooler.url)
      const round = await openTestRound(pooler.url, { db })
      try {
        const names = Array.from({ length: 150 }, (_, index) => `reader${index}`)
        for (const name of names) await addReader(db, name)
        const edition = await freezeEdition(round, '2026-03-05')
        await planAll(round, edition, null)
        const ids = (await db.selectFrom('subscribers').select('public_id').orderBy('id').execute()).slice(0, 20)
        await Promise.all(ids.map(({ public_id }) => markUnsubscribed(pageDb, public_id)))
        const batches = await db.selectFrom('batches').select('id').execute()
        await Promise.all(batches.map(({ id }) => dispatch(round, id)))
        expect(round.provider.accepted.map(({ to }) => to).sort()).toEqual(
          names
            .slice(20)
            .map((name) => `${name}@example.org`)
            .sort(),
        )
        const limits = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            index % 2 === 0
              ? lockTimeoutSql.execute(db)
              : pageDb.transaction().execute((trx) => lockTimeoutSql.execute(trx)),
          ),
        )
        expect(limits.map(({ rows }) => rows[0]?.limit)).toEqual(
          limits.map((_, index) => (index % 2 === 0 ? '0' : '1s')),
        )
      } finally {
        await round.close()
        await pooler.close()
        await database.close()
      }
    },
  )
})
