// Whether anybody still shares a set of choices is asked whenever a reader is erased: found by an
// index, not among all readers.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index subscribers_by_choices on subscribers (preferences_id)`.execute(db)
}
