import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import { type Migrations, migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import type { Database } from '../../src/database/schema.ts'
import { UsageError } from '../../src/errors.ts'
import { builtFile } from '../support/program.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

const two: Migrations = {
  '002-colours': { up: (db) => db.schema.alterTable('things').addColumn('colour', 'text').execute() },
  '001-things': { up: (db) => db.schema.createTable('things').addColumn('id', 'integer').execute() },
}
const one: Migrations = { '001-things': two['001-things'] as Migrations[string] }

const kinds = [{ kind: 'embedded' }, ...((await realPostgresUrl()) ? [{ kind: 'real' }] : [])] as const

describe.each(kinds)('migrate on $kind PostgreSQL', ({ kind }) => {
  let database: TestDatabase
  let db: Kysely<Database>

  beforeEach(async () => {
    const opened = await (kind === 'embedded'
      ? openTestDatabase('embedded', 'nothing')
      : openTestDatabase('real', 'nothing'))
    if (opened === undefined) throw new Error('PostgreSQL went away')
    database = opened
    db = openDatabase(database.url)
  })

  afterEach(async () => {
    await db.destroy()
    await database.close()
  })

  it('applies what is missing, in the order of the names, once', async () => {
    expect(await migrate(db, one)).toEqual(['001-things'])
    expect(await migrate(db, two)).toEqual(['002-colours'])
    expect(await migrate(db, two)).toEqual([])
    expect(await listTables(db)).toContain('public.things')
  })

  it('refuses a schema that a newer version has changed, and leaves it alone', async () => {
    await migrate(db, two)
    const refused = await migrate(db, { ...one, '003-other': one['001-things'] as Migrations[string] }).catch((e) => e)
    expect(refused).toBeInstanceOf(UsageError)
    expect(refused.problems).toEqual([expect.stringMatching(/newer version.*002-colours/)])
    expect(await migrate(db, two)).toEqual([])
  })

  it('keeps nothing of a run that fails, and names the migration', async () => {
    const broken: Migrations = {
      ...one,
      '002-broken': { up: async (trx) => void (await sql`select bogus`.execute(trx)) },
    }
    await expect(migrate(db, broken)).rejects.toThrow(/002-broken/)
    expect(await listTables(db)).not.toContain('public.things')
    expect(await migrate(db, two)).toEqual(['001-things', '002-colours'])
  })

  it('puts everything into the schema of the connection, which it makes', async () => {
    const demo = openDatabase(database.url, { schema: 'demo' })
    try {
      expect(await migrate(demo, two)).toEqual(['001-things', '002-colours'])
      const tables = await listTables(demo)
      expect(tables).toContain('demo.things')
      expect(tables.filter((table) => table.startsWith('public.'))).toEqual([])
      expect(await migrate(db, two)).toEqual(['001-things', '002-colours'])
    } finally {
      await demo.destroy()
    }
  })

  it('brings this program to its schema, from several processes at once', {
    tags: 'long',
    timeout: 180_000,
  }, async () => {
    const program = await builtFile('test/database/migrate-process.ts')
    const children = [1, 2, 3].map(() => fork(program, [database.url, 'several'], { execArgv: [] }))
    const applied = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0]))
    expect(applied.flat()).toEqual(Object.keys(migrations))
    const several = openDatabase(database.url, { schema: 'several' })
    expect(await migrate(several, migrations)).toEqual([])
    await several.destroy()
  })
})

async function listTables(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select schemaname || '.' || tablename as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`.execute(db)
  return rows.map(({ name }) => name)
}
