// Whose wish it was: the journal knows readers by the keyed hash of their public id, which no index
// leads to. So the database hashes them all, as hashReader does, and compares.
import { createHash } from 'node:crypto'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { SECOND_MS } from '../../time.ts'
import { startClocksSql } from '../clock.ts'
import type { Wish } from './wish.ts'

/** How far two clocks may be apart: in doubt, the reader has left. */
export const DOUBT_MS = SECOND_MS
const BLOCK_BYTES = 64

/** A wish of somebody whom the database knows. */
export interface ReadersWish extends Wish {
  subscriberId: number
}

/** Tells whether a wish ends a subscription. */
export function isLeaving({ kind }: Wish): boolean {
  return kind === 'left' || kind === 'complained'
}

/**
 * Finds whose wishes these are, in one pass over the readers; those of nobody who is here are left
 * out.
 */
export async function identify(db: Kysely<Database>, key: Buffer, wishes: readonly Wish[]): Promise<ReadersWish[]> {
  const hashes = [...new Set(wishes.flatMap(({ reader }) => reader ?? []))]
  if (hashes.length === 0) return []
  const { rows } = await sql<{ id: number; hash: string | null }>`
    select s.id, encode(w.hash, 'hex') as hash
    from (select decode(h, 'hex') as hash from unnest(${hashes}::text[]) h) w
    join subscribers s on s.address is not null and ${hashSql('s', key)} = w.hash`.execute(db)
  const ids = new Map(rows.map(({ id, hash }) => [hash, id]))
  return wishes.flatMap((wish) => {
    const subscriberId = ids.get(wish.reader)
    return subscriberId === undefined ? [] : { ...wish, subscriberId }
  })
}

/**
 * Ends the subscriptions of those who wished to leave, unless they confirmed later. Repeating it
 * changes nothing. Returns how many ended.
 */
export async function markLeft(db: Kysely<Database>, leaving: readonly ReadersWish[]): Promise<number> {
  if (leaving.length === 0) return 0
  const { numAffectedRows } = await sql`
    update subscribers s set consent = 'unsubscribed', left_at = w.at, changed_at = round_now()
    from (${lastSql(leaving)}) w
    where s.id = w.id and s.consent <> 'unsubscribed' and s.address is not null
      and greatest(s.created_at, s.confirmed_at) <= w.at + make_interval(secs => ${DOUBT_MS / 1000})`.execute(db)
  return Number(numAffectedRows)
}

/**
 * Takes up again the subscriptions of those who came back, with the settings that they had; not of
 * whom the database knows that they did, and has left since. Repeating it changes nothing. Returns
 * how many.
 */
export async function markReturned(db: Kysely<Database>, returning: readonly ReadersWish[]): Promise<number> {
  if (returning.length === 0) return 0
  const { numAffectedRows } = await sql`
    with back as (
      update subscribers s set consent = 'confirmed', confirmed_at = w.at, left_at = null, left_reason = null,
        changed_at = round_now()
      from (${lastSql(returning)}) w
      where s.id = w.id and s.consent = 'unsubscribed' and s.address is not null
        and (s.left_at is null or s.left_at < w.at)
        and (s.confirmed_at is null or s.confirmed_at < w.at - make_interval(secs => ${DOUBT_MS / 1000}))
        and not exists (select from suppressions x where x.address_hash = s.address_hash)
      returning s.id, s.cadence, s.weekday, s.hour, s.zone
    )
    ${startClocksSql(sql`back`)}`.execute(db)
  return Number(numAffectedRows)
}

/** When each reader last wished it. */
function lastSql(wishes: readonly ReadersWish[]): RawBuilder<unknown> {
  return sql`
    select g.id, max(g.at) as at
    from unnest(${wishes.map(({ subscriberId }) => subscriberId)}::int[], ${wishes.map(({ at }) => at)}::timestamptz[]) g(id, at)
    group by g.id`
}

/** HMAC-SHA-256 of a reader's public id. */
function hashSql(reader: string, key: Buffer): RawBuilder<Buffer> {
  const [inner, outer] = [0x36, 0x5c].map((pad) => padded(key, pad))
  const id = sql.ref(`${reader}.public_id`)
  return sql<Buffer>`sha256(${outer}::bytea || sha256(${inner}::bytea || convert_to(${id}::text, 'UTF8')))`
}

function padded(key: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES)
  const short = key.length > BLOCK_BYTES ? createHash('sha256').update(key).digest() : key
  short.copy(block)
  return block.map((byte) => byte ^ pad) as Buffer
}
