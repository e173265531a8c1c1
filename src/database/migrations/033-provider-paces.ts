// The turns of requests to a provider, where there is no Redis to keep them: one row a provider,
// written over with every request and worth nothing a minute later.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(`create unlogged table provider_paces (
      provider text primary key,
      turns text not null
    ) with (fillfactor = 10)`)
    .execute(db)
}
