import { expect, it } from 'vitest'
import { ensureLinkKey, isLinkKeyKnown } from '../../src/subscriber/link-key.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const [first, second, third] = ['first', 'second', 'third'].map(
  (name) => `the ${name} secret of this test, long enough`,
)
const ring = (...secrets: (string | undefined)[]) => deriveLinkKeys(secrets as string[])

it('takes a new secret in front of the old one, and then without it', async () => {
  const { db } = round
  expect(await isLinkKeyKnown(db, ring(first))).toBe(true)
  await ensureLinkKey(db, ring(first))
  await ensureLinkKey(db, ring(second, first))
  await ensureLinkKey(db, ring(second))
  expect(await isLinkKeyKnown(db, ring(third))).toBe(false)
})

it('refuses a ring that has signed nothing here, until it is said to be new', async () => {
  const { db } = round
  await ensureLinkKey(db, ring(first))
  await expect(ensureLinkKey(db, ring(third))).rejects.toThrow(/LINK_SECRET is not what .*start --new-secret/)
  await ensureLinkKey(db, ring(third), { isNew: true })
  await ensureLinkKey(db, ring(third))
  await expect(ensureLinkKey(db, ring(first))).rejects.toThrow('LINK_SECRET is not what')
})
