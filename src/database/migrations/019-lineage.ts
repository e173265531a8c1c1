// Which database this is and how many marks it has seen, to be held against the witness outside of
// it. A row and not a sequence: a sequence runs ahead of what is committed, by up to 32 after every
// crash and in every copy of running files, and a copy must never know of a mark that it lacks.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table lineage (
    database_id uuid primary key default gen_random_uuid(),
    branch int not null default 1,
    number bigint not null default 0,
    marked_at timestamptz,
    held_at timestamptz,
    held_why text,
    gap_from timestamptz,
    check (num_nulls(held_at, held_why, gap_from) in (0, 3))
  ) with (fillfactor = 10)`,
  'insert into lineage default values',
  // Called by the statement of a mark, last of all: the row is locked until the mark is committed,
  // so that numbers are committed in their order.
  `create function next_mark(at timestamptz) returns bigint language sql volatile
    as 'update lineage set number = number + 1, marked_at = at returning number'`,
]
