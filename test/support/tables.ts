// Empties what a test wrote, so that the tests of a file can share one migrated database.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'

/** Leaves the schema, what the migrations wrote and the sequences as they are: ids go on counting, and no test may lean on them. */
export async function emptyTables(db: Kysely<Database>): Promise<void> {
  await sql`
    truncate papers, collections, listings, votes, editions, edition_papers, pieces, preferences, subscribers, selections,
      batches, deliveries, suppressions, ticks cascade`.execute(db)
}
