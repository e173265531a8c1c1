// What providers report later. Events name their delivery by its key and hold no address; the
// partial indexes carry the two questions that are asked of them: is this edition doing harm, and
// does this reader keep bouncing.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table events (
    id text primary key,
    type text not null check (type in
      ('sent', 'delayed', 'delivered', 'soft-bounce', 'hard-bounce', 'failed', 'suppressed', 'complained', 'other')),
    edition_id int,
    subscriber_id int,
    at timestamptz not null,
    received_at timestamptz not null default clock_timestamp(),
    lifted boolean not null default false
  )`,
  'create index events_by_age on events (received_at)',
  "create index events_of_harm on events (edition_id, type) where type in ('hard-bounce', 'complained')",
  "create index events_of_soft_bounces on events (subscriber_id, at) where type = 'soft-bounce'",
  'alter table editions add column resumed_at timestamptz',
]
