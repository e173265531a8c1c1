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

/**
 * Ends the subscriptions of those who wished to leave, unless they confirmed later. Repeating it
 * changes nothing. Returns how many ended.
 */
export async function markLeft(db: Kysely<Database>, key: Buffer, wishes: readonly Wish[]): Promise<number> {
  const leaving = wishes.filter(({ kind, reader }) => reader !== null && (kind === 'left' || kind === 'complained'))
  if (leaving.length === 0) return 0
  const { numAffectedRows } = await sql`
    with wished as (
      select decode(w->>'reader', 'hex') as reader, max((w->>'at')::timestamptz) as at
      from jsonb_array_elements(${JSON.stringify(leaving)}::jsonb) w group by 1
    )
    update subscribers s set consent = 'unsubscribed', left_at = w.at, changed_at = round_now()
    from wished w
    where s.consent <> 'unsubscribed' and s.address is not null
      and ${hashSql('s', key)} = w.reader
      and greatest(s.created_at, s.confirmed_at) <= w.at + make_interval(secs => ${DOUBT_MS / 1000})`.execute(db)
  return Number(numAffectedRows)
}

/**
 * Takes up again the subscriptions of those who came back, with the settings that they had.
 * Repeating it changes nothing. Returns how many.
 */
export async function markReturned(db: Kysely<Database>, key: Buffer, wishes: readonly Wish[]): Promise<number> {
  if (wishes.length === 0) return 0
  const { numAffectedRows } = await sql`
    with wished as (
      select decode(w->>'reader', 'hex') as reader, max((w->>'at')::timestamptz) as at
      from jsonb_array_elements(${JSON.stringify(wishes)}::jsonb) w group by 1
    ), back as (
      update subscribers s set consent = 'confirmed', confirmed_at = w.at, left_at = null, left_reason = null,
        changed_at = round_now()
      from wished w
      where s.consent = 'unsubscribed' and s.address is not null and ${hashSql('s', key)} = w.reader
        and (s.left_at is null or s.left_at < w.at)
        and not exists (select from suppressions x where x.address_hash = s.address_hash)
      returning s.id, s.cadence, s.weekday, s.hour, s.zone
    )
    ${startClocksSql(sql`back`)}`.execute(db)
  return Number(numAffectedRows)
}

/** Lists the row ids of readers, by their hashes; whoever is not there is left out. */
export async function listReaderIds(db: Kysely<Database>, key: Buffer, hashes: readonly string[]): Promise<number[]> {
  if (hashes.length === 0) return []
  const { rows } = await sql<{ id: number }>`
    select s.id from subscribers s
    where s.address is not null and encode(${hashSql('s', key)}, 'hex') = any(${[...hashes]}::text[]) order by s.id`.execute(
    db,
  )
  return rows.map(({ id }) => id)
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
