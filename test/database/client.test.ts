import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lockInTransaction, openDatabase, tryLockInTransaction } from '../../src/database/client.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import type { Database } from '../../src/database/schema.ts'
import { query } from '../support/servers.ts'
import {
  openTemporaryPooler,
  openTemporaryPostgres,
  openTestDatabase,
  realPostgresUrl,
  type TestDatabase,
} from '../support/stores.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const kinds = [{ kind: 'embedded' }, ...(hasPostgres ? [{ kind: 'real' }] : [])] as const

describe.each(kinds)('openDatabase on $kind PostgreSQL', ({ kind }) => {
  let database: TestDatabase
  let db: Kysely<Database>

  beforeAll(async () => {
    database = await openAny(kind)
    db = openDatabase(database.url)
  })

  afterAll(async () => {
    await db.destroy()
    await database.close()
  })

  it('reads values as this program means them', async () => {
    const { rows } = await sql`select
      3000000000::int8 as big, 1.25::numeric as exact, array[1, null]::int8[] as bigs, array[1.5, 2] as exacts,
      date '2026-03-29' as day, array[date '2026-03-29', null] as days, '{1,2}'::int2[] as small, '{3,4}'::int4[] as ints,
      timestamptz '2026-03-29 01:30:00+01' as moment, '{"a": [1]}'::jsonb as json, null::int8 as nothing`.execute(db)
    expect(rows).toEqual([
      {
        big: 3_000_000_000,
        exact: 1.25,
        bigs: [1, null],
        exacts: [1.5, 2],
        day: '2026-03-29',
        days: ['2026-03-29', null],
        small: [1, 2],
        ints: [3, 4],
        moment: new Date('2026-03-29T00:30:00Z'),
        json: { a: [1] },
        nothing: null,
      },
    ])
  })

  it('leaves the driver as it is for others', async () => {
    const client = new pg.Client(database.url)
    await client.connect()
    const { rows } = await client.query(`select 1::int8 as big, date '2026-03-29' as day`)
    await client.end()
    expect(rows).toEqual([{ big: '1', day: expect.any(Date) }])
  })

  it('keeps to the schema it was opened with, beside another', async () => {
    const demo = openDatabase(database.url, { schema: 'demo' })
    const besides = new URL(database.url)
    besides.searchParams.set('options', '-c timezone=UTC')
    const optioned = openDatabase(besides.href, { schema: 'demo' })
    try {
      await sql`create schema demo`.execute(demo)
      await sql`create table place as select current_schema()::text as name`.execute(demo)
      await sql`create table place as select current_schema()::text as name`.execute(db)
      const read = async (from: Kysely<Database>) => (await sql`select name from place`.execute(from)).rows
      expect(await Promise.all([demo, db, optioned, demo, db].map(read))).toEqual([
        [{ name: 'demo' }],
        [{ name: 'public' }],
        [{ name: 'demo' }],
        [{ name: 'demo' }],
        [{ name: 'public' }],
      ])
    } finally {
      await demo.destroy()
      await optioned.destroy()
    }
  })

  it('lets a transaction do nothing for half a minute, and a session for ever', async () => {
    const limitSql = sql<{ limit: string }>`select current_setting('idle_in_transaction_session_timeout') as limit`
    const within = await db.transaction().execute((trx) => limitSql.execute(trx))
    const strict = await db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute((trx) => limitSql.execute(trx))
    const outside = await limitSql.execute(db)
    expect([within, strict, outside].map(({ rows }) => rows[0]?.limit)).toEqual(['30s', '30s', '0'])
  })

  it('lets one transaction at a time hold a name, until it ends', async () => {
    const steps: string[] = []
    await Promise.all(
      Array.from({ length: 4 }, () =>
        db.transaction().execute(async (trx) => {
          await lockInTransaction(trx, 'plan')
          steps.push('in')
          await sql`select pg_sleep(0.01)`.execute(trx)
          steps.push('out')
        }),
      ),
    )
    expect(steps.join(' ')).toBe('in out in out in out in out')
    expect(await db.transaction().execute((trx) => tryLockInTransaction(trx, 'plan'))).toBe(true)
  })
})

it.skipIf(!hasPostgres)('says at once when a name is held, but not in another schema', async () => {
  const database = await openAny('real')
  const db = openDatabase(database.url)
  const demo = openDatabase(database.url, { schema: 'demo' })
  try {
    await sql`create schema demo`.execute(demo)
    await db.transaction().execute(async (trx) => {
      await lockInTransaction(trx, 'plan')
      const tryIn = (where: Kysely<Database>, name: string) =>
        where.transaction().execute((other) => tryLockInTransaction(other, name))
      expect(await tryIn(db, 'plan')).toBe(false)
      expect(await tryIn(db, 'rank')).toBe(true)
      expect(await tryIn(demo, 'plan')).toBe(true)
    })
  } finally {
    await demo.destroy()
    await db.destroy()
    await database.close()
  }
})

// Behind PgBouncer, sessions are handed on between clients that say so and others that do not.
describe.skipIf(!hasPostgres)('a database with settings of its own', () => {
  const OWN = { DateStyle: "'SQL, DMY'", TimeZone: "'Asia/Kolkata'", standard_conforming_strings: 'off' }
  const readSql = sql`
    select timestamptz '2026-03-29 01:30:00+01' as moment, date '2026-03-29' as day, '\\d' as text, '{}'::timestamptz[] as none`
  const read = {
    ...{ moment: new Date('2026-03-29T00:30:00Z'), day: '2026-03-29' },
    ...{ text: '\\d', none: [] },
  }

  it.each(['PostgreSQL', 'PgBouncer'])('is read as any other, by %s', { tags: 'long' }, async (kind) => {
    const database = await openAny('real')
    const name = new URL(database.url).pathname.slice(1)
    for (const [setting, value] of Object.entries(OWN)) {
      await query(database.url, `alter database ${name} set ${setting} = ${value}`)
    }
    const pooler = kind === 'PgBouncer' ? await openTemporaryPooler(database.url) : undefined
    const { url } = pooler ?? database
    const db = openDatabase(url, { maxConnections: 4 })
    try {
      const ask = async () => (await readSql.execute(db)).rows[0]
      const asked = await Promise.all(
        Array.from({ length: 12 }, (_, at) => (at % 3 === 0 ? query(url, 'select 1') : ask())),
      )
      expect(asked.filter(Boolean)).toEqual(Array.from({ length: 8 }, () => read))
      await migrate(db, migrations)
    } finally {
      await db.destroy()
      await pooler?.close()
      await database.close()
    }
  })
})

it('refuses a schema that is no plain name', () => {
  expect(() => openDatabase('postgres://127.0.0.1/none', { schema: 'a; drop schema b' })).toThrow(/plain/)
})

// Without a listener the broken connection would end the process: nobody waits for an answer at
// that moment.
it.skipIf(!hasPostgres)('fails a transaction whose connection is ended, and nothing else', async () => {
  const database = await openAny('real')
  const db = openDatabase(database.url)
  try {
    const broken = db.transaction().execute(async (trx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
      await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(db)
      await sleep(100)
      return sql`select 1`.execute(trx)
    })
    await expect(broken).rejects.toThrow()
    expect((await sql<{ one: number }>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  } finally {
    await db.destroy()
    await database.close()
  }
})

it('outlives a server that goes away and comes back', async (context) => {
  const server = await openTemporaryPostgres()
  if (server === undefined) return context.skip()
  const errors: string[] = []
  const db = openDatabase(server.url, { onError: (error) => void errors.push(error.message) })
  const ask = () => sql<{ one: number }>`select 1 as one`.execute(db)
  try {
    await ask()
    await server.kill()
    // Its sessions end a moment after it.
    await expect.poll(() => errors.length).toBeGreaterThan(0)
    await expect(ask()).rejects.toThrow()
    await server.restart()
    expect((await ask()).rows).toEqual([{ one: 1 }])
  } finally {
    await db.destroy()
    await server.close()
  }
})

async function openAny(kind: string): Promise<TestDatabase> {
  const opened = await (kind === 'embedded'
    ? openTestDatabase('embedded', 'nothing')
    : openTestDatabase('real', 'nothing'))
  if (opened === undefined) throw new Error('PostgreSQL went away')
  return opened
}
