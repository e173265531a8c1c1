// A batch in the database up to its request: claim, drop, mark. Every write is fenced by the lease's epoch, and every moment
// is the database's. The mark is the point of no return: it is committed before the request. What follows is in settling.ts.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import { lastHourSql, localDateSql } from '../subscriber/calendar.ts'
import type { Member } from './batch.ts'
import type { WithheldReason } from './delivery.ts'

/** A batch in the hands of one worker until its lease is over. */
export interface ClaimedBatch {
  id: number
  editionId: number
  epoch: number
  /** What the mark fixed; null while no request can have been accepted. */
  fixed: { recipe: Buffer; joinVersion: number; idempotencyKey: string; provider: string; ageMs: number } | null
  /** How many members it has. */
  size: number
  /** Requests made so far. */
  attempts: number
  /** How long each step may keep the batch from others, in milliseconds. */
  leaseMs: number
}

/** The states of a batch that still has something before it. In the words of the partial index, so that it is used. */
export const standingSql = sql`('planned', 'attempting', 'deferred', 'unknown')`

/** A lease covers building, marking and one request with its deadline (30 s), with room for a slow database. */
export const LEASE_MS = 90_000

/** Takes the lease on a batch that stands still. Returns undefined when another worker holds it, it is settled, or its edition is stopped. */
export async function claimBatch(
  db: Kysely<Database>,
  id: number,
  leaseMs = LEASE_MS,
): Promise<ClaimedBatch | undefined> {
  const { rows } = await sql<{
    id: number
    edition_id: number
    lease_epoch: number
    recipe_sha256: Buffer | null
    join_version: number | null
    idempotency_key: string | null
    provider: string | null
    size: number
    attempts: number
    age_ms: number | null
  }>`
    update batches b set lease_epoch = lease_epoch + 1, next_attempt_at = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    from editions e
    where b.id = ${id} and e.id = b.edition_id and b.state in ${standingSql}
      and b.next_attempt_at <= clock_timestamp() and (e.stopped_reason is null or e.stopped_until <= clock_timestamp())
    returning b.id, b.edition_id, b.lease_epoch, b.recipe_sha256, b.join_version, b.idempotency_key, b.provider, b.attempts, cardinality(b.members) as size,
      (extract(epoch from clock_timestamp() - b.first_attempt_at) * 1000)::float8 as age_ms`.execute(db)
  const row = rows[0]
  if (!row) return undefined
  const fixed =
    row.recipe_sha256 === null
      ? null
      : {
          recipe: row.recipe_sha256,
          joinVersion: row.join_version as number,
          idempotencyKey: row.idempotency_key as string,
          provider: row.provider as string,
          ageMs: row.age_ms as number,
        }
  return {
    id: row.id,
    editionId: row.edition_id,
    epoch: row.lease_epoch,
    fixed,
    size: row.size,
    attempts: row.attempts,
    leaseMs,
  }
}

/** Why a member must not go with its batch; `accounted` when the provider has reported of it already. */
type Leaving = WithheldReason | 'accounted'

/** Lists a batch's members in the order of its request, each with the reason why it must be dropped, if any. */
export async function listMembers(
  db: Kysely<Database>,
  batchId: number,
): Promise<(Member & { leaving: Leaving | null })[]> {
  const { rows } = await sql<Member & { leaving: Leaving | null }>`
    select d.subscriber_id as "subscriberId", s.public_id as "subscriberPublicId", d.public_id as "publicId",
      d.selection_id as "selectionId", d.address, d.token_epoch as "tokenEpoch", d.key_id as "keyId", d.issued_at as "issuedAt",
      ${leavingSql} as leaving
    from batches b
    cross join unnest(b.members) with ordinality m(subscriber_id, place)
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = m.subscriber_id
    join subscribers s on s.id = m.subscriber_id
    where b.id = ${batchId}
    order by m.place`.execute(db)
  return rows
}

/** Withholds members of a batch that was never accepted anywhere, each with its reason; the accounted only leave. Returns false when the lease is lost. */
export async function dropMembers(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  leavers: readonly { subscriberId: number; reason: Leaving }[],
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const ids = leavers.map((leaver) => leaver.subscriberId)
    const { numAffectedRows } = await sql`
      update batches set members = array(select m from unnest(members) with ordinality u(m, place) where m <> all(${ids}::int[]) order by place),
        state = case when members <@ ${ids}::int[] then 'settled' else state end
      where id = ${batch.id} and lease_epoch = ${batch.epoch} and state in ${standingSql}`.execute(trx)
    if (Number(numAffectedRows) === 0) return false
    await sql`
      update deliveries d set state = 'withheld', reason = l.reason, local_date = null, address = null, changed_at = clock_timestamp()
      from unnest(${ids}::int[], ${leavers.map((leaver) => leaver.reason)}::text[]) as l(subscriber_id, reason)
      where d.edition_id = ${batch.editionId} and d.subscriber_id = l.subscriber_id and d.state = 'planned'`.execute(
      trx,
    )
    if (leavers.some((leaver) => leaver.reason === 'accounted')) await emptyAddresses(trx, batch.editionId, ids)
    return true
  })
}

/**
 * Commits the intent to send: recipe, key, provider and the moment of the first attempt. `fresh` says that nothing was ever
 * accepted, so that members may still leave. Returns `left` when somebody did (drop them and build again), `lost` when another
 * worker has the batch or has settled it.
 */
export async function markAttempting(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  intent: { recipe: Buffer; joinVersion: number; idempotencyKey: string; provider: string },
): Promise<'marked' | 'left' | 'lost'> {
  const fresh = batch.fixed === null
  // A digest that slid into a later local day takes that day. Should another have taken it at this very moment, the key of
  // subscriber and day refuses the mark as a whole, and the next claim finds the reason to leave.
  const { rows: marked } = await sql`
    with marked as (update batches b set state = 'attempting', recipe_sha256 = ${intent.recipe}, join_version = ${intent.joinVersion},
      idempotency_key = ${intent.idempotencyKey}, provider = ${intent.provider}, attempts = attempts + 1,
      first_attempt_at = coalesce(first_attempt_at, clock_timestamp()),
      next_attempt_at = clock_timestamp() + make_interval(secs => ${batch.leaseMs / 1000})
    where b.id = ${batch.id} and b.lease_epoch = ${batch.epoch} and b.state in ${standingSql}
      and (not ${fresh}::boolean or not exists (
        select from unnest(b.members) m join subscribers s on s.id = m
        join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = m
        where ${leavingSql} is not null
      )) returning b.edition_id, b.members),
    moved as (
      update deliveries d set local_date = ${todaySql} from marked cross join unnest(marked.members) m(id) join subscribers s on s.id = m.id
      where ${fresh}::boolean and d.edition_id = marked.edition_id and d.subscriber_id = m.id and ${hasSlidSql}
    )
    select from marked`.execute(db)
  if (marked.length === 1) return 'marked'
  const { rows } = await sql`
    select from batches where id = ${batch.id} and lease_epoch = ${batch.epoch} and state in ${standingSql}`.execute(db)
  return rows.length === 1 ? 'left' : 'lost'
}

/** Empties the addresses of deliveries that are accounted for: a report may have come while their request still needed them. */
export async function emptyAddresses(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
): Promise<void> {
  await sql`
    update deliveries d set address = null from unnest(${[...members]}::int[]) as m(subscriber_id)
    where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id
      and d.state not in ('planned', 'unknown') and d.address is not null`.execute(trx)
}

/** Lists up to `limit` batches that nobody works on and that may be attempted now, the longest-standing first. */
export async function listStandingBatches(db: Kysely<Database>, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select b.id from batches b join editions e on e.id = b.edition_id
    where b.state in ${standingSql} and b.next_attempt_at <= clock_timestamp()
      and (e.stopped_reason is null or e.stopped_until <= clock_timestamp())
    order by b.next_attempt_at limit ${limit}`.execute(db)
  return rows.map((row) => row.id)
}

/** Lists the batches of an edition that may be attempted now; with `only`, those of one subscriber. */
export async function listBatchesOf(db: Kysely<Database>, editionId: number, only: number | null): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from batches
    where edition_id = ${editionId} and state in ${standingSql}
      and next_attempt_at <= clock_timestamp() and (${only}::int is null or ${only}::int = any(members))
    order by id`.execute(db)
  return rows.map((row) => row.id)
}

/**
 * Lifts what stopped an edition, and every provider's stop with it: its batches may go at once, whatever they waited for. Those
 * that are unknown for good stay as they are.
 */
export async function markResumed(db: Kysely<Database>, editionId: number): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`
      update editions set stopped_reason = null, stopped_until = null,
        resumed_at = case when stopped_reason like ${`${BRAKE_WORD}%`} then clock_timestamp() else resumed_at end
      where id = ${editionId}`.execute(trx)
    await sql`delete from providers`.execute(trx)
    await sql`
      update batches set next_attempt_at = clock_timestamp()
      where edition_id = ${editionId} and state = 'deferred' and next_attempt_at > clock_timestamp()`.execute(trx)
  })
}

/** How the reason begins for which a brake stopped an edition. */
export const BRAKE_WORD = 'brake: '

/** Lists the LINK_SECRET key ids that unsettled deliveries and notices were made with: without them their bytes cannot be rebuilt. */
export async function listUnsettledKeyIds(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select distinct d.key_id as id from batches b join deliveries d
      on d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and d.state = 'planned'
    where b.state in ${standingSql} and b.next_attempt_at < 'infinity'
    union
    select n.key_id from notices n where n.state in ${standingSql} and n.next_attempt_at < 'infinity'`.execute(db)
  return rows.map((row) => row.id)
}

const todaySql = localDateSql('s', sql`now()`)
/** Tells whether delivery `d` was planned for the local day of its planning and that day is over. What is sent by hand keeps its date. */
const hasSlidSql = sql`(d.state = 'planned' and d.local_date < ${todaySql} and d.local_date = ${localDateSql('s', sql`d.issued_at`)})`
/** Tells whether the day that `d` slid into brings reader `s` a newer edition: planned already, or due since their last hour. */
const isOvertakenSql = sql`(
  exists (
    select from deliveries o where o.subscriber_id = d.subscriber_id and o.local_date >= ${todaySql} and o.edition_id <> d.edition_id
  ) or exists (
    select from editions own join editions n on n.kind = own.kind and n.date > own.date and n.state = 'frozen' and not n.archive
    where own.id = d.edition_id and n.frozen_at > s.waiting_since and n.frozen_at <= ${lastHourSql('s', sql`now()`)}
      and not exists (select from deliveries o where o.edition_id = n.id and o.subscriber_id = d.subscriber_id)
  )
)`

/** Why a reader `s` with delivery `d` must not get it any more; null when they may. */
const leavingSql = sql<Leaving | null>`case
  when d.state <> 'planned' then 'accounted'
  when s.consent <> 'confirmed' or s.address is distinct from d.address then 'left'
  when exists (select from suppressions x where x.address_hash = s.address_hash) then 'suppressed'
  when s.paused_until >= (now() at time zone s.zone)::date then 'paused'
  when ${hasSlidSql} and ${isOvertakenSql} then 'merged'
end`
