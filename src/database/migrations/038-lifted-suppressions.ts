// Which suppressions the operator lifted: what the journal kept before that is not brought in
// again.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table lifted_suppressions (
      address_hash bytea primary key,
      lifted_at timestamptz not null
    )`.execute(db)
}
