// What keeps a sender's good name: the domains that began a ramp (since when, how many days of it
// were sent on, and which was the last), how much was sent on days that are over, and the pace of
// hosts of addresses.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table sender_domains (
    domain text primary key,
    since timestamptz not null default round_now(),
    days int not null default 1,
    last_day date not null default (round_clock() at time zone 'UTC')::date
  )`,
  `create table sent_days (
    day date primary key,
    sent int not null
  )`,
  `create table host_paces (
    host text primary key,
    per_minute double precision check (per_minute > 0),
    slowed_at timestamptz,
    reason text,
    next_at timestamptz not null default round_clock(),
    queued_until timestamptz not null default round_clock()
  )`,
]
