// Brings the schema up to date: forward only, one process at a time, the whole of it or nothing. It
// must never touch a schema that a newer program has changed: it would not know what the rows mean
// there.
import { DEFAULT_MIGRATION_TABLE, type Kysely, Migrator, sql } from 'kysely'
import { UsageError } from '../errors.ts'

/**
 * By name; names are sorted to find the order. There is no way back: a released one never changes,
 * the next one mends it.
 */
export type Migrations = Record<string, { up(db: Kysely<unknown>): Promise<void> }>

/**
 * Applies the migrations that are missing and returns their names. Makes the schema of the
 * connection's search_path if it is not there. Throws a UsageError when the database holds a
 * migration that is not among these.
 */
export async function migrate<T>(db: Kysely<T>, migrations: Migrations): Promise<string[]> {
  const schema = await findSchema(db)
  const applied = await listApplied(db, schema)
  refuseNewer(applied, migrations)
  // As a rule there is nothing to do, and the migrator would read the whole catalog to find out.
  if (applied.length === Object.keys(migrations).length) return []
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableSchema: schema,
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) {
    const failed = results.find((result) => result.status === 'Error')?.migrationName ?? 'before the first'
    throw new Error(`The schema was not brought up to date (migration: ${failed})`, { cause: error })
  }
  return results.map((result) => result.migrationName)
}

/** Returns the names of the migrations that are missing, in their order. Changes nothing. */
export async function listPending<T>(db: Kysely<T>, migrations: Migrations): Promise<string[]> {
  const applied = await listApplied(db, await findSchema(db))
  return Object.keys(migrations)
    .filter((name) => !applied.includes(name))
    .sort()
}

/** Returns the schema in which new tables land, whether or not it exists yet. */
async function findSchema<T>(db: Kysely<T>): Promise<string> {
  const { rows } = await sql<{ wanted: string; current: string | null }>`
    select current_setting('search_path') as wanted, current_schema() as current`.execute(db)
  const wanted = rows[0]?.wanted.split(',')[0]?.trim() ?? ''
  // Anything else than a plain name is PostgreSQL's own default, which begins with "$user".
  return /^\w+$/.test(wanted) ? wanted : (rows[0]?.current ?? 'public')
}

function refuseNewer(applied: readonly string[], migrations: Migrations): void {
  const unknown = applied.filter((name) => !Object.hasOwn(migrations, name))
  if (unknown.length === 0) return
  throw new UsageError(
    `The database was changed by a newer version (migration ${unknown.join(', ')}) which this one does not know: run that version, or name another database`,
  )
}

async function listApplied<T>(db: Kysely<T>, schema: string): Promise<string[]> {
  const table = `${schema}.${DEFAULT_MIGRATION_TABLE}`
  const { rows: found } = await sql<{ exists: boolean }>`select to_regclass(${table}) is not null as exists`.execute(db)
  if (found[0]?.exists !== true) return []
  const { rows: applied } = await sql<{ name: string }>`select name from ${sql.table(table)} order by name`.execute(db)
  return applied.map((row) => row.name)
}
