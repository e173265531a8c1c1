// Which processes live, one row a process, and which of them holds a batch or notice: what a dead
// one held is taken over seconds later instead of when its lease is over.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Rewritten every few seconds: room for the next versions of a row on its own page.
  `create table heartbeats (
    id uuid primary key,
    roles text[] not null,
    host text not null,
    beat_at timestamptz not null default round_clock(),
    unbroken_since timestamptz not null default round_clock()
  ) with (fillfactor = 10)`,
  'alter table batches add column holder uuid',
  'alter table notices add column holder uuid',
]
