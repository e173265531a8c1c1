import { describe, expect, it } from 'vitest'
import { limitPeers } from '../../../src/web/visit/peers.ts'

/** Lets so many connections come, each from the next of the addresses, and counts who is let in. */
function come(admit: ReturnType<typeof limitPeers>, count: number, ...addresses: string[]) {
  return Array.from({ length: count }, (_, index) => admit(addresses[index % addresses.length])).filter(Boolean)
}

describe('limitPeers', () => {
  it.each([
    [['203.0.113.7'], 100],
    [['203.0.113.7', '::ffff:203.0.113.7'], 100],
    [['203.0.113.7', '203.0.113.8'], 200],
    [['2001:db8:1:2::3', '2001:db8:1:2:ffff::4'], 100],
    [['2001:db8:1:2::3', '2001:db8:1:3::3'], 200],
    // Everybody may come by one of these.
    [['127.0.0.1'], 300],
    [['::1'], 300],
    [['::ffff:172.17.0.1'], 300],
    [['192.168.1.1'], 300],
    [['fd00::1'], 300],
    [[''], 300],
  ])('from %j lets 300 in up to %d at a time', (addresses, most) => {
    expect(come(limitPeers({ hops: 0 }), 300, ...addresses)).toHaveLength(most)
  })

  it('has no limit for proxies that are trusted, and one for others beside them', () => {
    expect(come(limitPeers({ hops: 1 }), 300, '203.0.113.7')).toHaveLength(300)
    const admit = limitPeers({ addresses: ['203.0.113.0/24'] })
    expect([come(admit, 300, '203.0.113.7').length, come(admit, 300, '198.51.100.7').length]).toEqual([300, 100])
  })

  it('lets another one in for each that was closed', () => {
    const admit = limitPeers({ hops: 0 })
    const leaving = come(admit, 300, '203.0.113.7')
    for (const leave of leaving.slice(0, 3)) leave?.()
    expect(come(admit, 300, '203.0.113.7')).toHaveLength(3)
  })
})
