// What is wrong now and was told, one row an open alarm; what is still to be posted of it; and how
// many sign-ups were refused an hour ago. An alarm is also a notice of its own kind, to the host.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table alarms (
    name text not null,
    subject text not null,
    sentence text not null,
    since timestamptz not null default round_clock(),
    seen_at timestamptz not null default round_clock(),
    primary key (name, subject)
  )`,
  `create table alarm_posts (
    id uuid primary key default gen_random_uuid(),
    body text not null,
    attempts smallint not null default 0,
    made_at timestamptz not null default round_clock(),
    next_attempt_at timestamptz not null default round_clock()
  )`,
  `create table refusal_readings (
    name text primary key,
    at timestamptz not null default round_clock(),
    refused int not null,
    refused_before int not null
  )`,
  'alter table notices drop constraint notices_kind_check',
  `alter table notices add constraint notices_kind_check check (kind in
    ('confirm', 'subscribed-already', 'address', 'address-changed', 'export', 'erase', 'note', 'link', 'test', 'alarm'))`,
]
