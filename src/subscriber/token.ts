// Signed credentials in links: one purpose each, no address inside, nothing stored. A token of one
// purpose is never valid for another.
import { hash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { HOUR_MS } from '../time.ts'

/**
 * What a signed token may do. Purposes are separate keys, so they cannot be exchanged. `view` names
 * a delivery, the others a subscriber; `session` is what a page holds in a cookie in place of a
 * link.
 */
export const TOKEN_PURPOSES = ['unsubscribe', 'view', 'preferences', 'feed', 'session'] as const
export type TokenPurpose = (typeof TOKEN_PURPOSES)[number]

export interface LinkKeys {
  /** The key that signs: the newest of the ring. */
  currentKeyId: number
  /**
   * `seal` locks what a notice says until it has left (delivery/notice/seal.ts); `bounce` signs the
   * address that a report comes back to (bounce-address.ts).
   */
  byId: ReadonlyMap<number, Readonly<Record<KeyName, Buffer>>>
}

type KeyName = TokenPurpose | 'seal' | 'bounce'

/**
 * What a token says: whose (a subscriber's or a delivery's public id), as of which epoch, since
 * when.
 */
export interface TokenClaim {
  publicId: string
  epoch: number
  issuedAt: Date
}

const VERSION = 1
/**
 * How long a token holds from its moment of issue, in milliseconds. Leaving works for ever; a
 * mail's own links are of use while it is read; a session is for one sitting.
 */
const LIFE_MS: Record<TokenPurpose, number> = {
  unsubscribe: Number.POSITIVE_INFINITY,
  view: Number.POSITIVE_INFINITY,
  feed: Number.POSITIVE_INFINITY,
  preferences: 90 * 24 * HOUR_MS,
  session: HOUR_MS,
}
// version 1 · key id 4 · uuid 16 · epoch 2 · issued (seconds) 5 · signature 16 = 44 bytes, 59
// characters
const SIGNED_BYTES = 28
const SIGNATURE_BYTES = 16
/** Of SHA-256; a key of 32 bytes is shorter than a block and stands in it as it is. */
const BLOCK_BYTES = 64
const HASH_BYTES = 32
const TOKEN = Buffer.alloc(SIGNED_BYTES + SIGNATURE_BYTES)
const TOKEN_SIGNED = TOKEN.subarray(0, SIGNED_BYTES)
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Derives the keys of each purpose by HKDF-SHA-256 from a ring of secrets, newest first. Key ids
 * come from the secrets themselves.
 */
export function deriveLinkKeys(secrets: readonly string[]): LinkKeys {
  const byId = new Map<number, Record<KeyName, Buffer>>()
  let currentKeyId: number | undefined
  for (const secret of secrets) {
    // 31 bits, so that it fits PostgreSQL's int.
    const keyId = derive(secret, 'key-id', 4).readUInt32BE() >>> 1
    currentKeyId ??= keyId
    const keys = TOKEN_PURPOSES.map((purpose) => [purpose, derive(secret, `link/${purpose}`, 32)] as const)
    const others = (['seal', 'bounce'] as const).map((name) => [name, derive(secret, name, 32)] as const)
    byId.set(keyId, Object.fromEntries([...keys, ...others]) as Record<KeyName, Buffer>)
  }
  if (currentKeyId === undefined) throw new Error('a ring of link secrets holds at least one')
  return { currentKeyId, byId }
}

/**
 * Signs a claim with the key `keyId`. Throws when the ring no longer holds it: another key would
 * change the bytes of a mail.
 */
export function signToken(keys: LinkKeys, keyId: number, purpose: TokenPurpose, claim: TokenClaim): string {
  const key = keys.byId.get(keyId)?.[purpose]
  if (!key) throw new Error(`LINK_SECRET no longer holds key ${keyId}`)
  // Whole in one turn of the event loop, so one buffer serves all.
  TOKEN.writeUInt8(VERSION, 0)
  TOKEN.writeUInt32BE(keyId, 1)
  writeUuid(claim.publicId, TOKEN, 5)
  TOKEN.writeUInt16BE(claim.epoch, 21)
  TOKEN.writeUIntBE(Math.floor(claim.issuedAt.getTime() / 1000), 23, 5)
  TOKEN.write(signatureOf(key, TOKEN_SIGNED), SIGNED_BYTES, SIGNATURE_BYTES, 'latin1')
  return TOKEN.toString('base64url')
}

/**
 * Signs for a subscriber with the newest key, as of now: for pages and notices, whose bytes nobody
 * rebuilds from rows.
 */
export function issueToken(
  keys: LinkKeys,
  purpose: Exclude<TokenPurpose, 'view'>,
  { publicId, tokenEpoch }: { publicId: string; tokenEpoch: number },
  now: Date,
): string {
  return signToken(keys, keys.currentKeyId, purpose, { publicId, epoch: tokenEpoch, issuedAt: now })
}

/** Tells whether a token of this purpose is still within its life. `now` is the database's. */
export function isInLife(purpose: TokenPurpose, claim: TokenClaim, now: Date): boolean {
  return now.getTime() - claim.issuedAt.getTime() < LIFE_MS[purpose]
}

/**
 * Returns the claim of a genuine token of this purpose, undefined for anything else; whether its
 * epoch and life still hold is the caller's to ask.
 */
export function verifyToken(keys: LinkKeys, purpose: TokenPurpose, token: string): TokenClaim | undefined {
  const bytes = Buffer.from(token, 'base64url')
  // The second comparison refuses other spellings of the same bytes.
  if (bytes.length !== SIGNED_BYTES + SIGNATURE_BYTES || bytes.toString('base64url') !== token) return undefined
  if (bytes.readUInt8(0) !== VERSION) return undefined
  const key = keys.byId.get(bytes.readUInt32BE(1))?.[purpose]
  if (!key) return undefined
  const signature = Buffer.alloc(SIGNATURE_BYTES)
  signature.write(signatureOf(key, bytes.subarray(0, SIGNED_BYTES)), 'latin1')
  if (!timingSafeEqual(signature, bytes.subarray(SIGNED_BYTES))) return undefined
  const publicId = bytes.toString('hex', 5, 21).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  if (!UUID.test(publicId)) return undefined
  return { publicId, epoch: bytes.readUInt16BE(21), issuedAt: new Date(bytes.readUIntBE(23, 5) * 1000) }
}

/** Writes the 16 bytes of a UUID at a place of `target`. */
function writeUuid(uuid: string, target: Buffer, at: number): void {
  let end = at
  let high = -1
  for (let index = 0; index < uuid.length; index++) {
    const code = uuid.charCodeAt(index)
    if (code === HYPHEN) continue
    const digit = code <= DIGIT_9 ? code - DIGIT_0 : (code | LOWER_CASE) - LETTER_A + 10
    if (high < 0) high = digit
    else {
      target[end++] = high * 16 + digit
      high = -1
    }
  }
}

const HYPHEN = 0x2d
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const LETTER_A = 0x61
const LOWER_CASE = 0x20

/** A key as HMAC-SHA-256 (RFC 2104) uses it: behind each pad is room for what it is hashed with. */
interface Pads {
  inner: Buffer
  outer: Buffer
}

/** Made once a key: a digest signs three tokens, and this halves what they cost. */
const padsOf = new WeakMap<Buffer, Pads>()

/** Returns HMAC-SHA-256 of the signed part, a byte a character: its first ones sign. */
function signatureOf(key: Buffer, signed: Buffer): string {
  const { inner, outer } = padsOf.get(key) ?? makePads(key)
  inner.set(signed, BLOCK_BYTES)
  outer.write(hash('sha256', inner, 'binary'), BLOCK_BYTES, 'latin1')
  return hash('sha256', outer, 'binary')
}

function makePads(key: Buffer): Pads {
  const padded = (byte: number, room: number) => {
    const pad = Buffer.alloc(BLOCK_BYTES + room)
    pad.set(key)
    for (let at = 0; at < BLOCK_BYTES; at++) pad[at] = (pad[at] as number) ^ byte
    return pad
  }
  const pads = { inner: padded(0x36, SIGNED_BYTES), outer: padded(0x5c, HASH_BYTES) }
  padsOf.set(key, pads)
  return pads
}

function derive(secret: string, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'paper-round', purpose, bytes))
}
