// What searching reads: the words of titles and abstracts, titles counting more, kept with each
// paper so that ranking matches does not read every abstract again. Cut to a length far above any
// real one, as a tsvector that grows too large is an error and would cost a whole day.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table papers add column words tsvector generated always as (
    setweight(to_tsvector('pg_catalog.english', left(coalesce(facts->>'title', ''), 2000)), 'A') ||
    setweight(to_tsvector('pg_catalog.english', left(coalesce(facts->>'abstract', ''), 20000)), 'B')) stored`.execute(
    db,
  )
  await sql`create index papers_by_words on papers using gin (words)`.execute(db)
  // The dates of a paper, which the primary key does not begin with.
  await sql`create index listings_by_paper on listings (paper_id, date)`.execute(db)
}
