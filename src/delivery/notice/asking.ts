// Asking for notices: whoever wants a mail that is not a digest makes its row, in their own
// transaction. The rows are the truth; a job only makes them faster. What follows is in sending.ts.
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { hashAddress, mailboxOf } from '../../subscriber/subscriber.ts'
import type { LinkKeys } from '../../subscriber/token.ts'
import { type NewNotice, type SealedNotice, STRANGERS_KINDS, USEFUL_HOURS } from './notice.ts'
import { seal } from './seal.ts'

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
      mailbox_hash: hashAddress(addressKey, mailboxOf(address)),
      sealed: seal(keys, publicId, sealed),
      key_id: keys.currentKeyId,
      expires_at: sql<Date>`round_clock() + make_interval(hours => ${USEFUL_HOURS[content.kind]})`,
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

/** Notices that strangers have caused, within a day and within 30 days. */
export interface StrangersNotices {
  day: number
  month: number
  /** To any address of the same mailbox. */
  mailboxDay: number
  mailboxMonth: number
}

/**
 * Counts the notices of a sort that strangers have caused to an address and to its mailbox. What
 * was never sent does not count.
 */
export async function getStrangersNotices(
  db: Kysely<Database>,
  sort: keyof typeof STRANGERS_KINDS,
  { addressHash, mailboxHash }: { addressHash: Buffer; mailboxHash: Buffer },
): Promise<StrangersNotices> {
  const { rows } = await sql<StrangersNotices>`
    select count(*) filter (where address_hash = ${addressHash} and issued_at > round_clock() - interval '24 hours')
        as day,
      count(*) filter (where address_hash = ${addressHash}) as month,
      count(*) filter (where mailbox_hash = ${mailboxHash} and issued_at > round_clock() - interval '24 hours')
        as "mailboxDay",
      count(*) filter (where mailbox_hash = ${mailboxHash}) as "mailboxMonth"
    from notices where (address_hash = ${addressHash} or mailbox_hash = ${mailboxHash})
      and issued_at > round_clock() - interval '30 days'
      and kind = any(${[...STRANGERS_KINDS[sort]]}::text[]) and state not in ('withheld', 'rejected')`.execute(db)
  return rows[0] as StrangersNotices
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
