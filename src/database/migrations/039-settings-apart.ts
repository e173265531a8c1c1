// Which settings a living process goes by, a fingerprint each, so that processes that do not agree
// are told. Programs from before write none.
import { type Kysely, sql } from 'kysely'
import { takeTables } from './taking.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await takeTables(db, 'heartbeats in access exclusive mode')
  await sql`alter table heartbeats add column settings jsonb not null default '{}'`.execute(db)
}
