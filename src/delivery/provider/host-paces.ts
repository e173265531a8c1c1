// The paces of hosts in PostgreSQL, so that all workers share them; the moments are the database's.
// A row stands for a host that is held back, by its own word or by DOMAIN_RATE, and goes when it is
// not any more.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { type HostPace, perMinuteAt, slowDown, type Turns, takeTurns } from './host-pace.ts'

/** A host that asked for less, as people are told of it. */
export interface SlowHost {
  host: string
  perMinute: number
  since: Date
  /** Its own words. */
  reason: string
}

/** The reason that people read of an email which waits for its host. */
export function paceReason(host: string): string {
  return `the pace of ${host}`
}

/**
 * Gives turns to so many emails a host; `most` is the pace a minute that no host exceeds, null
 * without one.
 */
export async function claimTurns(
  db: Kysely<Database>,
  asked: ReadonlyMap<string, number>,
  most: number | null,
): Promise<Map<string, Turns>> {
  const hosts = [...asked.keys()].sort()
  const turns = new Map<string, Turns>()
  const isHeldBack = most !== null || (await isAnyHeldBack(db, hosts))
  if (!isHeldBack) return turns
  await db.transaction().execute(async (trx) => {
    if (most !== null) await ensureHosts(trx, hosts)
    const { paces, now } = await claimPaces(trx, hosts)
    const taken = [...paces].map(([host, pace]) => ({ host, ...takeTurns(pace, asked.get(host) ?? 0, most, now) }))
    for (const each of taken) turns.set(each.host, each.turns)
    await markPaces(trx, new Map(taken.map(({ host, pace }) => [host, pace])))
  })
  return turns
}

/** Notes that a host said, in these words, that it gets too many at a time. */
export async function markSlowed(
  db: Kysely<Database>,
  slowed: readonly { host: string; reason: string }[],
  most: number | null,
): Promise<void> {
  const words = new Map(slowed.map(({ host, reason }) => [host, reason]))
  const hosts = [...words.keys()].sort()
  await db.transaction().execute(async (trx) => {
    await ensureHosts(trx, hosts)
    const { paces, now } = await claimPaces(trx, hosts)
    await markPaces(trx, new Map([...paces].map(([host, pace]) => [host, slowDown(pace, most, now)])))
    for (const [host, reason] of words) {
      await trx.updateTable('host_paces').set({ reason }).where('host', '=', host).execute()
    }
  })
}

/** Lists the hosts that asked for less and are still held back by it. */
export async function listSlowHosts(db: Kysely<Database>, most: number | null): Promise<SlowHost[]> {
  const { rows } = await sql<PaceRow & { learned: number; since: Date | null; reason: string | null }>`
    select ${columnsSql('p')}, p.slowed_at as since, p.reason from host_paces p where p.per_minute is not null order by p.host`.execute(
    db,
  )
  return rows.flatMap((row) => {
    const perMinute = perMinuteAt(paceOf(row), most, row.now)
    const isFree = perMinute >= (most ?? Number.POSITIVE_INFINITY)
    return isFree || row.since === null
      ? []
      : [{ host: row.host, perMinute, since: row.since, reason: row.reason ?? '' }]
  })
}

/** Forgets hosts that nobody wrote to for a day: by then none is held back any more. */
export async function pruneHostPaces(db: Kysely<Database>): Promise<void> {
  await sql`delete from host_paces p where greatest(p.next_at, p.slowed_at) < round_clock() - interval '1 day'`.execute(
    db,
  )
}

interface PaceRow {
  host: string
  learned: number | null
  slowedAt: number | null
  nextAt: number
  queuedUntil: number
  now: number
}

function columnsSql(alias: string): RawBuilder<unknown> {
  const p = sql.table(alias)
  const msOf = (column: RawBuilder<unknown>) => sql`(extract(epoch from ${column}) * 1000)::float8`
  return sql`${p}.host, ${p}.per_minute as learned, ${msOf(sql`${p}.slowed_at`)} as "slowedAt",
    ${msOf(sql`${p}.next_at`)} as "nextAt", ${msOf(sql`${p}.queued_until`)} as "queuedUntil", ${msOf(sql`round_clock()`)} as now`
}

function paceOf({ learned, slowedAt, nextAt, queuedUntil }: PaceRow): HostPace {
  return { learned, slowedAt, nextAt, queuedUntil }
}

/** Tells whether one of these hosts has a pace. */
export async function isAnyHeldBack(db: Kysely<Database>, hosts: readonly string[]): Promise<boolean> {
  const { rows } = await sql`select from host_paces p where p.host = any(${[...hosts]}::text[]) limit 1`.execute(db)
  return rows.length > 0
}

async function ensureHosts(trx: Transaction<Database>, hosts: readonly string[]): Promise<void> {
  await sql`
    insert into host_paces (host) select h from unnest(${[...hosts]}::text[]) h order by h on conflict do nothing`.execute(
    trx,
  )
}

/** Locks the hosts' rows, always in the same order. */
async function claimPaces(
  trx: Transaction<Database>,
  hosts: readonly string[],
): Promise<{ paces: Map<string, HostPace>; now: number }> {
  const { rows } = await sql<PaceRow>`
    select ${columnsSql('p')} from host_paces p where p.host = any(${[...hosts]}::text[]) order by p.host for update`.execute(
    trx,
  )
  return { paces: new Map(rows.map((row) => [row.host, paceOf(row)])), now: rows.at(-1)?.now ?? 0 }
}

async function markPaces(trx: Transaction<Database>, paces: ReadonlyMap<string, HostPace>): Promise<void> {
  const rows = [...paces].map(([host, pace]) => ({ host, ...pace }))
  await sql`
    update host_paces p set per_minute = r.learned, slowed_at = to_timestamp(r."slowedAt" / 1000),
      next_at = to_timestamp(r."nextAt" / 1000), queued_until = to_timestamp(r."queuedUntil" / 1000)
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as r(host text, learned float8, "slowedAt" float8, "nextAt" float8, "queuedUntil" float8)
    where p.host = r.host`.execute(trx)
}
