import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deriveLinkKeys, isInLife, signToken, TOKEN_PURPOSES, verifyToken } from '../../src/subscriber/token.ts'
import { isFull, runs } from '../support/full.ts'

const old = 'an old secret that is long enough to be one'
const fresh = 'a new secret that is long enough to be one'
const keys = deriveLinkKeys([fresh, old])
const claim = { publicId: randomUUID(), epoch: 7, issuedAt: new Date('2026-03-05T07:00:00Z') }
const token = signToken(keys, keys.currentKeyId, 'unsubscribe', claim)

describe('tokens', () => {
  it('give back what was signed, in URL-safe characters that fit a line of quoted-printable', () => {
    expect(verifyToken(keys, 'unsubscribe', token)).toEqual(claim)
    expect(token).toMatch(/^[A-Za-z0-9_-]{59}$/)
  })

  it('are the same bytes for the same claim and key: mails are rebuilt from them', () => {
    expect(signToken(keys, keys.currentKeyId, 'unsubscribe', { ...claim })).toBe(token)
  })

  it('end in the first half of HMAC-SHA-256, as RFC 2104 has it', () => {
    for (const { byId } of [keys, deriveLinkKeys([old])]) {
      for (const [keyId, ring] of byId) {
        for (const purpose of TOKEN_PURPOSES) {
          const bytes = Buffer.from(signToken(keys, keyId, purpose, claim), 'base64url')
          const signature = createHmac('sha256', ring[purpose]).update(bytes.subarray(0, 28)).digest().subarray(0, 16)
          expect(bytes.subarray(28)).toEqual(signature)
        }
      }
    }
  })

  it('are bound to their purpose', () => {
    expect(verifyToken(keys, 'view', token)).toBeUndefined()
    expect(verifyToken(keys, 'unsubscribe', signToken(keys, keys.currentKeyId, 'view', claim))).toBeUndefined()
  })

  it('survive a rotation while the old secret stays in the ring, and not after', () => {
    const before = deriveLinkKeys([old])
    const signed = signToken(before, before.currentKeyId, 'unsubscribe', claim)
    expect(verifyToken(keys, 'unsubscribe', signed)).toEqual(claim)
    expect(verifyToken(deriveLinkKeys([fresh]), 'unsubscribe', signed)).toBeUndefined()
    expect(() => signToken(deriveLinkKeys([fresh]), before.currentKeyId, 'view', claim)).toThrow(/no longer holds/)
  })

  it('are refused in every mutation of one character, and cut or extended', () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'ABYZabyz019-_=.'), (at, character) => {
        fc.pre(token[at] !== character)
        expect(verifyToken(keys, 'unsubscribe', token.slice(0, at) + character + token.slice(at + 1))).toBeUndefined()
      }),
      { numRuns: runs(500) },
    )
    for (const odd of ['', token.slice(1), `${token}A`, `${token}=`, ` ${token}`, token.replace(/^../, '//')]) {
      expect(verifyToken(keys, 'unsubscribe', odd)).toBeUndefined()
    }
  })

  it('are refused for any random bytes and any text', () => {
    for (let run = 0; run < 300; run++) {
      expect(verifyToken(keys, 'view', randomBytes(44).toString('base64url'))).toBeUndefined()
    }
    fc.assert(fc.property(fc.string(), (text) => verifyToken(keys, 'view', text) === undefined))
  })

  it('are accepted for none of the other purposes, in no mutation of any of their bytes, under no other ring', () => {
    const stranger = deriveLinkKeys(['a secret of somebody else that is long enough'])
    const runs = isFull ? 10_000 : 400
    let accepted = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...TOKEN_PURPOSES),
        fc.constantFrom(...TOKEN_PURPOSES),
        fc.nat(43),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom('purpose', 'byte', 'ring', 'cut'),
        (purpose, other, at, flip, how) => {
          fc.pre(how !== 'purpose' || purpose !== other)
          const ring = how === 'ring' ? stranger : keys
          const signed = signToken(ring, ring.currentKeyId, purpose, claim)
          const bytes = Buffer.from(signed, 'base64url')
          if (how === 'byte') bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at)
          const wrong = (how === 'cut' ? bytes.subarray(0, at) : bytes).toString('base64url')
          const asked = how === 'purpose' ? other : purpose
          if (verifyToken(keys, asked, wrong) !== undefined) accepted++
        },
      ),
      { numRuns: runs },
    )
    expect(accepted).toBe(0)
  })

  it('live as long as their purpose does', () => {
    const hoursLater = (hours: number) => new Date(claim.issuedAt.getTime() + hours * 3_600_000)
    expect(isInLife('unsubscribe', claim, hoursLater(1e6))).toBe(true)
    expect(isInLife('feed', claim, hoursLater(1e6))).toBe(true)
    expect(isInLife('preferences', claim, hoursLater(90 * 24 - 1))).toBe(true)
    expect(isInLife('preferences', claim, hoursLater(90 * 24))).toBe(false)
    expect(isInLife('session', claim, hoursLater(0.99))).toBe(true)
    expect(isInLife('session', claim, hoursLater(1))).toBe(false)
  })

  it('need a secret', () => {
    expect(() => deriveLinkKeys([])).toThrow(/at least one/)
  })
})
