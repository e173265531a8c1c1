// The one clock for decisions: the database's. Machines may disagree about the time; rows must not.
import { type Kysely, sql } from 'kysely'

/** Returns the database's time. */
export async function getNow<T>(db: Kysely<T>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db)
  return (rows[0] as { now: Date }).now
}
