// What is written after a request, on a real database: only the holder of the lease may defer, give
// up or halve, and a provider's answer is true whoever heard it.

import { describe, expect, it } from 'vitest'
import type { MailOutcome } from '../../../src/delivery/provider/provider.ts'
import { BATCH, type ClaimedBatch } from '../../../src/delivery/sending/batch.ts'
import { listMembers } from '../../../src/delivery/sending/members.ts'
import { claim, markAttempting, markDeferred, markUnknown } from '../../../src/delivery/sending/once.ts'
import { markHalved, markSettled } from '../../../src/delivery/sending/parts.ts'
import { keepRound } from '../../support/kept-round.ts'
import { endWaits, planFor, readAccounts, readBatch, readDeliveries, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const intent = { hash: Buffer.alloc(32, 7), version: 1, idempotencyKey: 'key', provider: 'outbox' }

/** Plans one batch, claims and marks it. Returns it as its worker knows it. */
async function attempt(...names: string[]) {
  const { edition, batchIds } = await planFor(round, names)
  const batch = await claimAndMark(batchIds[0] as number)
  const ids = (await listMembers(round.db, batch.id)).map((member) => member.subscriberId)
  return { edition, batch, ids }
}

async function claimAndMark(id: number): Promise<ClaimedBatch> {
  const batch = await claim(round.db, BATCH, id)
  if (!batch) throw new Error(`batch ${id} could not be claimed`)
  expect(await markAttempting(round.db, BATCH, batch, batch.fixed ?? intent)).toMatchObject({ branch: 1 })
  return batch
}

function all(ids: readonly number[], outcome: MailOutcome) {
  return ids.map((subscriberId) => ({ subscriberId, outcome }))
}

const accepted: MailOutcome = { state: 'submitted', providerId: 'p-1' }

describe('markSettled', () => {
  it('writes every answer on its own row, empties addresses and frees the day of the rejected', async () => {
    const { edition, batch, ids } = await attempt('ada', 'bob', 'cleo')
    const before = await readDeliveries(round.db, edition.id)
    await markSettled(round.db, batch, [
      { subscriberId: ids[0] ?? 0, outcome: { state: 'submitted', providerId: 'p-ada' } },
      { subscriberId: ids[1] ?? 0, outcome: { state: 'rejected', reason: 'no such mailbox' } },
      { subscriberId: ids[2] ?? 0, outcome: { state: 'submitted', providerId: null } },
    ])
    const { ada, bob, cleo } = await readDeliveries(round.db, edition.id)
    expect(ada).toMatchObject({ state: 'submitted', provider_id: 'p-ada', reason: null, address: null })
    expect(ada?.local_date).toBe(before.ada?.local_date)
    expect(bob).toMatchObject({
      state: 'rejected',
      reason: 'no such mailbox',
      provider_id: null,
      address: null,
      local_date: null,
    })
    expect(cleo).toMatchObject({ state: 'submitted', provider_id: null, address: null })
    expect(await readBatch(round.db, batch.id)).toMatchObject({ state: 'settled', reason: null })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 2, rejected: 1, waiting: 0 })
  })

  it('leaves other editions of the same readers alone', async () => {
    const { batch, ids } = await attempt('ada')
    const { edition: next } = await planFor(round, [], '2026-03-06')
    await markSettled(round.db, batch, all(ids, accepted))
    expect(await readAccounts(round.db, next.id)).toMatchObject({ due: 1, submitted: 0, waiting: 1 })
  })

  it('takes a late success of a stale worker, before and after the other one settled', async () => {
    const { edition, batch: stale, ids } = await attempt('ada', 'bob')
    await endWaits(round.db)
    const second = await claimAndMark(stale.id)
    await markSettled(round.db, stale, all(ids, { state: 'submitted', providerId: 'first' }))
    await markSettled(round.db, second, all(ids, { state: 'submitted', providerId: 'second' }))
    await markSettled(round.db, stale, all(ids, { state: 'rejected', reason: 'too late' }))
    const { ada, bob } = await readDeliveries(round.db, edition.id)
    expect([ada, bob]).toMatchObject([
      { state: 'submitted', provider_id: 'first' },
      { state: 'submitted', provider_id: 'first' },
    ])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2 })
  })

  it('takes a success that arrives after everybody gave up', async () => {
    const { edition, batch, ids } = await attempt('ada')
    await markUnknown(round.db, BATCH, batch, 'nobody knows', null)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ unknown: 1, submitted: 0 })
    await markSettled(round.db, batch, all(ids, accepted))
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ unknown: 0, submitted: 1 })
    expect(await readBatch(round.db, batch.id)).toMatchObject({ state: 'settled', reason: null })
  })
})

describe('markDeferred', () => {
  it('makes a first attempt undone: nothing is fixed, the attempt does not count', async () => {
    const { edition, batch } = await attempt('ada')
    await markDeferred(round.db, BATCH, batch, 'slow down', 60_000)
    const row = await readBatch(round.db, batch.id)
    expect(row).toMatchObject({
      state: 'deferred',
      reason: 'slow down',
      recipe_sha256: null,
      join_version: null,
      idempotency_key: null,
      provider: null,
      first_attempt_at: null,
      attempts: 0,
    })
    expect(await claim(round.db, BATCH, batch.id)).toBeUndefined()
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, waiting: 1, unknown: 0 })
    await endWaits(round.db)
    expect(await claim(round.db, BATCH, batch.id)).toMatchObject({ epoch: 2, fixed: null, attempts: 0 })
  })

  it('keeps everything fixed when an earlier request may have been accepted', async () => {
    const { edition, batch: first } = await attempt('ada')
    await markUnknown(round.db, BATCH, first, 'cut off', 0)
    const { first_attempt_at: since } = await readBatch(round.db, first.id)
    const second = await claimAndMark(first.id)
    await markDeferred(round.db, BATCH, second, 'slow down', 0)
    expect(await readBatch(round.db, first.id)).toMatchObject({
      state: 'unknown',
      reason: 'slow down',
      recipe_sha256: intent.hash,
      idempotency_key: intent.idempotencyKey,
      first_attempt_at: since,
      attempts: 1,
    })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, waiting: 0, unknown: 1 })
  })
})

describe('markHalved', () => {
  it('cuts a batch into two that were never attempted, in order', async () => {
    const { edition, batch, ids } = await attempt('ada', 'bob', 'cleo', 'dan', 'eve')
    const halves = await markHalved(round.db, batch, ids, 'bad content')
    expect(halves).toHaveLength(2)
    expect(await readBatch(round.db, batch.id)).toMatchObject({ state: 'halved', reason: 'bad content' })
    const [left, right] = await Promise.all(halves.map((id) => readBatch(round.db, id)))
    expect(left).toMatchObject({ state: 'planned', members: ids.slice(0, 3), recipe_sha256: null, attempts: 0 })
    expect(right).toMatchObject({ state: 'planned', members: ids.slice(3), idempotency_key: null, lease_epoch: 0 })
    const { cleo, dan } = await readDeliveries(round.db, edition.id)
    expect([cleo?.batch_id, dan?.batch_id]).toEqual(halves)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 5, waiting: 5 })
    expect(await claim(round.db, BATCH, batch.id)).toBeUndefined()
  })

  it('rejects a single member', async () => {
    const { edition, batch, ids } = await attempt('ada')
    expect(await markHalved(round.db, batch, ids, 'bad content')).toEqual([])
    expect((await readDeliveries(round.db, edition.id)).ada).toMatchObject({
      state: 'rejected',
      reason: 'bad content',
      local_date: null,
      address: null,
    })
    expect(await readBatch(round.db, batch.id)).toMatchObject({ state: 'settled' })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, rejected: 1, waiting: 0 })
  })
})

describe.each([
  ['markUnknown', (batch: ClaimedBatch) => markUnknown(round.db, BATCH, batch, 'stale', null)],
  ['markDeferred', (batch: ClaimedBatch) => markDeferred(round.db, BATCH, batch, 'stale', 0)],
  ['markHalved', (batch: ClaimedBatch, ids: number[]) => markHalved(round.db, batch, ids, 'stale')],
  ['markHalved of one', (batch: ClaimedBatch, ids: number[]) => markHalved(round.db, batch, ids.slice(0, 1), 'stale')],
] as const)('%s', (_name, mark) => {
  it('changes nothing once another worker has the batch', async () => {
    const { edition, batch: stale, ids } = await attempt('ada', 'bob')
    await endWaits(round.db)
    const second = await claimAndMark(stale.id)
    const before = await readBatch(round.db, stale.id)
    await mark(stale, ids)
    expect(await readBatch(round.db, stale.id)).toEqual(before)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, waiting: 2 })
    await markSettled(round.db, second, all(ids, accepted))
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2 })
  })

  it('changes nothing once a late success has settled the batch, even with the lease', async () => {
    const { edition, batch: stale, ids } = await attempt('ada', 'bob')
    await endWaits(round.db)
    const second = await claimAndMark(stale.id)
    await markSettled(round.db, stale, all(ids, accepted))
    await mark(second, ids)
    expect(await readBatch(round.db, stale.id)).toMatchObject({ state: 'settled', reason: null })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2, rejected: 0 })
    expect(await round.db.selectFrom('batches').select('id').execute()).toHaveLength(1)
  })
})
