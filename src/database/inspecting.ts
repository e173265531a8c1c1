// What PostgreSQL says of itself, for whoever asks whether it keeps our promises. Nothing is
// changed.
import { type Kysely, sql } from 'kysely'

/** `standby`: a copy that follows another server. `setting`: whoever runs it has switched it so. */
export type ReadOnlyCause = 'standby' | 'setting'

export interface DatabaseFacts {
  /** `160004` for 16.4. */
  version: number
  isEmbedded: boolean
  /** What a crash may take with it although it was committed, where any of these is off. */
  fsync: boolean
  fullPageWrites: boolean
  synchronousCommit: boolean
  maxConnections: number
  /** Why nothing can be written; null where it can. */
  readOnly: ReadOnlyCause | null
  /** Tables of ours that this user may not read or write. */
  forbidden: string[]
  /** Whether this user may make what a newer version needs. */
  mayMigrate: boolean
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
}

const readOnlyCause = sql<ReadOnlyCause | null>`
  case
    when pg_is_in_recovery() then 'standby'
    when current_setting('transaction_read_only') = 'on' then 'setting'
  end`

/** Returns why nothing can be written at present; null where it can. */
export async function findReadOnlyCause<T>(db: Kysely<T>): Promise<ReadOnlyCause | null> {
  const { rows } = await sql<{ cause: ReadOnlyCause | null }>`select ${readOnlyCause} as cause`.execute(db)
  return rows[0]?.cause ?? null
}

/** Asks the database that `db` leads to, in the schema of its connection. */
export async function inspectDatabase<T>(db: Kysely<T>): Promise<DatabaseFacts> {
  const { rows } = await sql<DatabaseFacts>`
    select current_setting('server_version_num')::int as version,
      coalesce(version() ~ 'emscripten|wasm', false) as "isEmbedded",
      current_setting('fsync') = 'on' as fsync,
      current_setting('full_page_writes') = 'on' as "fullPageWrites",
      current_setting('synchronous_commit') <> 'off' as "synchronousCommit",
      current_setting('max_connections')::int as "maxConnections",
      ${readOnlyCause} as "readOnly",
      array(
        select c.relname::text from pg_class c
        where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
          and not has_table_privilege(c.oid, 'select, insert, update, delete')
        order by 1
      ) as forbidden,
      coalesce(has_schema_privilege(current_schema(), 'create'), false) as "mayMigrate"`.execute(db)
  return rows[0] as DatabaseFacts
}
