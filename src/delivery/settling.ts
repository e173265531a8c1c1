// What became of a batch's request: settled, deferred, unknown or halved. Every write but a provider's answer is fenced by the
// lease's epoch and never touches a batch that somebody else has settled meanwhile.
import { type Kysely, sql, type Transaction, type UpdateObject } from 'kysely'
import type { Database } from '../database/schema.ts'
import { type ClaimedBatch, emptyAddresses, standingSql } from './ledger.ts'
import type { MailOutcome } from './provider.ts'

type MailResult = { subscriberId: number; outcome: MailOutcome }

/**
 * Records what the provider said of every member. Not fenced: an acceptance is true whoever heard it, and rows that are
 * already settled stay as they are.
 */
export async function markSettled(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  results: readonly MailResult[],
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // The batch before its deliveries, as everywhere: reports of the same mails may come at this moment.
    await trx.updateTable('batches').set({ state: 'settled', reason: null }).where('id', '=', batch.id).execute()
    await settleDeliveries(trx, batch.editionId, results)
  })
}

/**
 * Puts a batch back that certainly was not accepted by this request, which does not count as an attempt. If no earlier
 * request can have been accepted either, it is as if never attempted: members may leave again and the key is free.
 */
export async function markDeferred(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  reason: string,
  waitMs: number,
): Promise<void> {
  const free = {
    state: 'deferred',
    recipe_sha256: null,
    join_version: null,
    idempotency_key: null,
    provider: null,
    first_attempt_at: null,
  } as const
  await write(db, batch, {
    ...(batch.fixed === null ? free : { state: 'unknown' as const }),
    reason,
    attempts: batch.attempts,
    next_attempt_at: inMs(waitMs),
  })
}

/** Notes that a request may or may not have been accepted: the same bytes and key again after `waitMs`, never again with null. */
export async function markUnknown(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  reason: string,
  waitMs: number | null,
): Promise<void> {
  await write(db, batch, { state: 'unknown', reason, next_attempt_at: inMs(waitMs) })
}

/**
 * Cuts a batch whose content was refused as a whole into two that were never attempted; a single member is rejected. An
 * earlier request of unknown outcome does not matter: its bytes were the same, so it was refused as well.
 * Returns the ids of the halves, none when the lease is lost or there was nothing to cut.
 */
export async function markHalved(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  members: readonly number[],
  reason: string,
): Promise<number[]> {
  return db.transaction().execute(async (trx) => {
    const single = members.length === 1
    if (!(await write(trx, batch, { state: single ? 'settled' : 'halved', reason }))) return []
    // Whoever the provider has reported of meanwhile was accepted after all, and must not go into another request.
    const left = await claimUnaccounted(trx, batch.editionId, members)
    if (left.length < members.length) await emptyAddresses(trx, batch.editionId, members)
    const [first] = left
    if (single && first !== undefined) {
      await settleDeliveries(trx, batch.editionId, [{ subscriberId: first, outcome: { state: 'rejected', reason } }])
      return []
    }
    const middle = Math.ceil(left.length / 2)
    const ids: number[] = []
    for (const half of [left.slice(0, middle), left.slice(middle)])
      if (half.length > 0) ids.push(await insertBatch(trx, batch.editionId, half))
    return ids
  })
}

/** Takes the row locks of those of `members` whose outcome nobody knows, and returns them in their order. */
export async function claimUnaccounted(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select d.subscriber_id as id from unnest(${[...members]}::int[]) with ordinality m(subscriber_id, place)
    join deliveries d on d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id
    where d.state in ('planned', 'unknown') order by m.place for update of d`.execute(trx)
  return rows.map((row) => row.id)
}

/** Writes one batch's row under its fence. Returns false when the lease is lost or the batch is settled. */
async function write(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  values: UpdateObject<Database, 'batches'>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('batches')
    .set(values)
    .where('id', '=', batch.id)
    .where('lease_epoch', '=', batch.epoch)
    .where(sql<boolean>`state in ${standingSql}`)
    .executeTakeFirst()
  return Number(numUpdatedRows) === 1
}

async function settleDeliveries(
  trx: Transaction<Database>,
  editionId: number,
  results: readonly MailResult[],
): Promise<void> {
  // Both key columns from the arrays: a fresh edition has no statistics, and a constant one would be scanned.
  const { numAffectedRows } = await sql`
    update deliveries d set state = r.state, reason = r.reason, provider_id = r.provider_id, address = null,
      local_date = case r.state when 'submitted' then d.local_date end, changed_at = clock_timestamp()
    from unnest(
      ${results.map(() => editionId)}::int[], ${results.map((result) => result.subscriberId)}::int[],
      ${results.map(({ outcome }) => outcome.state)}::text[],
      ${results.map(({ outcome }) => (outcome.state === 'rejected' ? outcome.reason : null))}::text[],
      ${results.map(({ outcome }) => (outcome.state === 'submitted' ? outcome.providerId : null))}::text[]
    ) as r(edition_id, subscriber_id, state, reason, provider_id)
    where d.edition_id = r.edition_id and d.subscriber_id = r.subscriber_id and d.state in ('planned', 'unknown')`.execute(
    trx,
  )
  if (Number(numAffectedRows) === results.length) return
  await emptyAddresses(
    trx,
    editionId,
    results.map((result) => result.subscriberId),
  )
}

/** Makes a batch that was never attempted, and so has a key of its own, of deliveries that leave the one they were in. */
export async function insertBatch(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
): Promise<number> {
  const { id } = await trx
    .insertInto('batches')
    .values({ edition_id: editionId, state: 'planned', members: [...members] })
    .returning('id')
    .executeTakeFirstOrThrow()
  await sql`
    update deliveries d set batch_id = ${id}
    from unnest(${members.map(() => editionId)}::int[], ${[...members]}::int[]) as m(edition_id, subscriber_id)
    where d.edition_id = m.edition_id and d.subscriber_id = m.subscriber_id`.execute(trx)
  return id
}

function inMs(waitMs: number | null) {
  return waitMs === null
    ? sql<Date>`'infinity'`
    : sql<Date>`clock_timestamp() + make_interval(secs => ${waitMs / 1000})`
}
