// What a large table was read in sequence for, or an edition's part of it: notices under a quota,
// as batches are counted, and a selection by all that it holds. The index of selections_once began
// with the edition, as the primary key does; of a fresh edition PostgreSQL expects a row or none,
// took the shorter key and read all of its selections for each that was looked for.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index notices_by_provider on notices (provider, first_attempt_at) where provider is not null`.execute(
    db,
  )
  await sql`
    create index selections_by_content on selections
      (hash_record_extended(row(edition_id, length, papers, reasons, remarks, coalesce(opening, '')), 0))`.execute(db)
  await sql`drop index selections_once`.execute(db)
}
