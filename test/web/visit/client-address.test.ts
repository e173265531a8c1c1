import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { networksOf, openClientAddress, type TrustedProxy } from '../../../src/web/visit/client-address.ts'

/** Returns the address that a request seems to come from. */
async function ask(trust: TrustedProxy, peer: string | undefined, forwarded?: string): Promise<string> {
  const clientAddress = openClientAddress(trust)
  const app = new Hono().get('/', (c) => c.text(clientAddress(c)))
  const headers: Record<string, string> = forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded }
  const env = peer === undefined ? undefined : { incoming: { socket: { remoteAddress: peer } } }
  return (await app.request('/', { headers }, env)).text()
}

const PROXY = { addresses: ['10.0.0.0/8', 'fd00::/8', '192.0.2.7'] }

describe('openClientAddress', () => {
  it.each<[string, TrustedProxy, string | undefined, string | undefined, string]>([
    ['takes nobody’s word by default', { hops: 0 }, '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['reads no network as none', { hops: 1 }, undefined, undefined, ''],
    ['takes one proxy’s word', { hops: 1 }, '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['leaves what a visitor wrote in front', { hops: 1 }, '10.0.0.1', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['goes through two', { hops: 2 }, '10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    ['stays with the farthest there is', { hops: 3 }, '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['trusts named networks only', PROXY, '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['goes through all named ones', PROXY, 'fd00::1', '1.1.1.1, 198.51.100.1, 192.0.2.7, 10.9.9.9', '198.51.100.1'],
    ['reads IPv4 within IPv6', PROXY, '::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['reads no interface', { hops: 0 }, 'FE80::1%eth0', undefined, 'fe80::1'],
    ['reads ports and brackets', PROXY, '10.0.0.1', '[2001:DB8::1]:443', '2001:db8::1'],
    ['reads an IPv4 port', PROXY, '10.0.0.1', '198.51.100.1:5000', '198.51.100.1'],
    ['stops at what is no address', PROXY, '10.0.0.1', '198.51.100.1, unknown', '10.0.0.1'],
    ['stops at nothing', PROXY, '10.0.0.1', '', '10.0.0.1'],
  ])('%s', async (_, trust, peer, forwarded, expected) => {
    expect(await ask(trust, peer, forwarded)).toBe(expected)
  })
})

describe('networksOf', () => {
  it.each([
    ['198.51.100.1', ['198.51.100.1']],
    ['2001:db8:1:2:3:4:5:6', ['2001:db8:1:2::/64', '2001:db8:1:0::/56', '2001:db8:1::/48']],
    ['2001:db8:1:abcd::9', ['2001:db8:1:abcd::/64', '2001:db8:1:ab00::/56', '2001:db8:1::/48']],
    ['2001:db8:0001::9', ['2001:db8:1:0::/64', '2001:db8:1:0::/56', '2001:db8:1::/48']],
    ['::1', ['0:0:0:0::/64', '0:0:0:0::/56', '0:0:0::/48']],
    ['64:ff9b::198.51.100.1', ['64:ff9b:0:0::/64', '64:ff9b:0:0::/56', '64:ff9b:0::/48']],
    ['', ['']],
  ])('%s', (address, networks) => {
    expect(networksOf(address)).toEqual(networks)
  })
})
