// Recipes and keys: what is the same must hash the same, and whatever a byte of a mail depends on
// must change the hash.

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Member } from '../../../src/delivery/sending/members.ts'
import { hashRecipe, joinMails, keyOf } from '../../../src/delivery/sending/recipe.ts'
import { type MailEncoding, preparePieces } from '../../../src/digest/joining/joining.ts'
import type { Material } from '../../../src/digest/joining/materials.ts'
import { makePiece, type Piece } from '../../../src/digest/piece/piece.ts'
import { loadTemplates, renderEdition } from '../../../src/digest/rendering.ts'
import { deriveLinkKeys, verifyToken } from '../../../src/subscriber/token.ts'
import { inventPlaces, TEST_SECRET } from '../../support/round.ts'

const OLD_SECRET = 'an older secret for tests, long enough to be taken'
const keys = deriveLinkKeys([TEST_SECRET, OLD_SECRET])
const oldKeyId = deriveLinkKeys([OLD_SECRET]).currentKeyId
let pieces: Piece[]

beforeAll(async () => {
  const host = {
    publicUrl: 'https://papers.example',
    mailFrom: 'papers@papers.example',
    postalAddress: null,
    unsubscribeMailto: null,
  }
  const sheet = {
    date: '2026-03-05',
    kind: 'daily',
    incomplete: false,
    places: inventPlaces('2026-03-05', 4),
  } as const
  pieces = await renderEdition(sheet, 'short', host, await loadTemplates())
})

const ada: Member = {
  subscriberId: 1,
  subscriberPublicId: '11111111-1111-4111-8111-111111111111',
  publicId: 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa',
  selectionId: 1,
  address: 'ada@example.org',
  tokenEpoch: 0,
  keyId: keys.currentKeyId,
  issuedAt: new Date('2026-03-06T07:00:00Z'),
}
const bob: Member = {
  ...ada,
  subscriberId: 2,
  subscriberPublicId: '22222222-2222-4222-8222-222222222222',
  publicId: 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb',
  address: 'bob@example.org',
  selectionId: 2,
}

/** Selection 1 is papers 1 to 3, selection 2 the same the other way round. */
function materials(from = pieces, encoding: MailEncoding = 'utf8'): Map<number, Material> {
  const prepared = preparePieces(from, encoding)
  return new Map([
    [1, { pieces: prepared, selection: { papers: [1, 2, 3], reasons: [0, 0, 0] } }],
    [2, { pieces: prepared, selection: { papers: [3, 2, 1], reasons: [0, 0, 0] } }],
  ])
}

function hex(members: readonly Member[], from = materials(), editionId = 1): string {
  return hashRecipe(editionId, members, from).toString('hex')
}

describe('hashRecipe', () => {
  it('is the same for the same rows, read again', () => {
    expect(hex([{ ...ada, issuedAt: new Date(ada.issuedAt) }, { ...bob }], materials([...pieces]))).toBe(
      hex([ada, bob]),
    )
  })

  const changes: [string, Partial<Member>][] = [
    ['the subscriber’s public id', { subscriberPublicId: bob.subscriberPublicId }],
    ['the delivery’s public id', { publicId: bob.publicId }],
    ['the address', { address: 'ada@example.com' }],
    ['the token epoch', { tokenEpoch: 1 }],
    ['the key id', { keyId: oldKeyId }],
    ['the moment of issue', { issuedAt: new Date('2026-03-06T07:00:01Z') }],
    ['the selection', { selectionId: 2 }],
  ]
  it.each(changes)('covers %s', (_name, change) => {
    expect(hex([{ ...ada, ...change }, bob])).not.toBe(hex([ada, bob]))
    expect(hex([bob, { ...ada, ...change }])).not.toBe(hex([bob, ada]))
  })

  it('covers who is in, their order, the edition and the encoding', () => {
    const hashes = [
      hex([ada, bob]),
      hex([bob, ada]),
      hex([ada]),
      hex([bob]),
      hex([ada, bob], materials(), 2),
      hex([ada, bob], materials(pieces, 'quoted-printable')),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it('covers every piece whose change would change a mail', () => {
    const before = { hash: hex([ada]), mails: joinMails([ada], materials(), keys) }
    const telling = pieces.filter((piece) => {
      // Another space changes neither slots nor JSON.
      const changed = pieces.map((each) => (each === piece ? makePiece(each.name, ` ${each.body}`) : each))
      const mails = joinMails([ada], materials(changed), keys)
      const isTelling = JSON.stringify(mails) !== JSON.stringify(before.mails)
      if (isTelling) expect([piece.name, hex([ada], materials(changed))]).not.toEqual([piece.name, before.hash])
      return isTelling
    })
    const names = telling.map((piece) => piece.name)
    expect(names).toEqual(
      expect.arrayContaining(['html/head', 'html/large/1', 'html/large/3', 'text/large/2', 'text/foot']),
    )
    expect(names).not.toContain('html/compact/4')
    const sender = pieces.map((each) =>
      each.name === 'envelope' ? makePiece(each.name, each.body.replace('papers@', 'others@')) : each,
    )
    expect(hex([ada], materials(sender))).not.toBe(before.hash)
  })

  it('tells any two lists of members apart', () => {
    const member = fc.record({
      subscriberId: fc.constant(1),
      subscriberPublicId: fc.constantFrom(ada.subscriberPublicId, bob.subscriberPublicId),
      publicId: fc.constantFrom(ada.publicId, bob.publicId),
      address: fc.constantFrom('a@example.org', 'aa@example.org', 'a@example.or'),
      tokenEpoch: fc.constantFrom(0, 1, 11),
      keyId: fc.constantFrom(1, 11),
      issuedAt: fc.constantFrom(ada.issuedAt, new Date('2026-03-06T07:00:00.001Z')),
      selectionId: fc.constantFrom(1, 2),
    })
    const given = materials()
    fc.assert(
      fc.property(fc.array(member, { maxLength: 3 }), fc.array(member, { maxLength: 3 }), (one, other) => {
        expect(hex(one, given) === hex(other, given)).toBe(JSON.stringify(one) === JSON.stringify(other))
      }),
    )
  })

  it('throws when a selection is missing', () => {
    expect(() => hex([{ ...ada, selectionId: 9 }])).toThrow('selection 9 is missing')
  })
})

describe('keyOf', () => {
  const recipe = Buffer.alloc(32, 7)

  it('is derived: the same for the same recipe, another for another edition, batch or recipe', () => {
    expect(keyOf(1, 2, recipe)).toBe(keyOf(1, 2, Buffer.from(recipe)))
    const keysOfOthers = [keyOf(1, 2, recipe), keyOf(2, 2, recipe), keyOf(1, 3, recipe), keyOf(12, 2, recipe)]
    keysOfOthers.push(keyOf(1, 2, Buffer.alloc(32, 8)), keyOf(1, 22, recipe))
    expect(new Set(keysOfOthers).size).toBe(keysOfOthers.length)
  })

  it('fits a header and 256 characters, whatever the ids', () => {
    const highest = 2 ** 31 - 1
    expect(keyOf(highest, highest, Buffer.alloc(32, 255))).toMatch(/^[a-z0-9-]{1,256}$/)
  })
})

describe('joinMails', () => {
  it('joins one mail a member in order, each with links of its own', () => {
    const mails = joinMails([ada, bob], materials(), keys)
    expect(mails.map(({ to, publicId, date }) => [to, publicId, date])).toEqual([
      [ada.address, ada.publicId, '2026-03-06T07:00:00.000Z'],
      [bob.address, bob.publicId, '2026-03-06T07:00:00.000Z'],
    ])
    for (const [index, member] of [ada, bob].entries()) {
      const text = mails[index]?.text ?? ''
      const unsubscribe = /\/unsubscribe\/([\w-]+)/.exec(text)?.[1] ?? ''
      const view = /\/view\/([\w-]+)/.exec(text)?.[1] ?? ''
      expect(verifyToken(keys, 'unsubscribe', unsubscribe)).toMatchObject({ publicId: member.subscriberPublicId })
      expect(verifyToken(keys, 'view', view)).toMatchObject({ publicId: member.publicId })
      expect(mails[index]?.headers['List-Unsubscribe']).toContain(unsubscribe)
    }
  })

  it('gives the same bytes again, wherever the key now stands in the ring', () => {
    const old = { ...ada, keyId: oldKeyId }
    const turned = deriveLinkKeys(['a newer secret for tests, long enough to be taken', OLD_SECRET, TEST_SECRET])
    expect(joinMails([old, bob], materials(), turned)).toEqual(joinMails([old, bob], materials(), keys))
  })

  it('throws when the ring has lost the key', () => {
    expect(() => joinMails([{ ...ada, keyId: 1 }], materials(), keys)).toThrow('LINK_SECRET no longer holds key 1')
  })
})
