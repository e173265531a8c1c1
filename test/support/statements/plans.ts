// Which large tables a statement would read from end to end, as PostgreSQL plans it: what grows
// with readers and years is made to look large, while it holds a row a table. Statements are
// planned with their parameters unknown, and never run.
import type pg from 'pg'

/** What grows with readers, papers or years, by how many rows a host of a million has of it. */
export const LARGE: Readonly<Record<string, number>> = {
  papers: 50_000,
  collections: 50_000,
  listings: 50_000,
  votes: 1_000_000,
  edition_papers: 50_000,
  pieces: 100_000,
  preferences: 100_000,
  subscribers: 1_000_000,
  reader_clocks: 1_000_000,
  selections: 5_000_000,
  batches: 500_000,
  deliveries: 50_000_000,
  recovered_papers: 1_000_000,
  notes: 1_000_000,
  notices: 2_000_000,
  credentials: 100_000,
  spent_credentials: 100_000,
  quota_waits: 500_000,
  events: 50_000_000,
  suppressions: 100_000,
}

/** Of columns of these names, how many values such a host has; all are different where it is -1. */
const DISTINCT: Readonly<Record<string, number>> = {
  id: -1,
  public_id: -1,
  address: -1,
  address_hash: -1,
  mailbox_hash: -1,
  hash: -1,
  subscriber_id: 1_000_000,
  batch_id: 500_000,
  preferences_id: 100_000,
  paper_id: 30_000,
  edition_id: 730,
}

export interface Planner {
  /** Lists the tables that a statement reads from end to end, each once. */
  findReadWhole(text: string): Promise<string[]>
  close(): Promise<void>
}

/** Opens on a migrated database, which is as it was once the planner is closed. */
export async function openPlanner(client: pg.Client): Promise<Planner> {
  await client.query('begin')
  await client.query(`select set_config('plans.sizes', $1, true), set_config('plans.distinct', $2, true)`, [
    JSON.stringify(LARGE),
    JSON.stringify(DISTINCT),
  ])
  await client.query(ENLARGE)
  return {
    async findReadWhole(text) {
      if (!PLANNED.test(text)) return []
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `explain (generic_plan, format json) ${text}`,
      )
      const plan = rows[0]?.['QUERY PLAN'][0].Plan
      return plan ? [...new Set(nodesIn(plan).flatMap((node) => readWhole(node) ?? []))].sort() : []
    },
    async close() {
      await client.query('rollback')
    },
  }
}

const PLANNED = /^\s*(--[^\n]*\s+|\/\*.*?\*\/\s*)*(select|insert|update|delete|with|merge)\b/i

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  Plans?: PlanNode[]
}

function nodesIn(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesIn)]
}

function readWhole(node: PlanNode): string | undefined {
  const table = node['Relation Name']
  if (table === undefined || !Object.hasOwn(LARGE, table)) return undefined
  return node['Node Type'].endsWith('Seq Scan') ? table : undefined
}

/**
 * A row in every large table, whatever its checks say, and the sizes that planning goes by: it
 * multiplies what is written here with the pages that are there. Those that other tests left, full
 * of what they deleted, do not count.
 */
const ENLARGE = `
  do $$ declare name text; rows float4; x record; begin
    set local session_replication_role = replica;
    execute (select 'truncate ' || string_agg(oid::regclass::text, ', ') from pg_class
      where relkind = 'r' and relnamespace = current_schema()::regnamespace);
    for name, rows in select * from json_each_text(current_setting('plans.sizes')::json) loop
      for x in select conname from pg_constraint where conrelid = name::regclass and contype = 'c' loop
        execute format('alter table %I drop constraint %I', name, x.conname);
      end loop;
      select string_agg(quote_ident(attname), ', ') as columns, string_agg(case
          when typtype = 'e' then format('(enum_range(null::%I))[1]', typname) when typname = any('{int2,int4,int8,float8,numeric}') then '1' when typname = 'date' then 'date ''2026-01-05'''
          when typname = 'timestamptz' then 'now()' when typname = 'bool' then 'true' when typname = 'uuid' then 'gen_random_uuid()'
          when typname = 'bytea' then '''x''::bytea' when typname = any('{json,jsonb}') then '''{}'''
          when typname like '\\_%' then '''{}''' else '''x''' end, ', ') as given
        into x from pg_attribute a join pg_type t on t.oid = a.atttypid
        where attrelid = name::regclass and attnum > 0 and not attisdropped and attgenerated = '';
      execute format('insert into %I (%s) overriding system value values (%s)', name, x.columns, x.given);
      update pg_class set reltuples = rows, relpages = 1
        where oid = name::regclass or oid in (select indexrelid from pg_index where indrelid = name::regclass);
      perform pg_restore_attribute_stats('schemaname', current_schema()::text, 'relname', name, 'attname', d.key,
          'inherited', false, 'null_frac', 0::real, 'avg_width', 8, 'n_distinct', case when d.value::real > rows then -1 else d.value::real end)
        from json_each_text(current_setting('plans.distinct')::json) d
        join pg_attribute a on a.attrelid = name::regclass and a.attname = d.key;
    end loop;
  end $$`
