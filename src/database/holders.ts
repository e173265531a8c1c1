// Which sessions of PostgreSQL keep a table of ours from everybody, and which have forgotten a
// transaction. A user with few rights sees of others' sessions who they are, and not what they do.
import { type Kysely, sql } from 'kysely'

export interface Session {
  pid: number
  user: string
  /** As it calls itself: `psql`; may be empty. */
  program: string
  /** When its transaction began; null where this user may not see it. */
  since: Date | null
  /** What it does, or did last where it is idle; null where this user may not see it. */
  statement: string | null
  isIdle: boolean
}

export interface Holder extends Session {
  /** A table of ours that it keeps. */
  table: string
}

const LOCK_NOT_HAD = '55P03'

/** Tells whether a statement failed because somebody kept a table for longer than it may wait. */
export function isKept(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && error.code === LOCK_NOT_HAD) || isKept(error.cause)
}

/**
 * `alias` stands for its row in pg_stat_activity, a view: PostgreSQL does not know which of its
 * columns are never null.
 */
function sessionSql(alias: string) {
  const a = sql.table(alias)
  return sql`
    coalesce(${a}.pid, 0) as pid, coalesce(${a}.usename::text, '') as "user", coalesce(${a}.application_name, '') as program,
    ${a}.xact_start as since, case when ${a}.state is not null then ${a}.query end as statement,
    coalesce(${a}.state like 'idle in transaction%', false) as "isIdle"`
}

/**
 * Lists who keeps a table that nobody can read meanwhile: whoever has it alone, or keeps somebody
 * waiting who wants it alone. Of those that wait for one another it is the one that all wait for.
 */
export async function findHolders<T>(db: Kysely<T>): Promise<Holder[]> {
  const { rows } = await sql<Holder>`
    with recursive chain (pid, name) as (
      select l.pid, c.relname::text
      from pg_locks l
      join pg_class c on c.oid = l.relation and c.relnamespace = current_schema()::regnamespace
      join pg_database d on d.oid = l.database and d.datname = current_database()
      where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid()
      union
      select blocking.pid, chain.name
      from chain
      cross join lateral unnest(pg_blocking_pids(chain.pid)) as blocking (pid)
    )
    select ${sessionSql('a')}, coalesce(q.name, '') as table
    from (select chain.pid, min(chain.name) as name from chain group by chain.pid) q
    join pg_stat_activity a on a.pid = q.pid
    where cardinality(pg_blocking_pids(q.pid)) = 0
    order by a.pid`.execute(db)
  return rows
}

/** Lists whose transaction has done nothing for so long, in milliseconds, as far as can be seen. */
export async function listForgotten<T>(db: Kysely<T>, idleMs: number): Promise<Session[]> {
  const { rows } = await sql<Session>`
    select ${sessionSql('a')}
    from pg_stat_activity a
    join pg_stat_activity own on own.pid = pg_backend_pid()
    where a.datname = current_database() and a.state like 'idle in transaction%'
      and a.state_change < own.query_start - make_interval(secs => ${idleMs / 1_000})
    order by a.pid`.execute(db)
  return rows
}
