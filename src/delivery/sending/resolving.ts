// What the operator decides of batches that are unknown for good: send them once more, or leave
// them. Whatever evidence came in before stays; only members that nobody can account for are
// touched.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { emptyAddresses } from './members.ts'
import { claimUnaccounted } from './settling.ts'
import { insertPart } from './splitting.ts'

/**
 * The reason of a delivery that the operator left: it stays unknown and asks for nothing any more.
 */
export const LEFT_UNKNOWN = 'left by the operator'

/** Returns how many deliveries of an edition are unknown for good and undecided. */
export async function getUnresolved(db: Kysely<Database>, editionId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from batches b
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and d.state in ('planned', 'unknown')
    where b.edition_id = ${editionId} and ${forGoodSql}`.execute(db)
  return rows[0]?.count ?? 0
}

/**
 * Puts what is unknown for good into batches of its own, with new keys: whoever did get the mail
 * gets a second one. Everything that its bytes depend on is taken anew, as at planning. Returns how
 * many deliveries go again.
 */
export async function markToSendAgain(db: Kysely<Database>, editionId: number, keyId: number): Promise<number> {
  return eachForGood(db, editionId, async (trx, members) => {
    await sql`
      update deliveries d set state = 'planned', reason = null, address = s.address, token_epoch = s.token_epoch,
        key_id = ${keyId}::int, issued_at = date_trunc('second', now()), changed_at = clock_timestamp()
      from unnest(${members}::int[]) as m(subscriber_id) join subscribers s on s.id = m.subscriber_id
      where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id`.execute(trx)
    await insertPart(trx, editionId, members)
    return 'sent again under a new key'
  })
}

/**
 * Leaves what is unknown for good as it is: still counted as unknown, and no longer waiting for a
 * decision. Returns how many deliveries.
 */
export async function markLeftUnknown(db: Kysely<Database>, editionId: number): Promise<number> {
  return eachForGood(db, editionId, async (trx, members) => {
    await sql`
      update deliveries d set state = 'unknown', reason = ${LEFT_UNKNOWN}, address = null, changed_at = clock_timestamp()
      from unnest(${members}::int[]) as m(subscriber_id)
      where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id`.execute(trx)
    return LEFT_UNKNOWN
  })
}

/**
 * A provider's late word may still settle it; nothing of ours will. In words that the partial index
 * knows.
 */
export const forGoodSql = sql`b.state = 'unknown' and b.next_attempt_at = 'infinity'`

/**
 * Decides batch by batch, each in its own transaction: what was decided stays decided when a later
 * one fails.
 */
async function eachForGood(
  db: Kysely<Database>,
  editionId: number,
  decide: (trx: Transaction<Database>, members: number[]) => Promise<string>,
): Promise<number> {
  const { rows } = await sql<{ id: number; members: number[] }>`
    select b.id, b.members from batches b where b.edition_id = ${editionId} and ${forGoodSql} order by b.id`.execute(db)
  let count = 0
  for (const { id, members } of rows) {
    count += await db.transaction().execute(async (trx) => {
      const held = await sql`select from batches b where b.id = ${id} and ${forGoodSql} for update`.execute(trx)
      if (held.rows.length === 0) return 0
      const left = await claimUnaccounted(trx, editionId, members)
      const reason = left.length > 0 ? await decide(trx, left) : null
      await emptyAddresses(trx, editionId, members)
      await sql`update batches set state = 'settled', reason = ${reason} where id = ${id}`.execute(trx)
      return left.length
    })
  }
  return count
}
