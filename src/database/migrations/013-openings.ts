// What a selection's mails say first: subject, preheader, headline, day and lead block. Selections
// from before have none, and their editions' pieces ask for none. Equal ones still share a row, by
// hashes. Votes that a place of an earlier date had when that date froze stand beside those of now.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table selections add column opening text`.execute(db)
  await sql`drop index selections_once`.execute(db)
  await sql`
    create unique index selections_once on selections
      (edition_id, length, papers, reasons, hash_array_extended(remarks, 0), hashtextextended(coalesce(opening, ''), 0))`.execute(
    db,
  )
  await sql`alter table edition_papers add column upvotes_before int`.execute(db)
}
