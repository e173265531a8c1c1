// Which keys links were signed with, by the ids that they carry: a start without any of them would
// turn every link that readers have dead, unseen.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table link_keys (
      id int primary key,
      since timestamptz not null default round_now()
    )`.execute(db)
}
