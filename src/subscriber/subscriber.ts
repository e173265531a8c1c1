// What a subscriber is: an address with a consent. Addresses are compared, hashed and masked here
// and nowhere else.
import { createHmac } from 'node:crypto'
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

/**
 * Returns the one spelling under which an address is kept (trimmed, lower case), undefined when it
 * is none.
 */
export function normalizeAddress(text: string): string | undefined {
  const address = text.trim().toLowerCase()
  const local = address.slice(0, address.lastIndexOf('@'))
  if (address.length > ADDRESS_MAX_CHARACTERS || !ADDRESS.test(address)) return undefined
  return local.startsWith('.') || local.endsWith('.') || local.includes('..') ? undefined : address
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
