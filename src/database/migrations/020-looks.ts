// What a look tells beyond its papers: which rows it set aside and why, and whether nothing but
// their number held the day, so that two equal looks may release it.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table collections
      add column set_aside_at int[] not null default '{}',
      add column set_aside_reasons text[] not null default '{}',
      add column small boolean not null default false`.execute(db)
}
