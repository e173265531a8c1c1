// Which provider is out and until when, and who waits because a quota is used up. What a quota has
// left is counted from the batches themselves, so that a killed worker can neither lose nor invent
// a mail of it.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table providers (
    name text primary key,
    stopped_reason text not null,
    stopped_until timestamptz,
    since timestamptz not null default clock_timestamp()
  )`,
  `create table quota_waits (
    subscriber_id int primary key references subscribers on delete cascade,
    since timestamptz not null default clock_timestamp()
  )`,
  'create index batches_by_provider on batches (provider, first_attempt_at) where provider is not null',
]
