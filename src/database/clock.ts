// The one clock for decisions: the database's. Machines may disagree about the time; rows must not.
import { type Kysely, type RawBuilder, sql } from 'kysely'

/** Returns the database's time. */
export async function getNow<T>(db: Kysely<T>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db)
  return (rows[0] as { now: Date }).now
}

/** A moment so many milliseconds from now, by the database's clock. */
export function inMs(waitMs: number): RawBuilder<Date> {
  return sql<Date>`clock_timestamp() + make_interval(secs => ${waitMs / 1000})`
}
