// A batch in the database up to its request: claim and mark. Every write is fenced by the lease's
// epoch, and every moment is the database's. The mark is the point of no return: it is committed
// before the request. What follows is in settling.ts.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { standingSql } from '../delivery.ts'
import type { ClaimedBatch } from './batch.ts'
import { hasSlidSql, leavingSql, todaySql } from './members.ts'

/**
 * A lease covers building, marking and one request with its deadline (30 s), with room for a slow
 * database.
 */
export const LEASE_MS = 90_000

/**
 * Takes the lease on a batch that stands still. Returns undefined when another worker holds it, it
 * is settled, or its edition is stopped.
 */
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

/**
 * Commits the intent to send: recipe, key, provider and the moment of the first attempt. `fresh`
 * says that nothing was ever accepted, so that members may still leave. Returns `left` when
 * somebody did (drop them and build again), `lost` when another worker has the batch or has settled
 * it.
 */
export async function markAttempting(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  intent: { recipe: Buffer; joinVersion: number; idempotencyKey: string; provider: string },
): Promise<'marked' | 'left' | 'lost'> {
  const fresh = batch.fixed === null
  // A digest that slid into a later local day takes that day. Should another have taken it at this
  // very moment, the key of subscriber and day refuses the mark as a whole, and the next claim
  // finds the reason to leave.
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

/**
 * Lists up to `limit` batches that nobody works on and that may be attempted now, the
 * longest-standing first.
 */
export async function listStandingBatches(db: Kysely<Database>, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select b.id from batches b join editions e on e.id = b.edition_id
    where b.state in ${standingSql} and b.next_attempt_at <= clock_timestamp()
      and (e.stopped_reason is null or e.stopped_until <= clock_timestamp())
    order by b.next_attempt_at limit ${limit}`.execute(db)
  return rows.map((row) => row.id)
}

/**
 * Lists the batches of an edition that may be attempted now; with `only`, those of one subscriber.
 */
export async function listBatchesOf(db: Kysely<Database>, editionId: number, only: number | null): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from batches
    where edition_id = ${editionId} and state in ${standingSql}
      and next_attempt_at <= clock_timestamp() and (${only}::int is null or ${only}::int = any(members))
    order by id`.execute(db)
  return rows.map((row) => row.id)
}

/**
 * Lifts what stopped an edition, and every provider's stop with it: its batches may go at once,
 * whatever they waited for. Those that are unknown for good stay as they are.
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

/**
 * Lists the LINK_SECRET key ids that unsettled deliveries and notices were made with: without them
 * their bytes cannot be rebuilt.
 */
export async function listUnsettledKeyIds(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select distinct d.key_id as id from batches b join deliveries d
      on d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and d.state = 'planned'
    where b.state in ${standingSql} and b.next_attempt_at < 'infinity'
    union
    select n.key_id from notices n where n.state in ${standingSql} and n.next_attempt_at < 'infinity'`.execute(db)
  return rows.map((row) => row.id)
}
