// The address that reports about one mail come back to: the host's own, and in it which mail it is,
// since when, and a mark of the address that it went to, signed. It names nobody, and it proves no
// bounce: who has the mail has the address.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { DAY_MS } from '../time.ts'
import { normalizeAddress } from './subscriber.ts'
import type { LinkKeys } from './token.ts'

/** Where reports are taken: behind a plus (`bounces+…@`), or at a domain of its own (`…@`). */
export interface BounceHome {
  /** Null where every address of the domain is taken. */
  local: string | null
  /** In ASCII and lower case. */
  domain: string
}

/** What a genuine address says. */
export interface BounceClaim {
  /** Of a delivery or a notice. */
  publicId: string
  /** A mark of the address that the mail went to: see isSentTo. */
  mark: Buffer
  keyId: number
}

// public id 16 · day 2 · mark 2 · signature 10 (80 bits) = 30 bytes, 48 characters of base32
const ID_BYTES = 16
const SIGNED_BYTES = 20
const SIGNATURE_BYTES = 10
const MARK_BYTES = 2
const TOKEN_CHARACTERS = 48
const LOCAL_MAX_OCTETS = 64
/** The longest name before the plus. */
export const BOUNCE_LOCAL_MAX = LOCAL_MAX_OCTETS - TOKEN_CHARACTERS - 1
/** Servers give up after five days; what comes much later says nothing of today. */
export const BOUNCE_VALID_DAYS = 30
/** Two clocks around midnight. */
const EARLY_DAYS = 1
/** An honest report repeats one address; a made-up one may hold thousands. */
const CANDIDATES_MAX = 16
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * Returns the address for reports about one mail, signed with the newest key: no mail is rebuilt
 * from it. At most 64 octets before the @.
 */
export function writeBounceAddress(
  { currentKeyId, byId }: LinkKeys,
  { local, domain }: BounceHome,
  { publicId, to }: { publicId: string; to: string },
  now: Date,
): string {
  const key = byId.get(currentKeyId)?.bounce as Buffer
  const signed = Buffer.alloc(SIGNED_BYTES)
  signed.write(publicId.replaceAll('-', ''), 0, ID_BYTES, 'hex')
  signed.writeUInt16BE(dayOf(now), ID_BYTES)
  markOf(key, to).copy(signed, ID_BYTES + 2)
  const token = toBase32(Buffer.concat([signed, signatureOf(key, signed)]))
  return `${local === null ? '' : `${local}+`}${token}@${domain}`
}

/**
 * Returns what the addresses in a text claim, each mail once: genuine ones that were valid at `at`,
 * in upper or lower case. Of very many it looks at the first.
 */
export function findBounceClaims(keys: LinkKeys, home: BounceHome, text: string, at: Date): BounceClaim[] {
  const before = home.local === null ? '(?<![a-z0-9.+_-])' : `(?<![a-z0-9.+_-])${quote(home.local)}\\+`
  const pattern = new RegExp(
    `${before}([a-z2-7]{${TOKEN_CHARACTERS}})@${quote(home.domain)}(?![a-z0-9.-]*[a-z0-9])`,
    'gi',
  )
  const tokens = new Set<string>()
  for (const [, token = ''] of text.matchAll(pattern)) {
    tokens.add(token.toLowerCase())
    if (tokens.size === CANDIDATES_MAX) break
  }
  const claims = new Map<string, BounceClaim>()
  for (const token of tokens) {
    const claim = readToken(keys, token, at)
    if (claim !== undefined && !claims.has(claim.publicId)) claims.set(claim.publicId, claim)
  }
  return [...claims.values()]
}

/** Tells whether the mail went to this address; of 65,536 others, one passes for it. */
export function isSentTo({ byId }: LinkKeys, { keyId, mark }: BounceClaim, address: string): boolean {
  const key = byId.get(keyId)?.bounce
  return key !== undefined && markOf(key, address).equals(mark)
}

function readToken({ byId }: LinkKeys, token: string, at: Date): BounceClaim | undefined {
  const bytes = fromBase32(token)
  const signed = bytes.subarray(0, SIGNED_BYTES)
  const signature = bytes.subarray(SIGNED_BYTES)
  for (const [keyId, { bounce }] of byId) {
    if (!timingSafeEqual(signatureOf(bounce, signed), signature)) continue
    const age = dayOf(at) - signed.readUInt16BE(ID_BYTES)
    if (age < -EARLY_DAYS || age > BOUNCE_VALID_DAYS) return undefined
    const hex = signed.toString('hex', 0, ID_BYTES)
    const publicId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    return { publicId, mark: signed.subarray(ID_BYTES + 2), keyId }
  }
  return undefined
}

/** The first byte keeps the two uses of the key apart. */
function signatureOf(key: Buffer, signed: Buffer): Buffer {
  return createHmac('sha256', key).update('\x01').update(signed).digest().subarray(0, SIGNATURE_BYTES)
}

function markOf(key: Buffer, address: string): Buffer {
  const normal = normalizeAddress(address) ?? address
  return createHmac('sha256', key).update('\x02').update(normal).digest().subarray(0, MARK_BYTES)
}

/** Days since 1970, which fit two bytes until 2149. */
function dayOf(at: Date): number {
  return Math.floor(at.getTime() / DAY_MS)
}

function toBase32(bytes: Buffer): string {
  let bits = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (let left = TOKEN_CHARACTERS; left > 0; left--) {
    text = `${ALPHABET[Number(bits & 31n)]}${text}`
    bits >>= 5n
  }
  return text
}

/** Expects characters of the alphabet only, so many as a token has. */
function fromBase32(text: string): Buffer {
  let bits = 0n
  for (const character of text) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(character))
  return Buffer.from(bits.toString(16).padStart((SIGNED_BYTES + SIGNATURE_BYTES) * 2, '0'), 'hex')
}

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
