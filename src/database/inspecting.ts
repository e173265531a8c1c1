// What PostgreSQL says of itself, for whoever asks whether it keeps our promises. Nothing that it
// has is changed.
import { type Kysely, sql } from 'kysely'
import type { Database } from './schema.ts'

/**
 * `standby`: a copy that follows another server. `setting`: whoever runs it has switched it so.
 * `full`: its disk has no room.
 */
export type ReadOnlyCause = 'standby' | 'setting' | 'full'

interface ServerFacts {
  /** `160004` for 16.4. */
  version: number
  isEmbedded: boolean
  /** What a crash may take with it although it was committed, where any of these is off. */
  fsync: boolean
  fullPageWrites: boolean
  synchronousCommit: boolean
  maxConnections: number
  /** Tables of ours that this user may not read or write. */
  forbidden: string[]
  /** Whether this user may make what a newer version needs. */
  mayMigrate: boolean
}

export interface DatabaseFacts extends ServerFacts {
  /** Why nothing can be written; null where it can. */
  readOnly: ReadOnlyCause | null
}

/** What is so, and what to do. */
export const READ_ONLY_WORDS: Record<ReadOnlyCause, { says: string; remedy: string }> = {
  standby: {
    says: 'PostgreSQL follows another server and takes no writes',
    remedy: 'name the server that it follows as DATABASE_URL',
  },
  setting: {
    says: 'PostgreSQL is switched to read-only and takes no writes',
    remedy: 'see whether its disk is nearly full, then turn default_transaction_read_only off; some hosts do both',
  },
  full: {
    says: "PostgreSQL's disk is full",
    remedy: 'make room there, and the round goes on by itself',
  },
}

/** Half a megabyte: more than the files of tables have left over. */
const PROBE_ROWS = 16_384
const DISK_FULL = '53100'

/** Returns what PostgreSQL says of why it takes no writes at present; null where it takes them. */
export async function findReadOnlyCause<T>(db: Kysely<T>): Promise<ReadOnlyCause | null> {
  const { rows } = await sql<{ cause: ReadOnlyCause | null }>`
    select case
      when pg_is_in_recovery() then 'standby'
      when current_setting('transaction_read_only') = 'on' then 'setting'
    end as cause`.execute(db)
  return rows[0]?.cause ?? null
}

/**
 * Returns why nothing can be written at present, by trying to, in a table that nobody else sees and
 * that does not stay; null where it can.
 */
export async function tryWriting<T>(db: Kysely<T>): Promise<ReadOnlyCause | null> {
  const cause = await findReadOnlyCause(db)
  if (cause !== null) return cause
  const trx = await db.startTransaction().execute()
  try {
    // Where all tables are: temporary ones may have a disk of their own.
    await sql`set local temp_tablespaces = ''`.execute(trx)
    await sql`create temporary table room_probe on commit drop as
      select generate_series(1, ${sql.lit(PROBE_ROWS)}) as probe`.execute(trx)
    return null
  } catch (error) {
    // Whoever may make no such table learns less.
    return error instanceof Error && 'code' in error && error.code === DISK_FULL ? 'full' : null
  } finally {
    await trx.rollback().execute()
  }
}

/** Returns the name that a database has had since it was made, and that its copies have too. */
export async function getDatabaseId(db: Kysely<Database>): Promise<string> {
  const { id } = await db.selectFrom('lineage').select('database_id as id').executeTakeFirstOrThrow()
  return id
}

/** Asks the database that `db` leads to, in the schema of its connection. */
export async function inspectDatabase<T>(db: Kysely<T>): Promise<DatabaseFacts> {
  const { rows } = await sql<ServerFacts>`
    select current_setting('server_version_num')::int as version,
      coalesce(version() ~ 'emscripten|wasm', false) as "isEmbedded",
      current_setting('fsync') = 'on' as fsync,
      current_setting('full_page_writes') = 'on' as "fullPageWrites",
      current_setting('synchronous_commit') <> 'off' as "synchronousCommit",
      current_setting('max_connections')::int as "maxConnections",
      array(
        select c.relname::text from pg_class c
        where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
          and not has_table_privilege(c.oid, 'select, insert, update, delete')
        order by 1
      ) as forbidden,
      coalesce(has_schema_privilege(current_schema(), 'create'), false) as "mayMigrate"`.execute(db)
  return { ...(rows[0] as ServerFacts), readOnly: await tryWriting(db) }
}
