// A database with today's tables, made once and given to each test anew: migrating takes longer
// than most tests. A real server copies a template of the run; whatever has been used is put back
// to what it was after migrating.
import pg from 'pg'
import { openDatabase } from '../../src/database/client.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import { type Lending, openLending } from './lent-databases.ts'
import { dropProgramUser, makeProgramUser } from './program-user.ts'
import { connected, openRunPostgres, realPostgresUrl } from './servers.ts'

/** A database as it was when it had just been migrated. */
export interface Migrated {
  /** Tells any later change of tables, types or functions; the rows have no part in it. */
  shape: string
  /** Makes the functions that tell the time, which tests replace, what they were. */
  clock: string
  /** What migrating itself put into tables, as JSON by table. */
  rows: Record<string, string>
}

/** Where the queue of a test on embedded stores lives: it stays, and is emptied with the tables. */
export const QUEUE_PREFIX = 'test'

/** Makes today's tables in an empty database, and those of the queue. */
export async function migrateEmpty(url: string): Promise<Migrated> {
  const db = openDatabase(url)
  try {
    await migrate(db, migrations)
  } finally {
    await db.destroy()
  }
  const { runMigrations } = await import('bullmq')
  return connected(url, async (client) => {
    await runMigrations(client, `bullmq_${QUEUE_PREFIX}`)
    const rows: Migrated['rows'] = {}
    for (const { name } of (await client.query(TABLES)).rows) {
      const found = await client.query(`select jsonb_agg(t)::text as rows from ${name} t`)
      if (found.rows[0].rows !== null) rows[name] = found.rows[0].rows
    }
    return { ...(await client.query<Looked>(SHAPE)).rows[0], rows } as Migrated
  })
}

/**
 * Puts rows and counters back to what they were, and drops other schemas. Returns false, having
 * done no more than that, when the tables are not what they were.
 */
export async function restore(url: string, { shape, clock, rows }: Migrated): Promise<boolean> {
  return connected(url, async (client) => {
    await client.query(`${FORGET_STATISTICS}; ${DROP_OTHERS}`)
    const now = (await client.query<Looked>(SHAPE)).rows[0]
    if (now?.shape !== shape) return false
    const inserts = Object.entries(rows).map(
      ([table, json]) =>
        `insert into ${table} overriding system value select * from jsonb_populate_recordset(null::${table}, ${pg.escapeLiteral(json)})`,
    )
    if (now.clock !== clock) inserts.push(clock)
    await client.query(['begin', EMPTY_TABLES, ...inserts, 'commit', 'unlisten *'].join('; '))
    return true
  })
}

/** What the databases of this run are lent by; undefined without a real server. */
export function readLending(): Lending | undefined {
  const told = process.env.TEST_LENDING
  return told === undefined ? undefined : (JSON.parse(told) as Lending)
}

/**
 * Makes the templates before the tests of a run, on a server of its own where PostgreSQL is
 * installed, and drops those of any other real server after them.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const { keepMigrated } = await import('./kept-files.ts')
  const [, close] = await Promise.all([keepMigrated(), openLent()])
  return close
}

async function openLent(): Promise<(() => Promise<void>) | undefined> {
  // Projects share it.
  if (process.env.TEST_LENDING !== undefined) return undefined
  const own = await openRunPostgres()
  if (own) process.env.TEST_DATABASE_URL = own.url
  const server = await realPostgresUrl()
  if (server === undefined) return undefined
  let programUrl = server
  const { lending, close } = await openLending(server, async (url) => {
    programUrl = await makeProgramUser(url)
    process.env.TEST_TEMPLATE_URL = url
    process.env.TEST_PROGRAM_URL = programUrl
    return migrateEmpty(url)
  })
  process.env.TEST_LENDING = JSON.stringify(lending)
  return async () => {
    if (own) return own.close()
    await close()
    await dropProgramUser(programUrl, server)
  }
}

const TABLES = `select oid::regclass::text as name from pg_class where relkind = 'r'
  and relnamespace in ('public'::regnamespace, 'bullmq_${QUEUE_PREFIX}'::regnamespace)`

const DROP_OTHERS = `
  do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema|public$|bullmq_${QUEUE_PREFIX}$)' loop
      execute format('drop schema %I cascade', name);
    end loop;
  end $$`

/** Leaves nothing of a database but its server's own, and what was put aside. */
export const EMPTY = `
  do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema|aside_)' loop
      execute format('drop schema %I cascade', name);
    end loop;
  end $$; create schema public; unlisten *`

/**
 * Leaves nothing that a program finds: today's tables wait under other names for the next test that
 * wants them, because dropping and making them takes most of a second.
 */
export const PUT_ASIDE = `
  ${DROP_OTHERS};
  alter schema public rename to aside_public;
  alter schema bullmq_${QUEUE_PREFIX} rename to aside_bullmq;
  create schema public; unlisten *`

/** Has what was put aside in its place again, and nothing else. */
export const BRING_BACK = `
  ${EMPTY};
  drop schema public;
  alter schema aside_public rename to public;
  alter schema aside_bullmq rename to bullmq_${QUEUE_PREFIX}`

type Looked = Pick<Migrated, 'shape' | 'clock'>

const IS_CLOCK = `pronamespace = 'public'::regnamespace and proname in ('round_now', 'round_clock')`
const CLOCK = `(select string_agg(pg_get_functiondef(oid), '; ' order by proname) from pg_proc where ${IS_CLOCK})`

/**
 * Whoever changes an object writes its rows in the catalog anew, under a later transaction. Rows of
 * pg_class are only counted: emptying a table writes them too.
 */
const SHAPE = `select ${CLOCK} as clock, concat_ws(' ',
  (select count(*) from pg_class where oid >= 16384),
  (select count(*) || ':' || max(xmin::text::bigint) from pg_attribute where attrelid >= 16384),
  (select count(*) || ':' || max(xmin::text::bigint) from pg_attrdef where oid >= 16384),
  (select count(*) || ':' || max(xmin::text::bigint) from pg_constraint where oid >= 16384),
  (select count(*) || ':' || max(xmin::text::bigint) from pg_index where indexrelid >= 16384),
  (select count(*) || ':' || max(xmin::text::bigint) from pg_proc where oid >= 16384 and not (${IS_CLOCK})),
  (select count(*) || ':' || max(xmin::text::bigint) from pg_trigger where oid >= 16384),
  (select count(*) || ':' || max(xmin::text::bigint) from pg_type where oid >= 16384)) as shape`

/** They are of the rows of a test that is over, and would have others plan by them. */
const FORGET_STATISTICS = `
  begin; set local allow_system_table_mods = on;
  delete from pg_statistic where starelid >= 16384; commit`

/**
 * Deleting a few rows is several times faster than truncating. Foreign keys rest meanwhile: in the
 * end nothing is left for them to point to.
 */
const EMPTY_TABLES = `
  set local session_replication_role = replica;
  do $$ declare it regclass; start bigint; begin
    for it in select oid from pg_class where relkind = 'r'
      and relnamespace in ('public'::regnamespace, 'bullmq_${QUEUE_PREFIX}'::regnamespace) and pg_relation_size(oid) > 0
    loop
      if pg_relation_size(it) > 200000 then execute format('truncate %s cascade', it);
      else execute format('delete from %s', it);
      end if;
    end loop;
    for it, start in select s.seqrelid, s.seqstart from pg_sequence s join pg_class c on c.oid = s.seqrelid
      where c.relnamespace in ('public'::regnamespace, 'bullmq_${QUEUE_PREFIX}'::regnamespace)
    loop
      if pg_sequence_last_value(it) is not null then perform setval(it, start, false); end if;
    end loop;
  end $$`
