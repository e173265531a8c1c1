// Who lives, and what the dead held. Each process that marks or plans writes its heartbeat; what it
// holds is taken over by another one once it was silent for three beats, by the database's clock
// and never by a session. Silence counts only while the listener itself was heard: after an outage
// nobody is dead. It need not be right: whoever was only stopped finds at its next write that the
// lease is no longer its own, and an acceptance that it heard still counts.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { SECOND_MS } from '../../time.ts'
import { LEASE_MS, takeOver } from './once.ts'
import { isUnsettledSql } from './transitions.ts'

/** A process that marks or plans. */
export interface Process {
  /** A UUID of its own: the `holder` of its leases. */
  id: string
  roles: readonly string[]
  /** The name of its machine or container. */
  host: string
  /** Fingerprints of the settings that it goes by, by name. */
  settings: Record<string, string>
}

/** A setting that living processes do not agree on. */
export interface Apart {
  setting: string
  /** Who goes by the same, as in `worker on one`. */
  sides: string[]
}

/** What was taken from who held it, with the epoch that it has since. */
export interface TakenOver {
  batches: { id: number; epoch: number }[]
  notices: { id: number; epoch: number }[]
}

export const BEAT_EVERY_MS = 5 * SECOND_MS
/** Three beats: one may be late, and another may fall into the restart of a store. */
const SILENT_MS = 15 * SECOND_MS
/** A listener that has missed a beat itself begins to listen anew. */
const BROKEN_MS = 10 * SECOND_MS

/**
 * Writes a heartbeat. Returns whether another process has been silent for so long that what it
 * holds is to be taken over. One statement, which reads and writes the few rows of this table.
 */
export async function markAlive(db: Kysely<Database>, { id, roles, host, settings }: Process): Promise<boolean> {
  const { rows } = await sql<{ isSilent: boolean }>`
    with own as (
      insert into heartbeats as h (id, roles, host, settings)
      values (${id}::uuid, ${[...roles]}::text[], ${host}, ${JSON.stringify(settings)}::jsonb)
      on conflict (id) do update set beat_at = round_clock(), unbroken_since = case
        when h.beat_at < round_clock() - ${interval(BROKEN_MS)} then round_clock() else h.unbroken_since end
      returning h.id, h.beat_at, h.unbroken_since
    )
    select exists (select from own, heartbeats other where ${isSilentSql('other', 'own')}) as "isSilent"`.execute(db)
  return rows[0]?.isSilent === true
}

/**
 * Takes over what silent processes hold, as the process `id` hears it, and removes their heartbeats
 * once they hold nothing. What somebody is writing at this moment is left to the next beat.
 */
export async function takeOverSilent(
  db: Kysely<Database>,
  id: string,
): Promise<TakenOver & { silent: { host: string; roles: string[] }[] }> {
  const isHeldBySilent = (u: string) => sql<boolean>`${sql.table(u)}.holder in (
    select other.id from heartbeats own, heartbeats other where own.id = ${id}::uuid and ${isSilentSql('other', 'own')})`
  return db.transaction().execute(async (trx) => {
    const taken = await takeAll(trx, isHeldBySilent)
    const { rows: silent } = await sql<{ host: string; roles: string[] }>`
      delete from heartbeats other using heartbeats own
      where own.id = ${id}::uuid and ${isSilentSql('other', 'own')}
        and not exists (select from batches b where ${isLeasedSql('b')} and b.holder = other.id)
        and not exists (select from notices n where ${isLeasedSql('n')} and n.holder = other.id)
      returning other.host, other.roles`.execute(trx)
    return { ...taken, silent }
  })
}

/** Gives up whatever a process that ends still holds, and removes its heartbeat. */
export async function handOver(db: Kysely<Database>, id: string): Promise<TakenOver> {
  return db.transaction().execute(async (trx) => {
    const taken = await takeAll(trx, (u) => sql<boolean>`${sql.table(u)}.holder = ${id}::uuid`)
    await trx.deleteFrom('heartbeats').where('id', '=', id).execute()
    return taken
  })
}

/** Takes what is still held though its lease is over: its process lives, and hangs. */
export async function takeOverdue(db: Kysely<Database>): Promise<TakenOver> {
  const isOverdue = (u: string) =>
    sql<boolean>`${sql.table(u)}.holder is not null and ${sql.table(u)}.next_attempt_at <= round_clock()`
  return {
    batches: await takeOver(db, 'batches', sql<boolean>`${isUnsettledSql('u')} and ${isOverdue('u')}`),
    notices: await takeOver(db, 'notices', sql<boolean>`${isUnsettledSql('u')} and ${isOverdue('u')}`),
  }
}

/** Lists the processes that live, as far as their heartbeats say. */
export async function listAlive(db: Kysely<Database>): Promise<{ host: string; roles: string[]; ageMs: number }[]> {
  const { rows } = await sql<{ host: string; roles: string[]; ageMs: number }>`
    select host, roles, (extract(epoch from round_clock() - beat_at) * 1000)::float8 as "ageMs" from heartbeats
    where beat_at > round_clock() - ${interval(SILENT_MS)} order by beat_at desc`.execute(db)
  return rows
}

/** Lists the settings that those who live do not agree on. Who does not read one has no say. */
export async function listApart(db: Kysely<Database>): Promise<Apart[]> {
  const { rows } = await sql<{ setting: string | null; sides: string[] | null }>`
    select v.setting, array_agg(v.who order by v.who) as sides
    from (
      select s.key as setting, string_agg(distinct array_to_string(h.roles, ' and ') || ' on ' || h.host, ', ') as who
      from heartbeats h cross join lateral jsonb_each_text(case jsonb_typeof(h.settings) when 'object' then h.settings else '{}' end) s
      where h.beat_at > round_clock() - ${interval(SILENT_MS)}
      group by s.key, s.value
    ) v
    group by v.setting having count(*) > 1 order by v.setting`.execute(db)
  return rows.flatMap(({ setting, sides }) => (setting === null || sides === null ? [] : [{ setting, sides }]))
}

/** Says of a setting who goes by another, and what to do. */
export function sayApart({ setting, sides }: Apart): string {
  return `${setting} is not the same everywhere (${sides.join(' against ')}): give all of them the same, and start them again`
}

async function takeAll(trx: Transaction<Database>, isTheirs: (u: string) => RawBuilder<boolean>): Promise<TakenOver> {
  return {
    batches: await takeOver(trx, 'batches', sql<boolean>`${isLeasedSql('u')} and ${isTheirs('u')}`),
    notices: await takeOver(trx, 'notices', sql<boolean>`${isLeasedSql('u')} and ${isTheirs('u')}`),
  }
}

/** Has a lease, in the words of the partial indexes: a wait may be longer than any lease. */
function isLeasedSql(alias: string): RawBuilder<boolean> {
  const u = sql.table(alias)
  return sql<boolean>`(${isUnsettledSql(alias)} and ${u}.next_attempt_at > round_clock()
    and ${u}.next_attempt_at <= round_clock() + ${interval(LEASE_MS)})`
}

/** For as long as `own` has heard itself without a break, nothing came from `other`. */
function isSilentSql(other: string, own: string): RawBuilder<boolean> {
  const [o, l] = [sql.table(other), sql.table(own)]
  return sql<boolean>`(${o}.id <> ${l}.id
    and greatest(${o}.beat_at, ${l}.unbroken_since) <= ${l}.beat_at - ${interval(SILENT_MS)})`
}

function interval(ms: number): RawBuilder<unknown> {
  return sql`make_interval(secs => ${sql.lit(ms / SECOND_MS)})`
}
