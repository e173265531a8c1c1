import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BOUNCE_LOCAL_MAX,
  BOUNCE_VALID_DAYS,
  type BounceHome,
  findBounceClaims,
  isSentTo,
  writeBounceAddress,
} from '../../src/subscriber/bounce-address.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { runs } from '../support/full.ts'

const old = 'an old secret that is long enough to be one'
const fresh = 'a new secret that is long enough to be one'
const keys = deriveLinkKeys([fresh, old])
const home: BounceHome = { local: 'bounces', domain: 'papers.example' }
const NOON = new Date('2026-03-05T12:00:00Z')
const DAY_MS = 86_400_000
const mail = { publicId: randomUUID(), to: 'ada@example.org' }
const address = writeBounceAddress(keys, home, mail, NOON)
const idsIn = (text: string, at = NOON, ring = keys, place = home) =>
  findBounceClaims(ring, place, text, at).map(({ publicId }) => publicId)
const later = (days: number) => new Date(NOON.getTime() + days * DAY_MS)

const uuid = fc.uuid()
const to = fc.emailAddress()
const place = fc.constantFrom<BounceHome>(
  home,
  { local: null, domain: 'bounces.papers.example' },
  { local: 'b'.repeat(BOUNCE_LOCAL_MAX), domain: 'a.example' },
)
const moment = fc.date({ min: new Date('2025-01-01'), max: new Date('2140-01-01'), noInvalidDate: true })

describe('an address for bounces', () => {
  it('gives back whose it is, in at most 64 octets of base32, and no address in it', () => {
    fc.assert(
      fc.property(uuid, to, place, moment, (publicId, reader, where, at) => {
        const written = writeBounceAddress(keys, where, { publicId, to: reader }, at)
        const [local = '', domain] = written.split('@')
        expect(local.length).toBeLessThanOrEqual(64)
        expect(local).toMatch(where.local === null ? /^[a-z2-7]{48}$/ : new RegExp(`^${where.local}\\+[a-z2-7]{48}$`))
        expect(domain).toBe(where.domain)
        const [claim, ...others] = findBounceClaims(keys, where, `To: <${written.toUpperCase()}>`, at)
        expect([claim?.publicId, others]).toEqual([publicId, []])
        expect(claim && isSentTo(keys, claim, reader.toUpperCase())).toBe(true)
      }),
      { numRuns: runs(300) },
    )
  })

  it('is refused in every mutation of one character, and cut or extended', () => {
    const [local = ''] = address.split('@')
    const start = 'bounces+'.length
    fc.assert(
      fc.property(fc.integer({ min: start, max: local.length - 1 }), fc.constantFrom(...'abcxyz2347'), (at, letter) => {
        fc.pre(local[at] !== letter)
        expect(idsIn(`${local.slice(0, at)}${letter}${local.slice(at + 1)}@papers.example`)).toEqual([])
      }),
      { numRuns: runs(500) },
    )
    const token = local.slice(start)
    for (const odd of [
      `bounces+${token.slice(1)}@papers.example`,
      `bounces+${token}a@papers.example`,
      `abounces+${token}@papers.example`,
      `bounces+${token}@papers.example.evil.example`,
      `bounces+${token}@papersxexample`,
      `bounces-${token}@papers.example`,
      `${token}@papers.example`,
    ]) {
      expect(idsIn(odd), odd).toEqual([])
    }
  })

  it('is not forged by chance or by another of our tokens', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'), { minLength: 48, maxLength: 48 }),
        (letters) => {
          expect(idsIn(`bounces+${letters.join('')}@papers.example`)).toEqual([])
        },
      ),
      { numRuns: runs(1_000) },
    )
  })

  it('holds for 30 days', () => {
    for (const days of [-1, 0, 1, BOUNCE_VALID_DAYS]) expect(idsIn(address, later(days)), `${days}`).toHaveLength(1)
    for (const days of [-2, BOUNCE_VALID_DAYS + 1, 400]) expect(idsIn(address, later(days)), `${days}`).toEqual([])
  })

  it('survives a rotation while the old secret stays in the ring, and not after', () => {
    const before = deriveLinkKeys([old])
    const written = writeBounceAddress(before, home, mail, NOON)
    const [claim] = findBounceClaims(keys, home, written, NOON)
    expect(claim?.publicId).toBe(mail.publicId)
    expect(claim && isSentTo(keys, claim, mail.to)).toBe(true)
    expect(idsIn(written, NOON, deriveLinkKeys([fresh]))).toEqual([])
  })

  it('is signed with a key of its own', () => {
    for (const { byId } of [keys, deriveLinkKeys([old])]) {
      for (const ring of byId.values()) {
        const texts = Object.values(ring).map((key) => key.toString('hex'))
        expect(new Set(texts).size).toBe(texts.length)
      }
    }
  })

  it('tells the address that the mail went to from others', () => {
    const [claim] = findBounceClaims(keys, home, address, NOON)
    fc.assert(
      fc.property(to, (other) => {
        // One of 65,536 passes; not of these.
        expect(claim && isSentTo(keys, claim, other)).toBe(false)
      }),
      { numRuns: 50, seed: 7 },
    )
  })

  it('is found once a mail, wherever it stands, in at most so many', () => {
    const other = writeBounceAddress(keys, home, { publicId: randomUUID(), to: mail.to }, NOON)
    expect(idsIn(`Return-Path: <${address}>\nTo: ${address}, "x" <${address}>`)).toEqual([mail.publicId])
    expect(idsIn(`${address} ${other}`)).toHaveLength(2)
    const forged = (at: number) => `bounces+${'a'.repeat(46)}${'abcdefgh'[at >> 3]}${'abcdefgh'[at % 8]}@papers.example`
    expect(idsIn(`${Array.from({ length: 64 }, (_, at) => forged(at)).join(' ')} ${address}`)).toEqual([])
  })
})
