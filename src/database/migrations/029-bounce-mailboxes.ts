// The mailbox that bounces come back to: one row, about who reads it and how that goes.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(`create table bounce_mailboxes (
      name text primary key,
      reader uuid not null,
      leased_until timestamptz not null,
      read_at timestamptz,
      failed_since timestamptz,
      failure text,
      applied int not null default 0,
      passed_over int not null default 0
    )`)
    .execute(db)
}
