// One wish as the journal keeps it: who by keyed hash, what, and when by the database's clock. No
// address and no id stands in it.
import { createHmac } from 'node:crypto'
import * as z from 'zod'
import { DAY_MS } from '../../time.ts'
import { SUPPRESSION_REASONS } from '../suppression.ts'

/** How long a wish is kept beside the database: as long as anybody may restore a backup. */
export const WISH_KEPT_MS = 30 * DAY_MS

const hash = z.string().regex(/^[0-9a-f]{64}$/)

const wishSchema = z.object({
  at: z.iso.datetime().transform((text) => new Date(text)),
  kind: z.enum(['left', 'complained', 'suppressed', 'erased', 'returned', 'lifted', 'moved']),
  /** Of a subscriber's public id; null where nobody subscribed. */
  reader: hash.nullable().catch(null),
  /** Of the address, as `suppressions` and `subscribers` hash it; null where it is not known. */
  address: hash.nullable().catch(null),
  /** Why an address is suppressed. By a reason of a newer program it is no less so. */
  reason: z
    .enum(SUPPRESSION_REASONS)
    .nullable()
    .catch(({ value }) => (typeof value === 'string' ? 'provider' : null)),
})

export type Wish = z.output<typeof wishSchema>

/** A wish in the words of whoever takes it. The journal keeps hashes of it. */
export interface Wished {
  kind: Wish['kind']
  /** Of the subscriber whose consent it changes. */
  publicId?: string | undefined
  /** What it is about: the hash of `suppressions`. */
  addressHash?: Buffer | undefined
  reason?: Wish['reason']
  /** By the database's clock, where it is known to the millisecond; now otherwise. */
  at?: Date
}

/**
 * Puts a wish into the journal. What ends or bars something goes there before it is committed, what
 * begins it anew after: should the process die in between, the reader has left. It never rejects:
 * the database has the wish as well.
 */
export type NoteWish = (wished: Wished) => Promise<void>

/** One place that keeps wishes, for 30 days. */
export interface WishPlace {
  name: string
  /** Rejects when it is not certain that the wish is kept. */
  keep(wish: Wish): Promise<void>
  /** Tries to write beside what it keeps. Rejects when that fails. */
  check(): Promise<void>
  /** Lists all that it has, of every process. */
  list(): Promise<Wish[]>
  close(): Promise<void>
}

/** Hashes a public id with the key that hashes addresses: made with the database, it stays. */
export function hashReader(key: Buffer, publicId: string): string {
  return createHmac('sha256', key).update(publicId).digest('hex')
}

export function writeWish(wish: Wish): string {
  return JSON.stringify({ ...wish, at: wish.at.toISOString() })
}

/** Returns undefined for a line that was cut short or is of another version. */
export function readWish(line: string): Wish | undefined {
  try {
    return wishSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
