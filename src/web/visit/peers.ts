// How many connections may come from one place, so that nobody takes all that a process has.
import { BlockList, isIP } from 'node:net'
import { networksOf, readAddress, type TrustedProxy, trustOf } from './client-address.ts'

/** A large office behind one address, each with the six connections of a browser. */
const CONNECTIONS_A_PEER = 100
/** Proxies that nobody named and gateways of containers are at these, and all come by them. */
const NEAR: readonly [string, number, 'ipv4' | 'ipv6'][] = [
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
]

/**
 * Returns what admits a connection by the address it comes from: the function to call when it is
 * closed, undefined where that network has as many as it may. Trusted proxies have no limit.
 */
export function limitPeers(trust: TrustedProxy): (address: string | undefined) => (() => void) | undefined {
  const isTrusted = trustOf(trust)
  const near = new BlockList()
  for (const subnet of NEAR) near.addSubnet(...subnet)
  const counts = new Map<string, number>()
  return (from) => {
    const address = readAddress(from ?? '')
    if (address === undefined || isTrusted(address, 0)) return () => {}
    if (near.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')) return () => {}
    const [network] = networksOf(address)
    const count = counts.get(network) ?? 0
    if (count >= CONNECTIONS_A_PEER) return undefined
    counts.set(network, count + 1)
    return () => {
      const left = (counts.get(network) ?? 1) - 1
      if (left > 0) counts.set(network, left)
      else counts.delete(network)
    }
  }
}
