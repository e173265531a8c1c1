// Counters of the web's rate limits. Losing them in a crash costs a few requests more, so they are
// not logged.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      'create unlogged table rate_limits (key varchar(255) primary key, points int not null default 0, expire bigint)',
    )
    .execute(db)
}
