// Readers of one rhythm share a clock: moving it on is a row for a thousand of them. Nobody shares
// one yet: each reader's own clock goes on as it stands, until their next hour is planned. Those
// that wait for no hour of their own leave the indexes of hours.
import { type Kysely, sql } from 'kysely'
import { takeTables } from './taking.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await takeTables(db, 'reader_clocks in access exclusive mode')
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table shared_clocks (
    id int generated always as identity primary key,
    next_due_at timestamptz not null,
    waiting_since timestamptz,
    members int not null,
    cadence text not null,
    weekday smallint not null,
    hour smallint not null,
    zone text not null
  ) with (fillfactor = 50)`,
  'create index shared_clocks_due on shared_clocks (next_due_at)',
  'alter table reader_clocks add column shared_clock_id int references shared_clocks on delete set null',
  'create index reader_clocks_shared on reader_clocks (shared_clock_id) where shared_clock_id is not null',
  'drop index reader_clocks_due, reader_clocks_due_weekly',
  'create index reader_clocks_due on reader_clocks (next_due_at) where next_due_at is not null',
  'create index reader_clocks_due_weekly on reader_clocks (next_due_at) where weekly and next_due_at is not null',
]
