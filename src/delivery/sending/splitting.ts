// A batch into parts: larger ones that were never attempted, for a provider that takes fewer at
// once, and what of a request came back apart from the rest. Every delivery is in exactly one batch
// before and after.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { BatchState } from '../../database/states.ts'
import { standingSql } from '../delivery.ts'
import type { ClaimedBatch } from './batch.ts'

/**
 * Cuts a batch that was never attempted into one of `first` members and others of at most `size`,
 * all free to be taken. Returns the ids of all parts, none when the lease is lost.
 */
export async function splitBatch(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  first: number,
  size: number,
): Promise<number[]> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ members: number[] }>`
      select members from batches
      where id = ${batch.id} and lease_epoch = ${batch.epoch} and recipe_sha256 is null and state in ${standingSql}
      for update`.execute(trx)
    const members = rows[0]?.members
    if (!members) return []
    await sql`
      update batches set members = ${members.slice(0, first)}, next_attempt_at = clock_timestamp() where id = ${batch.id}`.execute(
      trx,
    )
    const ids = [batch.id]
    for (let at = first; at < members.length; at += size) {
      ids.push(await insertPart(trx, batch.editionId, members.slice(at, at + size)))
    }
    return ids
  })
}

/** Gives a claimed batch back as it is: it may be taken at once. */
export async function releaseBatch(db: Kysely<Database>, batch: ClaimedBatch): Promise<void> {
  await sql`
    update batches set next_attempt_at = clock_timestamp()
    where id = ${batch.id} and lease_epoch = ${batch.epoch} and state in ${standingSql}`.execute(db)
}

/**
 * Inserts a batch of deliveries that leave another one. Never attempted unless `given` says more.
 */
export async function insertPart(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
  given: { state: BatchState; reason?: string | null; attempts?: number; waitMs?: number } = { state: 'planned' },
): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    insert into batches (edition_id, state, members, reason, attempts, next_attempt_at)
    values (${editionId}, ${given.state}, ${[...members]}, ${given.reason ?? null}, ${given.attempts ?? 0},
      clock_timestamp() + make_interval(secs => ${(given.waitMs ?? 0) / 1000}))
    returning id`.execute(trx)
  const id = rows[0]?.id as number
  await sql`
    update deliveries d set batch_id = ${id}
    from unnest(${members.map(() => editionId)}::int[], ${[...members]}::int[]) as m(edition_id, subscriber_id)
    where d.edition_id = m.edition_id and d.subscriber_id = m.subscriber_id`.execute(trx)
  return id
}
