// What the operator says of an address that they suppress themselves.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table suppressions add column note text`.execute(db)
}
