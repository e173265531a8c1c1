// A dump of a database while others work in it, and its restore: every row of our tables as of one
// moment, and the counters.
import pg from 'pg'
import { asOwner } from './program-user.ts'
import { connected } from './servers.ts'

export interface Dump {
  /** As JSON, by table. */
  rows: Map<string, string>
  /** By sequence: its last number. */
  counters: Map<string, string>
}

const TABLES = `
  select c.relname as name from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
    and c.relname !~ '^kysely_' order by 1`

export async function makeDump(url: string): Promise<Dump> {
  return connected(url, async (client) => {
    await client.query('begin isolation level repeatable read')
    const rows = new Map<string, string>()
    for (const { name } of (await client.query<{ name: string }>(TABLES)).rows) {
      const { rows: found } = await client.query(`select jsonb_agg(t)::text as all from public.${name} t`)
      if (found[0].all !== null) rows.set(name, found[0].all)
    }
    const { rows: counters } = await client.query<{ name: string; last: string }>(
      `select sequencename as name, last_value::text as last from pg_sequences where schemaname = 'public' and last_value is not null`,
    )
    await client.query('commit')
    return { rows, counters: new Map(counters.map(({ name, last }) => [name, last])) }
  })
}

/** Puts a dump in the place of whatever is in these tables: of the same steps of the schema. */
export async function restoreDump(url: string, { rows, counters }: Dump): Promise<void> {
  await connected(asOwner(url), async (client) => {
    const names = (await client.query<{ name: string }>(TABLES)).rows.map(({ name }) => name)
    const columns = await listColumns(client)
    const statements = [
      'begin',
      // In whatever order.
      'set local session_replication_role = replica',
      ...names.map((name) => `delete from public.${name}`),
      ...[...rows].map(
        ([name, json]) =>
          `insert into public.${name} (${columns.get(name)}) overriding system value
            select ${columns.get(name)} from jsonb_populate_recordset(null::public.${name}, ${pg.escapeLiteral(json)})`,
      ),
      ...[...counters].map(([name, last]) => `select setval('public.${name}', ${last})`),
      'commit',
    ]
    await client.query(statements.join('; '))
  })
}

/** By table, without what the database makes itself of the others. */
async function listColumns(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; columns: string }>(`
    select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace group by 1`)
  return new Map(rows.map(({ name, columns }) => [name, columns]))
}
