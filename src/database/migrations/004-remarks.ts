// What a reader's own choices add to the reasons on their cards: part of what a selection is. Equal
// ones still share a row; by a hash, as fifty remarks are more than an index entry holds.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table selections add column remarks text[] not null default '{}'`.execute(db)
  await sql`alter table selections drop constraint selections_edition_id_length_papers_reasons_key`.execute(db)
  await sql`
    create unique index selections_once on selections
      (edition_id, length, papers, reasons, hash_array_extended(remarks, 0))`.execute(db)
}
