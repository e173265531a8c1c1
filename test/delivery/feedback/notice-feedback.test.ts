// Reports of notices: evidence of acceptance, a fate that only rises, and whom a complaint ends.
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import type { ReportType } from '../../../src/database/states.ts'
import { markReported } from '../../../src/delivery/feedback/feedback.ts'
import { findSubscriberByAddress, getAddressKey } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
import { keepRound } from '../../support/kept-round.ts'
import { addReader, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

/** A notice whose answer was lost, to an address and of a reader, or of nobody. */
async function lose(address: string, subscriberId: number | null): Promise<string> {
  const { public_id } = await round.db
    .insertInto('notices')
    .values({
      subscriber_id: subscriberId,
      kind: 'address',
      state: 'unknown',
      address,
      address_hash: hashAddress(await getAddressKey(round.db), address),
      key_id: round.linkKeys.currentKeyId,
      expires_at: sql<Date>`now() + interval '2 days'`,
    })
    .returning('public_id')
    .executeTakeFirstOrThrow()
  return public_id
}

async function report(type: ReportType, notice: string, address: string | null = null) {
  const facts = { delivery: null, notice, providerId: 'mail-1', address, at: new Date() }
  return (await markReported(round.db, { id: randomUUID(), type, ...facts })).result
}

const read = () => round.db.selectFrom('notices').selectAll().executeTakeFirstOrThrow()

it('counts as the answer that we never had, and raises the fate', async () => {
  const id = await lose('ada@example.org', null)
  expect(await report('delivered', id)).toBe('applied')
  expect(await read()).toMatchObject({ state: 'submitted', provider_id: 'mail-1', fate: 'delivered', address: null })
  expect(await report('delayed', id)).toBe('applied')
  expect(await report('hard-bounce', id)).toBe('applied')
  expect(await report('sent', id)).toBe('applied')
  expect(await read()).toMatchObject({ state: 'submitted', fate: 'bounced' })
  expect(await report('delivered', randomUUID())).toBe('unknown')
})

it('suppresses the address that the notice went to', async () => {
  const id = await lose('ada@example.org', null)
  await report('soft-bounce', id)
  expect(await round.db.selectFrom('suppressions').select('reason').execute()).toEqual([])
  await report('suppressed', id, 'Ada@Example.org')
  const expected = hashAddress(await getAddressKey(round.db), 'ada@example.org')
  const rows = await round.db.selectFrom('suppressions').selectAll().execute()
  expect(rows).toMatchObject([{ reason: 'provider', address_hash: expected }])
})

it('a complaint ends the subscription of that address, not of whoever only proposed it', async () => {
  const ada = await addReader(round.db, 'ada')
  const consent = async () => (await findSubscriberByAddress(round.db, 'ada@example.org'))?.consent
  await report('complained', await lose('stranger@example.org', ada.id))
  expect(await consent()).toBe('confirmed')
  await report('complained', await lose('ada@example.org', ada.id))
  expect(await consent()).toBe('unsubscribed')
  expect(await round.db.selectFrom('suppressions').select('reason').execute()).toHaveLength(2)
})
