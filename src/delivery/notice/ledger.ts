// A notice in the database up to its request: insert, claim, drop, mark. As with a batch, every
// write is fenced by the lease's epoch, every moment is the database's, and the mark is committed
// before the request. What follows is in settling.ts.
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { NoticeKind } from '../../database/states.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { hashAddress } from '../../subscriber/subscriber.ts'
import type { LinkKeys } from '../../subscriber/token.ts'
import { standingSql } from '../delivery.ts'
import { type NewNotice, type SealedNotice, STRANGERS_KINDS, USEFUL_HOURS } from './notice.ts'
import { seal } from './seal.ts'

/** A notice in the hands of one worker until its lease is over. */
export interface ClaimedNotice {
  id: number
  publicId: string
  kind: NoticeKind
  epoch: number
  address: string
  sealed: Buffer
  keyId: number
  issuedAt: Date
  /** Why it must not be sent, asked at the claim and again by the mark. */
  leaving: 'left' | 'suppressed' | 'late' | null
  /** What the mark fixed; null while no request can have been accepted. */
  fixed: { mail: Buffer; version: number; idempotencyKey: string; provider: string; ageMs: number } | null
  attempts: number
}

/** Covers building, marking and one request with its deadline (30 s). */
const LEASE_SECONDS = 90
/** A statement takes 65,535 values; a row has a few. */
const ROWS_A_STATEMENT = 1_000

/** Makes one notice; see insertNotices. Returns its id, for the job that sends it at once. */
export async function insertNotice(db: Kysely<Database>, keys: LinkKeys, notice: NewNotice): Promise<number> {
  const [id] = await insertNotices(db, keys, [notice])
  return id as number
}

/**
 * Makes notices in the caller's transaction and returns their ids in order. The rows are the truth:
 * a job only makes them faster.
 */
export async function insertNotices(
  db: Kysely<Database>,
  keys: LinkKeys,
  list: readonly NewNotice[],
): Promise<number[]> {
  if (list.length === 0) return []
  const addressKey = await getAddressKey(db)
  const readers = await findReaders(
    db,
    list.flatMap(({ subscriberId }) => subscriberId ?? []),
  )
  const rows = list.map(({ subscriberId, address, ...content }) => {
    const publicId = randomUUID()
    const sealed: SealedNotice = { content, reader: readers.get(subscriberId ?? 0) ?? null }
    return {
      public_id: publicId,
      subscriber_id: subscriberId,
      kind: content.kind,
      address,
      address_hash: hashAddress(addressKey, address),
      sealed: seal(keys, publicId, sealed),
      key_id: keys.currentKeyId,
      expires_at: sql<Date>`clock_timestamp() + make_interval(hours => ${USEFUL_HOURS[content.kind]})`,
    }
  })
  const ids = new Map<string, number>()
  for (let start = 0; start < rows.length; start += ROWS_A_STATEMENT) {
    const some = rows.slice(start, start + ROWS_A_STATEMENT)
    const inserted = await db.insertInto('notices').values(some).returning(['id', 'public_id']).execute()
    for (const row of inserted) ids.set(row.public_id, row.id)
  }
  return rows.map((row) => ids.get(row.public_id) as number)
}

/**
 * Counts the notices that strangers have caused to an address: within a day, and within 30 days.
 * What was never sent does not count.
 */
export async function getStrangersNotices(
  db: Kysely<Database>,
  addressHash: Buffer,
): Promise<{ day: number; month: number }> {
  const { rows } = await sql<{ day: number; month: number }>`
    select count(*) filter (where issued_at > clock_timestamp() - interval '24 hours') as day, count(*) as month
    from notices where address_hash = ${addressHash} and issued_at > clock_timestamp() - interval '30 days'
      and kind = any(${[...STRANGERS_KINDS]}::text[]) and state not in ('withheld', 'rejected')`.execute(db)
  return rows[0] as { day: number; month: number }
}

/**
 * Takes the lease on a notice that stands still. Returns undefined when another worker holds it or
 * it is settled.
 */
export async function claimNotice(db: Kysely<Database>, id: number): Promise<ClaimedNotice | undefined> {
  const { rows } = await sql<
    Omit<ClaimedNotice, 'fixed'> & {
      mail: Buffer | null
      version: number
      idempotencyKey: string
      provider: string
      ageMs: number
    }
  >`
    update notices n set lease_epoch = lease_epoch + 1,
      next_attempt_at = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
    where n.id = ${id} and n.state in ${standingSql} and n.next_attempt_at <= clock_timestamp()
    returning n.id, n.public_id as "publicId", n.kind, n.lease_epoch as epoch, n.address, n.sealed, n.key_id as "keyId",
      n.issued_at as "issuedAt", n.attempts, ${leavingSql} as leaving,
      n.mail_sha256 as mail, n.notice_version as version, n.idempotency_key as "idempotencyKey", n.provider,
      (extract(epoch from clock_timestamp() - n.first_attempt_at) * 1000)::float8 as "ageMs"`.execute(db)
  const row = rows[0]
  if (!row) return undefined
  const { mail, version, idempotencyKey, provider, ageMs, ...notice } = row
  return {
    ...notice,
    fixed: mail === null ? null : { mail, version, idempotencyKey, provider, ageMs },
  }
}

/**
 * Commits the intent to send: the mail's hash, key, provider and the moment of the first attempt.
 * Returns `left` when nobody may be written to any more, `lost` when another worker has the notice
 * or has settled it.
 */
export async function markNoticeAttempting(
  db: Kysely<Database>,
  notice: ClaimedNotice,
  intent: { mail: Buffer; version: number; idempotencyKey: string; provider: string },
): Promise<'marked' | 'left' | 'lost'> {
  const fresh = notice.fixed === null
  const { rows } = await sql<{ marked: boolean }>`
    with mine as (
      select n.id, ${fresh}::boolean and ${leavingSql} is not null as leaving from notices n
      where n.id = ${notice.id} and n.lease_epoch = ${notice.epoch} and n.state in ${standingSql} for update
    ), marked as (
      update notices n set state = 'attempting', mail_sha256 = ${intent.mail}, notice_version = ${intent.version},
        idempotency_key = ${intent.idempotencyKey}, provider = ${intent.provider}, attempts = attempts + 1,
        first_attempt_at = coalesce(first_attempt_at, clock_timestamp()),
        next_attempt_at = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
      from mine where n.id = mine.id and not mine.leaving returning n.id
    )
    select exists (select from marked) as marked from mine`.execute(db)
  const row = rows[0]
  return row === undefined ? 'lost' : row.marked ? 'marked' : 'left'
}

/**
 * Lists up to `limit` notices that nobody works on and that may be attempted now, the
 * longest-standing first.
 */
export async function listStandingNotices(db: Kysely<Database>, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from notices where state in ${standingSql} and next_attempt_at <= clock_timestamp()
    order by next_attempt_at limit ${limit}`.execute(db)
  return rows.map((row) => row.id)
}

async function findReaders(db: Kysely<Database>, ids: readonly number[]) {
  if (ids.length === 0) return new Map<number, SealedNotice['reader']>()
  const rows = await db
    .selectFrom('subscribers')
    .select(['id', 'public_id as publicId', 'token_epoch as epoch'])
    .where(sql<boolean>`id = any(${ids}::int[])`)
    .execute()
  return new Map(rows.map(({ id, ...reader }) => [id, reader]))
}

/**
 * Why notice `n` must not be sent. Who asks to subscribe again may have been erased before; the old
 * address of a change is nobody's any more; a note is for those who still read.
 */
const leavingSql = sql<ClaimedNotice['leaving']>`case
  when n.expires_at <= clock_timestamp() then 'late'
  when n.subscriber_id is null then 'left'
  when exists (select from suppressions x where x.address_hash = n.address_hash
    and not (x.reason = 'erased' and n.kind in ('confirm', 'address'))) then 'suppressed'
  when n.kind in ('subscribed-already', 'export', 'erase', 'note') and not exists (
    select from subscribers s where s.id = n.subscriber_id and s.address = n.address
      and (n.kind <> 'note' or s.consent = 'confirmed')) then 'left'
end`
