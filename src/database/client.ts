// Opens PostgreSQL for everything above it: one pool, one set of rules for what values look like in
// this program. It must never touch the driver's global parsers: the queue uses the same driver and
// expects its own.
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import pg from 'pg'
import { limitLooks } from './look-limits.ts'
import { type Outage, openOutage } from './outage.ts'
import { limitPages } from './page-limits.ts'
import { openNames } from './prepared.ts'
import type { Database } from './schema.ts'
import { type ConnectionPool, toKysely, watchPool } from './watched-pool.ts'

/** Where PostgreSQL makes tables unless told otherwise. */
export const USUAL_SCHEMA = 'public'

export interface DatabaseOptions {
  /**
   * Where the tables are, said at the start of each session, which PgBouncer refuses; where the
   * session itself says unless named. It must be a plain lower-case name.
   */
  schema?: string
  maxConnections?: number
  /** Shown in pg_stat_activity. */
  applicationName?: string
  /**
   * Whether sessions are this program's own, or a pooler's, and keep what is prepared: not those of
   * the embedded database, where all share one.
   */
  prepares?: boolean
  /** Hears of connections that broke while nobody used them. The pool replaces them by itself. */
  onError?: (error: Error) => void
  /** Hears of each new connection before its first statement. */
  onConnect?: () => void
}

/** One pool, in two hands. */
export interface Handles {
  /** `destroy()` closes the pool and waits for the queries under way. */
  db: Kysely<Database>
  /**
   * For pages: each statement is in a transaction that waits a second at most for a row or table.
   * It closes with `db`.
   */
  pageDb: Kysely<Database>
  /** For commands that only look: no statement waits for a table for long. It closes with `db`. */
  lookDb: Kysely<Database>
  /** What the connections of the pool say of PostgreSQL being away. */
  outage: Outage
}

/** Opens a pool on `url` without connecting yet. `destroy()` closes it as in Handles. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Kysely<Database> {
  return openHandles(url, options).db
}

/** Opens a pool on `url` without connecting yet. */
export function openHandles(url: string, options: DatabaseOptions = {}): Handles {
  const max = options.maxConnections ?? DEFAULT_CONNECTIONS
  const pool = new pg.Pool({
    Client: PlainClient,
    ...connectionSettings(url, options.schema),
    max,
    application_name: options.applicationName ?? 'paper-round',
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser: findParser },
  })
  const outage = openOutage()
  // Without a listener, a connection that the server closes while idle would end the process.
  pool.on('error', (error) => {
    outage.lost()
    options.onError?.(error)
  })
  // The same holds while one is in use, between two statements of a transaction: the next statement
  // fails by itself.
  pool.on('connect', (client) => {
    client.on('error', () => {})
    options.onConnect?.()
  })
  const watched = watchPool(pool, max, outage, options.prepares ? openNames() : undefined)
  const over = (lender: ConnectionPool) =>
    new Kysely<Database>({ dialect: new PostgresDialect({ pool: toKysely(lender) }) })
  return { db: over(watched), pageDb: over(limitPages(watched)), lookDb: over(limitLooks(watched)), outage }
}

/**
 * Waits until no other transaction in this schema holds `name`; the lock ends with the transaction.
 */
export async function lockInTransaction<T>(trx: Transaction<T>, name: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${lockKey(name)})`.execute(trx)
}

/**
 * Takes the lock beside any number of others that share it: whoever takes it alone waits for all of
 * them, and they for whoever has it alone. Outside of a transaction it only waits.
 */
export async function shareLockInTransaction<T>(db: Kysely<T>, name: string): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${lockKey(name)})`.execute(db)
}

/**
 * Takes the lock like lockInTransaction, or returns false at once when another transaction holds
 * it.
 */
export async function tryLockInTransaction<T>(trx: Transaction<T>, name: string): Promise<boolean> {
  const { rows } = await sql<{
    taken: boolean | null
  }>`select pg_try_advisory_xact_lock(${lockKey(name)}) as taken`.execute(trx)
  return rows[0]?.taken === true
}

/**
 * What a server, database or user may have set otherwise, and statements and parsers depend on. Of
 * all settings, PgBouncer takes these alone at the start of a session, and keeps them for each of
 * its clients.
 */
const SESSION = { DateStyle: 'ISO, MDY', TimeZone: 'UTC', standard_conforming_strings: 'on' }

/** Says SESSION with the message that begins a session: that costs no turn. */
class PlainClient extends pg.Client {
  getStartupConf() {
    const { getStartupConf } = pg.Client.prototype as unknown as { getStartupConf(): Record<string, string> }
    return { ...getStartupConf.call(this), ...SESSION }
  }
}

/** Below PostgreSQL's usual 100 for several processes at once. */
const DEFAULT_CONNECTIONS = 10
/** Longer than a failover takes to refuse, shorter than a job's patience. */
const CONNECTION_TIMEOUT_MS = 10_000

/** The schema is part of the key: a demo beside the real tables must not wait for them. */
function lockKey(name: string) {
  return sql`hashtextextended(current_schema() || ':' || ${name}::text, 0)`
}

/** Takes `options` out of the URL, because there it would replace ours instead of joining it. */
function connectionSettings(url: string, schema: string | undefined): { connectionString: string; options?: string } {
  if (schema === undefined) return { connectionString: url }
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw new Error(`"${schema}" is not a plain lower-case schema name`)
  const searchPath = `-c search_path=${schema},public`
  const address = new URL(url)
  const given = address.searchParams.get('options')
  address.searchParams.delete('options')
  return { connectionString: address.href, options: given === null ? searchPath : `${given} ${searchPath}` }
}

type Parser = (text: string) => unknown

// The driver's typings know only the numbers of single values; 1009 is text[].
const parseTextArray: (text: string) => (string | null)[] = pg.types.getTypeParser(1009 as number, 'text')
const parseNumberArray: Parser = (text) => parseTextArray(text).map((value) => (value === null ? null : Number(value)))

/**
 * By type number in pg_type. What is not here reads as the driver reads it: timestamptz is a Date,
 * int2[] and int4[] are numbers.
 */
const PARSERS = new Map<number, Parser>([
  // bigint and numeric: counts and scores, far below 2^53.
  [20, Number],
  [1700, Number],
  [1016, parseNumberArray],
  [1231, parseNumberArray],
  // date: a day has no time zone, so it stays the text YYYY-MM-DD.
  [1082, (text) => text],
  [1182, parseTextArray],
])

function findParser(type: number, format?: 'text' | 'binary') {
  const ours = format === 'binary' ? undefined : PARSERS.get(type)
  return ours ?? pg.types.getTypeParser(type, format)
}
