// A reader's clock: when their next hour is, and since when they wait. It stands in a table of its
// own, and whoever plans holds it until that is committed. So a reader's own row is never held by a
// planner, and whoever leaves touches nothing but that: the clock of a reader who has left is
// stopped by the planner that it brings to them.
//
// Once planned, a reader goes by a clock that they share with others of the same rhythm
// (planning/clocks.ts). An hour of their own always counts before it: who sets one touches no
// shared clock, and waits for nobody who moves it.
//
// Whoever writes both takes the reader's row first, and not in a way that keeps away who only
// refers to it (`for no key update`): a planner that holds the clock may be about to.
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import { hourOnDaySql, localDateSql, nextHourSql, nextHourWithoutGapSql } from './calendar.ts'

/** A relation of all clocks, with the hour and the wait that count of each. */
export const READER_HOURS = sql`(
  select c.subscriber_id, c.welcome, c.weekly, coalesce(c.next_due_at, k.next_due_at) as next_due_at,
    ${waitingSinceSql('c', sql`k.waiting_since`)} as waiting_since
  from reader_clocks c left join shared_clocks k on k.id = c.shared_clock_id
)`

/** Since when a reader waits, of their clock and the time of the one that they may share. */
function waitingSinceSql(clock: string, shared: RawBuilder<unknown>): RawBuilder<Date> {
  const c = sql.table(clock)
  return sql<Date>`case when ${c}.next_due_at is null then greatest(${c}.waiting_since, ${shared}) else ${c}.waiting_since end`
}

/** Tells whether anybody who is subscribed goes by a shared clock. */
export function hasReaderSql(clock: string): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from reader_clocks c cross join lateral (select * from subscribers s where s.id = c.subscriber_id offset 0) s
    where c.shared_clock_id = ${sql.ref(`${clock}.id`)} and c.next_due_at is null and s.consent = 'confirmed'
  )`
}

/**
 * Returns the SQL that starts clocks, or sets them anew: `readers` is a relation of subscribers'
 * ids and rhythms. With `welcome` given, it is their hour at once, or no longer; without it whoever
 * was to be welcomed still is.
 */
export function startClocksSql(readers: RawBuilder<unknown>, welcome?: boolean): RawBuilder<unknown> {
  const at = welcome ? sql`round_now()` : nextHourSql('r', sql`round_now()`)
  return sql`
    insert into reader_clocks (subscriber_id, next_due_at, weekly, welcome)
    select r.id, ${at}, r.cadence = 'weekly', ${sql.lit(welcome === true)} from ${readers} r
    on conflict (subscriber_id) do update set next_due_at = excluded.next_due_at, waiting_since = excluded.waiting_since,
      weekly = excluded.weekly, shared_clock_id = null${welcome === undefined ? sql`` : sql`, welcome = excluded.welcome`}`
}

/**
 * Sets a reader's clock by the rhythm that they chose; `waitsAnew`: what is frozen is passed over.
 * Whose week would end later than it was going to, has one more digest before it. Returns the local
 * time of that one.
 */
export async function moveClock(
  trx: Transaction<Database>,
  id: number,
  { waitsAnew, clockMoves, cutoffMinutes }: { waitsAnew: boolean; clockMoves: boolean; cutoffMinutes: number },
): Promise<string | null> {
  const moves = sql`${clockMoves}::boolean and not c.welcome`
  const shared = (column: string) =>
    sql`(select ${sql.ref(`k.${column}`)} from shared_clocks k where k.id = c.shared_clock_id)`
  const since = sql`case when ${waitsAnew}::boolean then round_now() else ${waitingSinceSql('c', shared('waiting_since'))} end`
  const planned = sql`case when c.weekly then coalesce(c.next_due_at, ${shared('next_due_at')}) end`
  const after = behindDigestsSql('s')
  const { rows } = await sql<{ extra: string | null }>`
    update reader_clocks c set weekly = s.cadence = 'weekly', waiting_since = ${since},
      next_due_at = case when ${moves} then ${nextHourWithoutGapSql('s', { after, since, planned, cutoffMinutes })} else c.next_due_at end,
      shared_clock_id = case when ${moves} then null else c.shared_clock_id end
    from subscribers s where c.subscriber_id = ${id} and s.id = ${id}
    returning case when ${moves} and c.next_due_at < ${nextHourSql('s', after)}
      then to_char(c.next_due_at at time zone s.zone, 'YYYY-MM-DD HH24:MI') end as extra`.execute(trx)
  return rows[0]?.extra ?? null
}

/**
 * Behind what a reader's next hour is: now, and for a weekly one the hour of a day which has its
 * digest or note already: whoever crossed the date line may have had that of tomorrow.
 */
function behindDigestsSql(reader: string): RawBuilder<Date> {
  const s = sql.table(reader)
  const today = localDateSql(reader, sql`round_now()`)
  return sql<Date>`greatest(round_now(), (
    select ${hourOnDaySql(sql`max(had.day)`, sql`${s}.hour`, sql`${s}.zone`)} from (
      select d.local_date as day from deliveries d where d.subscriber_id = ${s}.id and d.local_date >= ${today}
      union all
      select n.local_date from notes n where n.subscriber_id = ${s}.id and n.local_date >= ${today}
    ) had where ${s}.cadence = 'weekly'
  ))`
}

/** Holds the clock that a reader shares: a planner that has it is waited for, and waits. */
export async function holdSharedClock(trx: Transaction<Database>, id: number): Promise<void> {
  await sql`
    select from reader_clocks c join shared_clocks k on k.id = c.shared_clock_id
    where c.subscriber_id = ${id} and c.next_due_at is null for share of k`.execute(trx)
}

/**
 * Stops the clocks of those of `ids` who have left. Their rows are asked once the clocks are held:
 * who comes back at this moment has been seen, or starts theirs behind this.
 */
export async function stopClocksOfLeavers(trx: Transaction<Database>, ids: readonly number[]): Promise<void> {
  const { rows } = await sql<{ id: number }>`
    select c.subscriber_id as id from reader_clocks c where c.subscriber_id = any(${[...ids]}::int[]) for update skip locked`.execute(
    trx,
  )
  await sql`
    update reader_clocks c set next_due_at = null, shared_clock_id = null from subscribers s
    where c.subscriber_id = any(${rows.map(({ id }) => id)}::int[]) and s.id = c.subscriber_id and s.consent <> 'confirmed'`.execute(
    trx,
  )
}
