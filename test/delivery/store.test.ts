// Single deliveries, as links and people ask for them.
import { expect, it } from 'vitest'
import { findDelivery, findDeliveryKind, listMailed } from '../../src/delivery/store.ts'
import { findSubscriberByAddress } from '../../src/subscriber/store.ts'
import { keepRound } from '../support/kept-round.ts'
import { planFor, readDeliveries, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

it('finds a delivery by its public id, and its kind by reader and date', async () => {
  const { edition } = await planFor(round, ['ada'])
  const publicId = (await readDeliveries(round.db, edition.id)).ada?.public_id ?? ''
  const ada = await findSubscriberByAddress(round.db, 'ada@example.org')
  const id = ada?.id ?? 0
  expect(await findDelivery(round.db, publicId)).toMatchObject({
    editionId: edition.id,
    subscriberId: id,
    tokenEpoch: 0,
  })
  expect(await findDelivery(round.db, '00000000-0000-4000-8000-000000000000')).toBeUndefined()
  expect(await findDeliveryKind(round.db, id, edition.date, 'weekly')).toBe('daily')
  expect(await findDeliveryKind(round.db, id, '2020-01-01', 'daily')).toBeUndefined()
})

it('lists only what went out as mailed', async () => {
  await planFor(round, ['bob'])
  const bob = await findSubscriberByAddress(round.db, 'bob@example.org')
  expect(await listMailed(round.db, bob?.id ?? 0, 5)).toEqual([])
})
