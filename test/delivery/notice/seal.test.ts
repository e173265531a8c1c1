import { describe, expect, it } from 'vitest'
import { seal, unseal } from '../../../src/delivery/notice/seal.ts'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'

const old = 'an old secret that is long enough to be one'
const fresh = 'a new secret that is long enough to be one'
const keys = deriveLinkKeys([fresh, old])
const OWNER = '6f0d3a52-0000-4000-8000-000000000001'

describe('seal', () => {
  it('gives back what was sealed, and shows nothing of it', () => {
    const sealed = seal(keys, OWNER, { token: 'secret-token', address: 'ada@example.org' })
    expect(unseal(keys, keys.currentKeyId, OWNER, sealed)).toEqual({
      token: 'secret-token',
      address: 'ada@example.org',
    })
    expect(sealed.toString('latin1')).not.toMatch(/secret|ada|token/)
    expect(seal(keys, OWNER, { token: 'secret-token', address: 'ada@example.org' })).not.toEqual(sealed)
  })

  it('opens under a retired key of the ring, and not once it has left', () => {
    const before = deriveLinkKeys([old])
    const sealed = seal(before, OWNER, { a: 1 })
    expect(unseal(keys, before.currentKeyId, OWNER, sealed)).toEqual({ a: 1 })
    expect(() => unseal(deriveLinkKeys([fresh]), before.currentKeyId, OWNER, sealed)).toThrow(/no longer holds/)
  })

  it('does not open with any byte changed, cut short, under another key or for another notice', () => {
    const sealed = seal(keys, OWNER, { a: 1 })
    for (let at = 0; at < sealed.length; at++) {
      const wrong = Buffer.from(sealed)
      wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at)
      expect(() => unseal(keys, keys.currentKeyId, OWNER, wrong)).toThrow()
      expect(() => unseal(keys, keys.currentKeyId, OWNER, sealed.subarray(0, at))).toThrow()
    }
    const other = [...keys.byId.keys()].find((id) => id !== keys.currentKeyId) as number
    expect(() => unseal(keys, other, OWNER, sealed)).toThrow()
    expect(() => unseal(keys, keys.currentKeyId, OWNER.replace(/1$/, '2'), sealed)).toThrow()
  })
})
