// Copies of a database within it, as a dump and its restore: every row that a history may change,
// and the counters, kept in a schema of the copy's own. The clock goes on.
import pg from 'pg'
import { asOwner } from '../../../support/program-user.ts'

/** Same in every copy. */
const STATIC = ['papers', 'edition_papers', 'pieces', 'preferences', 'collections', 'listings', 'votes', 'test_clock']

export interface Copies {
  keep(name: CopyName): Promise<void>
  restore(name: CopyName): Promise<void>
  close(): Promise<void>
}

/** `fresh`: before anything happened. `dump`: somewhere on the way. */
export type CopyName = 'fresh' | 'dump'

/** Makes room for both copies. */
export async function openCopies(url: string): Promise<Copies> {
  // A host restores as the owner.
  const owner = new pg.Client(asOwner(url))
  await owner.connect()
  const { rows } = await owner.query<{ name: string }>(
    `select c.relname as name from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
      and c.relname !~ '^kysely_' and c.relname <> all($1) order by 1`,
    [STATIC],
  )
  const tables = rows.map(({ name }) => name)
  for (const copy of ['fresh', 'dump']) {
    const made = tables.map((name) => `create table ${copy}.${name} (like public.${name})`)
    const counters = `create table ${copy}.counters (name text, value bigint, called boolean)`
    await owner.query([`create schema ${copy}`, ...made, counters].join('; '))
  }
  const run = async (statements: string[]) => {
    await owner.query(['begin', 'set local session_replication_role = replica', ...statements, 'commit'].join('; '))
  }
  return {
    keep: (copy) =>
      run([
        ...tables.flatMap((name) => [
          `delete from ${copy}.${name}`,
          `insert into ${copy}.${name} table public.${name}`,
        ]),
        `delete from ${copy}.counters`,
        `insert into ${copy}.counters select sequencename, coalesce(last_value, 1), last_value is not null
          from pg_sequences where schemaname = 'public'`,
      ]),
    restore: (copy) =>
      run([
        ...tables.flatMap((name) => [
          `delete from public.${name}`,
          `insert into public.${name} overriding system value table ${copy}.${name}`,
        ]),
        `select setval(name::regclass, value, called) from ${copy}.counters`,
      ]),
    close: () => owner.end(),
  }
}
