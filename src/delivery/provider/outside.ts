// What providers share in dealing with the outside: which hosts are this machine, until when a
// quota lasts, and which words of an answer may be kept. Pure.
import { DAY_MS } from '../../time.ts'

/** Reasons stand in tables and on one line of a terminal. */
const LONGEST_REASON = 200
/**
 * Both are looked for only where they can begin: an answer may be one word of megabytes, and is
 * read once.
 */
const LINK = /(?<![a-z0-9+.-])([0-9+.-]*)[a-z][a-z0-9+.-]*:\/\/\S+/gi
const ADDRESS = /(?<![^\s<>()[\]`'",;:])[^\s<>()[\]`'",;:]+@[^\s<>()[\]`'",;:]+/g

/**
 * Tells whether a host is this machine: whoever listens there, no mail reaches people without
 * another step.
 */
export function isLoopback(hostname: string): boolean {
  return /^(127(\.\d+){3}|localhost|.+\.localhost|\[?::1\]?)$/.test(hostname)
}

/** Returns how long it is to the next midnight in UTC, in milliseconds. */
export function msToMidnight(now: number): number {
  return DAY_MS - (now % DAY_MS)
}

/**
 * Returns `message` on one line of at most 200 characters, without the addresses given, other
 * e-mail addresses, links, keys and anything else long enough to be a token. It stands inside our
 * sentences: a full stop at its end goes.
 */
export function toReason(message: string, addresses: readonly string[] = []): string {
  const masked = addresses
    .reduce((text, address) => (address === '' ? text : text.replaceAll(address, '[address]')), message)
    .replace(LINK, '$1[link]')
    .replace(ADDRESS, '[address]')
    .replace(/\bre_\w+|[\w-]{32,}/g, '[token]')
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .replace(/(?<!\.)\.$/, '')
  return masked.length > LONGEST_REASON ? `${masked.slice(0, LONGEST_REASON - 1).trimEnd()}…` : masked
}
