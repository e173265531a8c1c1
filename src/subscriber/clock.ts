// A reader's clock: when their next hour is, and since when they wait. It stands in a table of its
// own, since each planned hour writes it anew, and whoever plans holds it until that is committed.
// So a reader's own row is never held by a planner, and whoever leaves touches nothing but that:
// the clock of a reader who has left is stopped by the planner that it brings to them.
//
// Whoever writes both takes the reader's row first, and not in a way that keeps away who only
// refers to it (`for no key update`): a planner that holds the clock may be about to.
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import { nextHourSql } from './calendar.ts'

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
      weekly = excluded.weekly${welcome === undefined ? sql`` : sql`, welcome = excluded.welcome`}`
}

/**
 * Sets a reader's clock by the rhythm that they chose; `waitsAnew`: what is frozen is passed over.
 */
export async function moveClock(
  trx: Transaction<Database>,
  id: number,
  { waitsAnew, clockMoves }: { waitsAnew: boolean; clockMoves: boolean },
): Promise<void> {
  await sql`
    update reader_clocks c set weekly = s.cadence = 'weekly',
      waiting_since = case when ${waitsAnew}::boolean then round_now() else c.waiting_since end,
      next_due_at = case when ${clockMoves}::boolean and not c.welcome then ${nextHourSql('s', sql`round_now()`)} else c.next_due_at end
    from subscribers s where c.subscriber_id = ${id} and s.id = ${id}`.execute(trx)
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
    update reader_clocks c set next_due_at = null from subscribers s
    where c.subscriber_id = any(${rows.map(({ id }) => id)}::int[]) and s.id = c.subscriber_id and s.consent <> 'confirmed'`.execute(
    trx,
  )
}
