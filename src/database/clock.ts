// The one clock for decisions: the database's. Machines may disagree about the time; rows must not.
// SQL asks it by round_now(), when the transaction began, or round_clock(), this moment.
import { type Kysely, type RawBuilder, sql } from 'kysely'

/** Returns the database's time. */
export async function getNow<T>(db: Kysely<T>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select round_clock() as now`.execute(db)
  return (rows[0] as { now: Date }).now
}

/** A moment so many milliseconds from now, by the database's clock. */
export function inMs(waitMs: number): RawBuilder<Date> {
  return sql<Date>`round_clock() + make_interval(secs => ${waitMs / 1000})`
}
