// Prepared statements on a real server: they are there, they outlive a change of the tables, and a
// pooler that keeps no names only costs them.
import { Kysely, PostgresDialect, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import { fixedPart, openNames, prepared } from '../../src/database/prepared.ts'
import type { Database } from '../../src/database/schema.ts'
import { openTemporaryPooler, openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

const reader = new Kysely<Database>({
  dialect: new PostgresDialect({
    pool: async () => {
      throw new Error('nothing is asked')
    },
  }),
})
const hasServer = (await realPostgresUrl()) !== undefined

describe('a name', () => {
  it('is given up for a plan that is too old, in whichever language the server says so', () => {
    const names = openNames()
    const text = '/* prepared */ select 1'
    const first = names.nameOf(text)
    const failure = { code: '0A000', message: 'gecachter Plan darf den Ergebnistyp nicht ändern' }
    expect(names.renounced(text, { ...failure, routine: 'RevalidateCachedQuery' })).toBe(true)
    expect(names.nameOf(text)).not.toBe(first)
    expect(names.renounced(text, { ...failure, routine: 'transformSetOperationTree' })).toBe(false)
  })
})

describe.skipIf(!hasServer)('a prepared statement', () => {
  let database: TestDatabase
  let db: Kysely<Database>

  beforeEach(async () => {
    database = (await openTestDatabase('real', 'nothing')) as TestDatabase
    db = openDatabase(database.url, { prepares: true, maxConnections: 1 })
    await sql`create table things (id int, name int)`.execute(db)
    await sql`insert into things values (1, 7), (2, 8)`.execute(db)
  })
  afterEach(async () => {
    await db.destroy()
    await database.close()
  })

  const findThing = (on: Kysely<Database>, id: number) =>
    sql`${prepared} select * from things where id = ${id}`.execute(on)
  const listPrepared = async () => {
    const { rows } = await sql<{ name: string }>`select name from pg_prepared_statements`.execute(db)
    return rows.map(({ name }) => name)
  }

  it('is planned once a session, under a name of its text', async () => {
    for (const id of [1, 2, 1]) expect((await findThing(db, id)).rows).toEqual([{ id, name: id + 6 }])
    await sql`select ${1}::int`.execute(db)
    const [name, ...others] = await listPrepared()
    expect(others).toEqual([])
    const again = openDatabase(database.url, { prepares: true })
    await findThing(again, 1)
    const { rows } = await sql<{ name: string }>`select name from pg_prepared_statements`.execute(again)
    await again.destroy()
    expect(rows).toEqual([{ name }])
  })

  it('is asked once more where the tables have changed under it', async () => {
    await findThing(db, 1)
    await sql`alter table things alter column name type text using 'now ' || name`.execute(db)
    expect((await findThing(db, 1)).rows).toEqual([{ id: 1, name: 'now 7' }])
    expect((await findThing(db, 2)).rows).toEqual([{ id: 2, name: 'now 8' }])
    expect(await listPrepared()).toHaveLength(2)
  })

  it('fails in a transaction as a whole, and only there', async () => {
    await findThing(db, 1)
    await sql`alter table things add column more int`.execute(db)
    const inside = db.transaction().execute((trx) => findThing(trx, 1))
    await expect(inside).rejects.toThrow('cached plan must not change result type')
    const { rows } = await db.transaction().execute((trx) => findThing(trx, 1))
    expect(rows).toEqual([{ id: 1, name: 7, more: null }])
  })

  it('reports its own failures as they are', async () => {
    const divide = (by: number) => sql`${prepared} select 1 / ${by}::int as part`.execute(db)
    expect((await divide(1)).rows).toEqual([{ part: 1 }])
    await expect(divide(0)).rejects.toThrow('division by zero')
    expect(await listPrepared()).toHaveLength(1)
  })

  it('is none behind a pooler that keeps no names', async (context) => {
    const pooler = await openTemporaryPooler(database.url)
    if (!pooler) return context.skip()
    const many = openDatabase(pooler.url, { prepares: true })
    try {
      const ids = Array.from({ length: 60 }, (_, index) => 1 + (index % 2))
      const found = await Promise.all(ids.map((id) => findThing(many, id)))
      expect(found.map(({ rows }) => rows)).toEqual(ids.map((id) => [{ id, name: id + 6 }]))
      const { rows } = await many.transaction().execute((trx) => findThing(trx, 2))
      expect(rows).toEqual([{ id: 2, name: 8 }])
    } finally {
      await many.destroy()
      await pooler.close()
    }
  })
})

describe('a part that is made once', () => {
  it('reads as ever, with the names that it is for, and is made once for each', () => {
    let made = 0
    const part = fixedPart((table: string) => {
      made += 1
      return sql<boolean>`${sql.ref(`${table}.id`)} is not null`
    })
    const compile = (table: string) => sql`select from x where ${part(table)} and id = ${1}`.compile(reader)
    for (const table of ['x', 'x', 'y']) {
      expect(compile(table)).toMatchObject({
        sql: `select from x where "${table}"."id" is not null and id = $1`,
        parameters: [1],
      })
    }
    expect(made).toBe(2)
  })

  it('refuses a value, which would stay for ever', () => {
    expect(() => fixedPart(() => sql`id = ${1}`)()).toThrow('holds no value')
  })
})
