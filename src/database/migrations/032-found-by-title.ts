// A broad question holds half of all papers: those that hold it in their titles are found by
// themselves, the newest first, and not by reading the words of all the others.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index papers_by_title on papers using gin (ts_filter(words, '{a}'))`.execute(db)
}
