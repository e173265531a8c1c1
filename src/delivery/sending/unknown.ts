// What is permanently unknown: the provider may or may not have accepted it, and no repeat is safe.
// Whatever evidence came in stays; only members that nobody can account for wait for a decision.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { isForGoodSql, isUnaccountedSql, isUnsettledSql } from './transitions.ts'

/** Returns how many deliveries of an edition are permanently unknown and undecided. */
export async function getUnresolved(db: Kysely<Database>, editionId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from batches b
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and ${isUnaccountedSql('d')}
    where b.edition_id = ${editionId} and ${isForGoodSql('b')}`.execute(db)
  return rows[0]?.count ?? 0
}

/**
 * Lists the LINK_SECRET key ids that unsettled deliveries and notices were made with: without them
 * their bytes cannot be rebuilt.
 */
export async function listUnsettledKeyIds(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number | null }>`
    select distinct d.key_id as id from batches b cross join lateral (
      select d.key_id from deliveries d
      where d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and d.state = 'planned' offset 0
    ) d
    where ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity'
    union
    select n.key_id from notices n where ${isUnsettledSql('n')} and n.next_attempt_at < 'infinity'`.execute(db)
  return rows.flatMap((row) => row.id ?? [])
}
