// Search reads more of a paper: keywords between titles and abstracts, and the names of people and
// organisations, which are not stemmed and stand without their accents. Cut to lengths far above
// any real ones, as a tsvector that grows too large is an error and would cost a whole day.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const english = (fact: string, max: number) =>
  `to_tsvector('pg_catalog.english', left(coalesce(facts->>'${fact}', ''), ${max}))`
const names = `left(coalesce(facts->>'authors', ''), 100000) || ' ' || left(coalesce(facts->>'organization', ''), 2000)`

const statements = [
  'alter table papers drop column words',
  `alter table papers add column words tsvector generated always as (
    setweight(${english('title', 2_000)}, 'A') ||
    setweight(${english('keywords', 10_000)}, 'B') ||
    setweight(${english('abstract', 20_000)} || ${english('summary', 5_000)}, 'C') ||
    setweight(to_tsvector('pg_catalog.simple', regexp_replace(normalize(${names}, NFKD), '[\\u0300-\\u036f]+', '', 'g')), 'D')
  ) stored`,
  'create index papers_by_words on papers using gin (words)',
]
