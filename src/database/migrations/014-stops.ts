// What the operator has stopped: all digests, or one edition, made already or not. And how far each
// edition has come in the log, so that every line of it is written once, by whichever process.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table stops (
    id int generated always as identity primary key,
    date date,
    kind text check (kind in ('daily', 'weekly')),
    reason text,
    since timestamptz not null default clock_timestamp(),
    check ((date is null) = (kind is null))
  )`,
  "create unique index stops_once on stops (coalesce(date, '-infinity'), coalesce(kind, ''))",
  `create table progress (
    edition_id int primary key references editions,
    expected int not null,
    tenth smallint not null default 0,
    looked_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
  )`,
]
