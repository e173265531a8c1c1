// What PostgreSQL says of itself, for whoever asks whether it keeps our promises. Nothing is
// changed.
import { type Kysely, sql } from 'kysely'

export interface DatabaseFacts {
  /** `160004` for 16.4. */
  version: number
  isEmbedded: boolean
  /** What a crash may take with it although it was committed, where any of these is off. */
  fsync: boolean
  fullPageWrites: boolean
  synchronousCommit: boolean
  maxConnections: number
  /** A copy that follows another server: nothing can be written. */
  isReadOnly: boolean
  /** Tables of ours that this user may not read or write. */
  forbidden: string[]
  /** Whether this user may make what a newer version needs. */
  mayMigrate: boolean
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
      coalesce(pg_is_in_recovery(), false) as "isReadOnly",
      array(
        select c.relname::text from pg_class c
        where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
          and not has_table_privilege(c.oid, 'select, insert, update, delete')
        order by 1
      ) as forbidden,
      coalesce(has_schema_privilege(current_schema(), 'create'), false) as "mayMigrate"`.execute(db)
  return rows[0] as DatabaseFacts
}
