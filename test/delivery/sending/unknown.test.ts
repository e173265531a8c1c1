// What is unknown for good, decided by the operator: again under another key, or left; evidence
// before and after the word.

import { randomUUID } from 'node:crypto'
import { beforeEach, expect, it } from 'vitest'
import { markReported } from '../../../src/delivery/feedback/feedback.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { DROPPED } from '../../../src/delivery/sending/ledger.ts'
import { markResolved } from '../../../src/delivery/sending/parts.ts'
import { getUnresolved } from '../../../src/delivery/sending/unknown.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { markUnsubscribed } from '../../../src/subscriber/store.ts'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'
import { keepRound } from '../../support/kept-round.ts'
import { planFor, readAccounts, readBatch, readDeliveries, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  round.provider.requests.length = 0
  round.provider.accepted.length = 0
  round.provider.replayMs = 0
})

/** Sends to readers and loses the answer for good. */
async function lose(...names: string[]) {
  const { edition, batchIds } = await planFor(round, names)
  round.provider.script.push({ kind: 'unknown', reason: 'cut' })
  await dispatch(round, batchIds[0] as number)
  expect(await readAccounts(round.db, edition.id)).toMatchObject({ unknown: names.length })
  return { edition, id: batchIds[0] as number }
}

async function report(editionId: number, name: string) {
  const row = (await readDeliveries(round.db, editionId))[name]
  const facts = { delivery: row?.public_id ?? null, notice: null, providerId: 'mail-1', address: null, at: new Date() }
  await markReported(round.db, { id: randomUUID(), type: 'delivered', ...facts })
}

const dispatchStanding = async () => {
  for (const id of await listWaiting(round.db, BATCH, 10)) await dispatch(round, id)
}

it('again: everybody without evidence goes under a new key, as now, with the links of now', async () => {
  const { edition, id } = await lose('ada', 'bob', 'cleo')
  await report(edition.id, 'ada')
  const cleo = await round.db
    .selectFrom('subscribers')
    .select('public_id')
    .where('address', '=', 'cleo@example.org')
    .executeTakeFirst()
  await markUnsubscribed(round.db, cleo?.public_id ?? '')
  expect(await getUnresolved(round.db, edition.id)).toBe(2)
  const linkKeys = deriveLinkKeys(['another secret for tests that is long enough'])
  expect(await markResolved(round.db, edition.id, linkKeys.currentKeyId)).toBe(2)
  expect(await getUnresolved(round.db, edition.id)).toBe(0)
  expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', reason: 'sent again under a new key' })
  expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 1, waiting: 2, unknown: 0 })
  for (const batchId of await listWaiting(round.db, BATCH, 10)) await dispatch({ ...round, linkKeys }, batchId)
  const [first, second] = round.provider.requests
  expect(second?.idempotencyKey).not.toBe(first?.idempotencyKey)
  expect(second?.mails.map((mail) => mail.to)).toEqual(['bob@example.org'])
  expect(await readAccounts(round.db, edition.id)).toMatchObject({
    due: 3,
    submitted: 2,
    withheld: { left: 1 },
    waiting: 0,
  })
  expect(Object.values(await readDeliveries(round.db, edition.id)).every((row) => row.address === null)).toBe(true)
  expect(await markResolved(round.db, edition.id, linkKeys.currentKeyId)).toBe(0)
})

it('drop: they stay unknown, undecided no more, and are never sent again', async () => {
  const { edition, id } = await lose('ada', 'bob')
  expect(await markResolved(round.db, edition.id, null)).toBe(2)
  expect(await getUnresolved(round.db, edition.id)).toBe(0)
  expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', reason: DROPPED })
  const { ada } = await readDeliveries(round.db, edition.id)
  expect(ada).toMatchObject({ state: 'unknown', reason: DROPPED, address: null })
  expect(ada?.local_date).not.toBeNull()
  expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, unknown: 2, waiting: 0 })
  await dispatchStanding()
  expect(round.provider.requests).toHaveLength(1)
  await report(edition.id, 'ada')
  expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 1, unknown: 1 })
  expect(await markResolved(round.db, edition.id, 1)).toBe(0)
})

it('leaves alone what may still be replayed, and other editions', async () => {
  const { edition: other } = await lose('ada')
  round.provider.replayMs = Number.POSITIVE_INFINITY
  const { edition, batchIds } = await planFor(round, [], '2026-03-06')
  round.provider.script.push({ kind: 'unknown', reason: 'cut' })
  await expect(dispatch(round, batchIds[0] as number)).rejects.toThrow('cut')
  expect(await readAccounts(round.db, edition.id)).toMatchObject({ unknown: 1 })
  expect(await getUnresolved(round.db, edition.id)).toBe(0)
  expect(await markResolved(round.db, edition.id, null)).toBe(0)
  expect(await getUnresolved(round.db, other.id)).toBe(1)
})

it('evidence that comes between the word and the request keeps the reader out of it', async () => {
  const { edition } = await lose('ada', 'bob')
  await markResolved(round.db, edition.id, round.linkKeys.currentKeyId)
  await report(edition.id, 'bob')
  await dispatchStanding()
  expect(round.provider.accepted.map((mail) => mail.to)).toEqual(['ada@example.org'])
  expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2 })
})
