import { describe, expect, it } from 'vitest'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'
import { openFormKeys } from '../../../src/web/visit/form-keys.ts'

const [OLD, NEW] = ['an old secret that is long enough to be taken', 'a new secret that is long enough to be taken']
const keys = openFormKeys(deriveLinkKeys([OLD]))
const NOW = new Date('2026-03-05T10:00:00.123Z')

describe('openFormKeys', () => {
  it('reads its own stamps and no others', () => {
    const stamp = keys.stamp(NOW)
    expect(keys.readStamp(stamp)).toEqual(NOW)
    for (const wrong of ['', '.', stamp.slice(0, -1), `a${stamp}`, `${stamp}.`, stamp.replace('.', ''), `${stamp}a`]) {
      expect(keys.readStamp(wrong), wrong).toBeUndefined()
    }
  })

  it('reads stamps of an older secret of the ring, and signs with the newest', () => {
    const ring = openFormKeys(deriveLinkKeys([NEW, OLD]))
    expect(ring.readStamp(keys.stamp(NOW))).toEqual(NOW)
    expect(openFormKeys(deriveLinkKeys([NEW])).readStamp(ring.stamp(NOW))).toEqual(NOW)
    expect(keys.readStamp(ring.stamp(NOW))).toBeUndefined()
  })

  it('gives each session a form token of its own', () => {
    const token = keys.formToken({ publicId: 'a', tokenEpoch: 0 })
    expect(keys.isSame(token, keys.formToken({ publicId: 'a', tokenEpoch: 0 }))).toBe(true)
    expect(keys.isSame(token, keys.formToken({ publicId: 'b', tokenEpoch: 0 }))).toBe(false)
    expect(keys.isSame(token, keys.formToken({ publicId: 'a', tokenEpoch: 1 }))).toBe(false)
    expect(keys.isSame(token, '')).toBe(false)
    expect(token).not.toBe(keys.nameOf('a.0'))
  })
})
