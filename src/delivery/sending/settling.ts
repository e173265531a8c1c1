// What became of a batch's request: settled, deferred, unknown or halved. Every write but a
// provider's answer is fenced by the lease's epoch and never touches a batch that somebody else has
// settled meanwhile.
import { type Kysely, sql, type Transaction, type UpdateObject } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { standingSql } from '../delivery.ts'
import type { MailOutcome } from '../provider/provider.ts'
import type { ClaimedBatch } from './batch.ts'
import { emptyAddresses } from './members.ts'
import { insertPart } from './splitting.ts'

type MailResult = { subscriberId: number; outcome: MailOutcome }

/** A wait that is told for one mail doubles so often: five minutes become 80, then it stays. */
const DOUBLINGS_MAX = 4

/**
 * Records what the provider said of every member. Not fenced: an acceptance is true whoever heard
 * it, and rows that are already settled stay as they are. Members that were not decided leave the
 * batch: put off ones into a batch as if never attempted, unknown ones into one that stays so.
 * Returns the ids of these two.
 */
export async function markSettled(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  results: readonly MailResult[],
): Promise<{ deferred: number[]; unknown: number[] }> {
  return db.transaction().execute(async (trx) => {
    // The batch before its deliveries, as everywhere: reports of the same mails may come at this
    // moment.
    await sql`select from batches where id = ${batch.id} for update`.execute(trx)
    const open = results.filter(({ outcome }) => outcome.state === 'deferred' || outcome.state === 'unknown')
    if (open.length === 0) {
      await settleDeliveries(trx, batch.editionId, results)
      await trx.updateTable('batches').set({ state: 'settled', reason: null }).where('id', '=', batch.id).execute()
      return { deferred: [], unknown: [] }
    }
    // Before the split, so that only what is still in this batch and undecided can leave it.
    await settleDeliveries(
      trx,
      batch.editionId,
      results.filter((result) => !open.includes(result)),
    )
    return moveOpenMembers(trx, batch, open)
  })
}

/**
 * Puts a batch back that certainly was not accepted by this request, which does not count as an
 * attempt. If no earlier request can have been accepted either, it is as if never attempted:
 * members may leave again and the key is free.
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

/**
 * Notes that a request may or may not have been accepted: the same bytes and key again after
 * `waitMs`, never again with null.
 */
export async function markUnknown(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  reason: string,
  waitMs: number | null,
): Promise<void> {
  await write(db, batch, { state: 'unknown', reason, next_attempt_at: inMs(waitMs) })
}

/**
 * Cuts a batch whose content was refused as a whole into two that were never attempted; a single
 * member is rejected. An earlier request of unknown outcome does not matter: its bytes were the
 * same, so it was refused as well. Returns the ids of the halves, none when the lease is lost or
 * there was nothing to cut.
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
    // Whoever the provider has reported of meanwhile was accepted after all, and must not go into
    // another request.
    const left = await claimUnaccounted(trx, batch.editionId, members)
    if (left.length < members.length) await emptyAddresses(trx, batch.editionId, members)
    const [first] = left
    if (single && first !== undefined) {
      await settleDeliveries(trx, batch.editionId, [{ subscriberId: first, outcome: { state: 'rejected', reason } }])
      return []
    }
    const middle = Math.ceil(left.length / 2)
    const ids: number[] = []
    for (const half of [left.slice(0, middle), left.slice(middle)]) {
      if (half.length > 0) ids.push(await insertPart(trx, batch.editionId, half))
    }
    return ids
  })
}

/**
 * Takes the row locks of those of `members` whose outcome nobody knows, and returns them in their
 * order.
 */
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

/**
 * Writes one batch's row under its fence. Returns false when the lease is lost or the batch is
 * settled.
 */
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
  // Both key columns from the arrays: a fresh edition has no statistics, and a constant one would
  // be scanned.
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

async function moveOpenMembers(
  trx: Transaction<Database>,
  batch: ClaimedBatch,
  open: readonly MailResult[],
): Promise<{ deferred: number[]; unknown: number[] }> {
  const { rows } = await sql<{ id: number }>`
    select d.subscriber_id as id from unnest(${open.map(() => batch.editionId)}::int[], ${open.map((each) => each.subscriberId)}::int[])
      as m(edition_id, subscriber_id)
    join deliveries d on d.edition_id = m.edition_id and d.subscriber_id = m.subscriber_id
    where d.batch_id = ${batch.id} and d.state in ('planned', 'unknown') for update of d`.execute(trx)
  const here = new Set(rows.map((row) => row.id))
  const parts = { deferred: [] as number[], unknown: [] as number[] }
  for (const state of ['deferred', 'unknown'] as const) {
    const leaving = open.filter(({ subscriberId, outcome }) => outcome.state === state && here.has(subscriberId))
    const [first] = leaving
    if (!first) continue
    const { outcome } = first
    const waitMs =
      outcome.state === 'deferred' ? outcome.retryAfterMs * 2 ** Math.min(batch.attempts, DOUBLINGS_MAX) : 0
    const id = await insertPart(
      trx,
      batch.editionId,
      leaving.map((each) => each.subscriberId),
      // The attempt is remembered for the next wait alone: nothing of it is fixed.
      { state, reason: 'reason' in outcome ? outcome.reason : null, attempts: batch.attempts + 1, waitMs },
    )
    parts[state].push(id)
  }
  // What stays unknown keeps the marks of its one attempt, as evidence and for the quota. Its key
  // belongs to the whole request.
  await sql`
    update batches u set recipe_sha256 = b.recipe_sha256, join_version = b.join_version, provider = b.provider,
      first_attempt_at = b.first_attempt_at, idempotency_key = b.idempotency_key || '-unknown', next_attempt_at = 'infinity'
    from batches b where b.id = ${batch.id} and u.id = any(${parts.unknown})`.execute(trx)
  await sql`
    update batches set state = 'settled', reason = null,
      members = array(select m from unnest(members) with ordinality u(m, place) where m <> all(${[...here]}::int[]) order by place)
    where id = ${batch.id}`.execute(trx)
  return parts
}

function inMs(waitMs: number | null) {
  return waitMs === null
    ? sql<Date>`'infinity'`
    : sql<Date>`clock_timestamp() + make_interval(secs => ${waitMs / 1000})`
}
