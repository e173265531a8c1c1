// Where a request comes from. A proxy's word is taken only from proxies that the host named: anyone
// may write X-Forwarded-For.
import { BlockList, isIP } from 'node:net'
import type { Context } from 'hono'

/**
 * Whose word on a visitor's address is taken: a number of proxies in a row before us, or the
 * addresses that proxies have.
 */
export type TrustedProxy = { hops: number } | { addresses: string[] }

const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
/**
 * What one connection of a home or an office gets: the lower half of an IPv6 address is its
 * holder's to change.
 */
const IPV6_NETWORK_GROUPS = 4
const IPV6_GROUPS = 8

/**
 * Returns the function that finds a visitor's address. Addresses are read from the nearest to the
 * farthest, as long as each that passed the request on is trusted; '' where there is none (a
 * request that came over no network).
 */
export function openClientAddress(trust: TrustedProxy): (c: Context) => string {
  const isTrusted = trustOf(trust)
  return (c) => {
    let client = peerOf(c)
    const passedOn = (c.req.header('X-Forwarded-For') ?? '').split(',').reverse()
    for (const [hop, text] of passedOn.entries()) {
      if (!isTrusted(client, hop)) break
      const address = readAddress(text)
      // What is no address was not written by a proxy: the last one that was is all there is.
      if (address === undefined) break
      client = address
    }
    return client
  }
}

/**
 * Returns the networks that an address belongs to, the narrowest first: itself alone for IPv4, the
 * /64, /56 and /48 for IPv6, of which a provider gives its customers any.
 */
export function networksOf(address: string): [string, ...string[]] {
  if (isIP(address) !== 6) return [address]
  const groups = expandGroups(address).slice(0, IPV6_NETWORK_GROUPS)
  const [first = '', second = '', third = '', fourth = ''] = groups
  // Half of the fourth group is the customer's own.
  const half = (Number.parseInt(fourth, 16) & 0xff00).toString(16)
  return [
    `${groups.join(':')}::/64`,
    `${[first, second, third, half].join(':')}::/56`,
    `${[first, second, third].join(':')}::/48`,
  ]
}

/** Returns what tells whether an address so many hops away (0: the peer's own) is trusted. */
export function trustOf(trust: TrustedProxy): (address: string, hop: number) => boolean {
  if ('hops' in trust) return (_, hop) => hop < trust.hops
  const list = new BlockList()
  for (const entry of trust.addresses) {
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/** The node server puts the request that it got beside the one that handlers see. */
function peerOf(c: Context): string {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined
  return readAddress(env?.incoming?.socket?.remoteAddress ?? '') ?? ''
}

/** Reads an address as proxies write it: with a port, in brackets, or IPv4 within IPv6. */
export function readAddress(text: string): string | undefined {
  const bare = text
    .trim()
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/%.*$/, '')
  const address = IPV4_IN_IPV6.exec(bare)?.[1] ?? bare
  return isIP(address) === 0 ? undefined : address.toLowerCase()
}

/** Writes an IPv6 address out as its eight groups without leading zeros. */
function expandGroups(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':').flatMap(splitIpv4))
  const [first, last] = [groups(head), groups(tail ?? '')]
  const missing = tail === undefined ? 0 : IPV6_GROUPS - first.length - last.length
  return [...first, ...Array<string>(Math.max(0, missing)).fill('0'), ...last].map((group) =>
    Number.parseInt(group, 16).toString(16),
  )
}

function splitIpv4(group: string): string[] {
  if (!group.includes('.')) return [group]
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
  return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)]
}
