// What a reader wants to hear on a day that leaves them without a digest.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table subscribers add column silence text not null default 'silent' check (silence in ('silent', 'note'))`.execute(
    db,
  )
}
