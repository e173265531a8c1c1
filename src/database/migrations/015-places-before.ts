// The place that a late riser had when its own date's edition froze stands beside its votes then:
// each reader's own number decides whether it was outside. Rows from before have none.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table edition_papers add column rank_before smallint`.execute(db)
}
