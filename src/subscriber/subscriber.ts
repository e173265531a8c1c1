// What a subscriber is: an address with a consent. Addresses are compared, hashed and masked here
// and nowhere else.
import { createHmac } from 'node:crypto'
import { domainToASCII } from 'node:url'
import type { Consent, Silence } from '../database/states.ts'
import type { Choices, Rhythm } from './preferences.ts'

export interface Subscriber extends Rhythm {
  id: number
  publicId: string
  address: string | null
  consent: Consent
  choices: Choices
  silence: Silence
  pausedUntil: string | null
  tokenEpoch: number
  nextDueAt: Date | null
}

/** The epoch of who has never moved to another address. */
export const FIRST_EPOCH = 0

/**
 * One @, a dotted host, no spaces or characters that need quoting in a header: narrower than the
 * RFCs, as every provider is.
 */
const ADDRESS =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/
const ADDRESS_MAX_CHARACTERS = 254
const BEYOND_ASCII = /[^\p{ASCII}]/u
/** Letters and digits of any script: nothing that a URL reads as a port, a path or an escape. */
const WORLD_HOST = /^[\p{L}\p{M}\p{N}.-]+$/u

/**
 * Returns the one spelling under which an address is kept (trimmed, lower case, its host as mail
 * servers know it), undefined when it is none.
 */
export function normalizeAddress(text: string): string | undefined {
  const typed = text.trim().toLowerCase()
  const at = typed.lastIndexOf('@')
  const local = typed.slice(0, at)
  const address = `${typed.slice(0, at + 1)}${toAscii(typed.slice(at + 1))}`
  if (address.length > ADDRESS_MAX_CHARACTERS || !ADDRESS.test(address)) return undefined
  return local.startsWith('.') || local.endsWith('.') || local.includes('..') ? undefined : address
}

/** Returns an internationalised host in ASCII (xn--), '' for what is none; any other as it is. */
function toAscii(host: string): string {
  if (!BEYOND_ASCII.test(host)) return host
  return WORLD_HOST.test(host) ? domainToASCII(host) : ''
}

/** Says what a text is that normalizeAddress refuses. */
export function describeRefused(text: string): string {
  const local = text.slice(0, text.lastIndexOf('@'))
  if (BEYOND_ASCII.test(local)) return 'an address with letters beyond ASCII before the @, which cannot be written to'
  if (local.includes('"')) return 'an address with quotes before the @, which cannot be written to'
  return 'not an address of the form name@host.tld'
}

/** Hosts that deliver an address with and without dots, and under either name, to one mailbox. */
const DOTLESS_HOSTS = new Map([
  ['gmail.com', 'gmail.com'],
  ['googlemail.com', 'gmail.com'],
])

/**
 * Returns the mailbox that a normalised address most likely leads to: without a tag behind a plus,
 * and without dots where the host is known not to read them. For counting only; nothing is sent to
 * it.
 */
export function mailboxOf(address: string): string {
  const at = address.lastIndexOf('@')
  const host = hostOfAddress(address)
  const local = address.slice(0, at)
  const untagged = local.startsWith('+') ? local : local.replace(/\+.*$/, '')
  const dotless = DOTLESS_HOSTS.get(host)
  return dotless === undefined ? `${untagged}@${host}` : `${untagged.replaceAll('.', '')}@${dotless}`
}

/** Returns the host of a normalised address. */
export function hostOfAddress(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1)
}

/**
 * Hashes a normalised address with the database's own key: suppressions outlive the address itself.
 */
export function hashAddress(key: Buffer, address: string): Buffer {
  return createHmac('sha256', key).update(address).digest()
}

/** Shows enough of an address to recognise one's own: `a•••@example.org`. */
export function maskAddress(address: string): string {
  const [local = '', host = ''] = address.split('@')
  return `${local.slice(0, 1)}•••@${host}`
}
