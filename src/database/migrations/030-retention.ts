// What RETENTION has removed of an edition is known, so that nobody looks for it twice; and old
// notices are found by an index.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  'alter table editions add column pruned_at timestamptz',
  'create index editions_unpruned on editions (date) where pruned_at is null',
  'create index notices_by_age on notices (issued_at)',
]
