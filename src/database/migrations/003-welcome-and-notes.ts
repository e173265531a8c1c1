// The first digest after confirming, and the short notes that take a silent day's place.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  'alter table subscribers add column welcome boolean not null default false',
  `create table notes (
    subscriber_id int not null references subscribers on delete cascade,
    local_date date not null,
    kind text not null check (kind in ('day', 'filters')),
    edition_id int,
    noticed_at timestamptz,
    primary key (subscriber_id, local_date)
  )`,
  'create index notes_waiting on notes (subscriber_id, local_date) where noticed_at is null',
]
