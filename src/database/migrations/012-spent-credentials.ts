// What one-time links were, after they are of no use: by hash, for as long as somebody may still
// open them. Nothing of what they did is kept. Notices may carry a fresh link to the preferences.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table spent_credentials (
    hash bytea primary key,
    purpose text not null check (purpose in ('confirm', 'address', 'export', 'erase', 'undo')),
    subscriber_id int references subscribers on delete set null,
    fate text not null check (fate in ('used', 'replaced', 'expired', 'withdrawn')),
    spent_at timestamptz not null default clock_timestamp()
  )`,
  'create index spent_credentials_of on spent_credentials (subscriber_id)',
  'create index spent_credentials_by_age on spent_credentials (spent_at)',
  'alter table notices drop constraint notices_kind_check',
  `alter table notices add constraint notices_kind_check check (kind in
    ('confirm', 'subscribed-already', 'address', 'address-changed', 'export', 'erase', 'note', 'link'))`,
]
