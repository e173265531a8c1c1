// The brake on real rows: where it takes hold, where it does not, and that it judges nothing twice.

import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { markReported } from '../../../src/delivery/feedback/feedback.ts'
import type { BatchRequest } from '../../../src/delivery/provider/provider.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { listInFlight, markResumed } from '../../../src/delivery/sending/brake.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { getEdition, markStopped } from '../../../src/edition/store.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { keepRound } from '../../support/kept-round.ts'
import { acceptAll, endWaits, freezeEdition, planFor, readAccounts, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  round.provider.script.length = 0
  round.provider.batchSize = 100
})

/**
 * An edition with so many submitted deliveries, written straight into the ledger, and one batch
 * that still waits.
 */
async function fly(submitted: number) {
  const { edition } = await planFor(round, ['ada'])
  await submitMore(edition.id, submitted)
  return edition.id
}

async function submitMore(editionId: number, count: number): Promise<void> {
  await sql`
    with base as (select coalesce(max(id), 0) as id from subscribers), added as (
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
      select 'r' || (base.id + i) || '@example.org', sha256((base.id + i)::text::bytea), 'confirmed', 'test',
        (select min(id) from preferences), 'daily', 7, 'UTC' from base, generate_series(1, ${count}::int) i returning id
    ), inserted as (
      insert into deliveries (edition_id, subscriber_id, selection_id, local_date, state)
      select ${editionId}::int, id, 1, '2026-03-05', 'submitted' from added returning 1
    )
    update editions set due = due + (select count(*) from inserted)::int where id = ${editionId}`.execute(round.db)
}

/** Reports of so many distinct deliveries, none of them reported before. */
async function reportMany(editionId: number, type: 'complained' | 'hard-bounce' | 'delivered', count: number) {
  const { rows } = await sql<{ id: string }>`
    select public_id as id from deliveries where edition_id = ${editionId} and state = 'submitted' and fate = 'none'
    order by subscriber_id limit ${count}`.execute(round.db)
  let braked: string | null = null
  for (const { id } of rows) {
    const facts = { delivery: id, notice: null, providerId: 'mail-1', address: null, at: new Date() }
    const effect = await markReported(round.db, { id: `msg_${randomUUID()}`, type, ...facts })
    braked = effect.braked ?? braked
  }
  return braked
}

const stopOf = async (editionId: number) => (await getEdition(round.db, editionId)).stoppedReason

describe('harm', () => {
  it.each([
    ['five complaints of a thousand', 1_000, 5, 0, /^5 complaints of 1,000 submitted \(0.50 %\)$/],
    ['four are too few to say', 1_000, 4, 0, null],
    ['of 999 is too early', 999, 5, 0, null],
    ['one complaint counts beside four bounces', 1_000, 1, 4, /^1 complaint of 1,000/],
    ['twenty hard bounces of a thousand', 1_000, 0, 20, /^20 hard bounces of 1,000 submitted \(2.00 %\)$/],
    ['nineteen are under two per cent', 1_000, 0, 19, null],
    ['five complaints of 5,001 are under a tenth of a per cent', 5_001, 5, 0, null],
    ['five of 5,000 are just that', 5_000, 5, 0, /^5 complaints of 5,000 submitted \(0.10 %\)$/],
  ])('%s', async (_name, submitted, complaints, bounces, words) => {
    const id = await fly(submitted)
    const reasons = [await reportMany(id, 'hard-bounce', bounces), await reportMany(id, 'complained', complaints)]
    const braked = reasons.find((reason) => reason !== null) ?? null
    if (words === null) expect([braked, await stopOf(id)]).toEqual([null, null])
    else {
      expect(braked).toMatch(words)
      expect(await stopOf(id)).toBe(`brake: ${braked}`)
      expect(await listWaiting(round.db, BATCH, 10)).toEqual([])
    }
  })

  it('is also seen when the thousandth is submitted after the reports', async () => {
    const id = await fly(999)
    expect(await reportMany(id, 'complained', 6)).toBeNull()
    const [batch = 0] = await listWaiting(round.db, BATCH, 10)
    await dispatch(round, batch)
    expect(await stopOf(id)).toMatch(/^brake: 6 complaints of 1,000 submitted/)
  })

  it('repeats of one report and good news are no harm', async () => {
    const id = await fly(1_000)
    await reportMany(id, 'delivered', 30)
    await reportMany(id, 'complained', 4)
    await sql`insert into events (id, type, edition_id, subscriber_id, at)
      select id || '-' || i, 'complained', edition_id, subscriber_id, at from events, generate_series(1, 9) i where type = 'complained'`.execute(
      round.db,
    )
    expect(await reportMany(id, 'delivered', 1)).toBeNull()
    expect(await stopOf(id)).toBeNull()
  })

  it('leaves an edition alone that was over long ago', async () => {
    const id = await fly(1_000)
    await sql`update batches set state = 'settled'`.execute(round.db)
    await sql`update editions set frozen_at = now() - interval '2 days'`.execute(round.db)
    await reportMany(id, 'complained', 8)
    expect(await stopOf(id)).toBeNull()
  })

  it('does not brake again for what the operator has lifted, but for as much anew', async () => {
    const id = await fly(1_000)
    await reportMany(id, 'complained', 5)
    expect(await stopOf(id)).not.toBeNull()
    await markResumed(round.db, id)
    const [batch = 0] = await listWaiting(round.db, BATCH, 10)
    await dispatch(round, batch)
    await reportMany(id, 'complained', 5)
    expect(await stopOf(id)).toBeNull()
    await submitMore(id, 1_000)
    await reportMany(id, 'complained', 1)
    expect(await stopOf(id)).toMatch(/^brake: 6 complaints of 1,001 submitted/)
  })

  it('judges no edition that is stopped already until somebody resumes it, and one whose stop ends by itself', async () => {
    const id = await fly(1_000)
    await markStopped(round.db, id, 'by hand', null)
    expect(await reportMany(id, 'complained', 5)).toBeNull()
    expect([await stopOf(id), await listInFlight(round.db)]).toEqual(['by hand', []])
    await sql`update editions set stopped_until = now() + interval '1 hour' where id = ${id}`.execute(round.db)
    expect(await listInFlight(round.db)).toEqual([id])
    expect(await reportMany(id, 'complained', 1)).toMatch(/^6 complaints/)
    expect(await stopOf(id)).toMatch(/^brake: 6 complaints/)
  })

  it('is not lifted by a stop that ends by itself', async () => {
    const id = await fly(1_000)
    await reportMany(id, 'complained', 5)
    await markStopped(round.db, id, 'the quota is used up', 1_000)
    expect(await getEdition(round.db, id)).toMatchObject({
      stoppedReason: expect.stringMatching(/^brake/),
      stoppedUntil: null,
    })
  })
})

describe('rejection of everything', () => {
  const refuseAll = ({ mails }: BatchRequest, reason = 'Invalid `from` field') => ({
    kind: 'answered' as const,
    outcomes: mails.map(() => ({ state: 'rejected' as const, reason })),
  })

  async function planBatches(count: number) {
    round.provider.batchSize = 2
    const names = Array.from({ length: count * 2 }, (_, index) => `reader-${index}`)
    return planFor(round, names)
  }

  it('for one reason stops the edition at the third batch; after a resume it takes three more', async () => {
    const { edition, batchIds } = await planBatches(8)
    round.provider.script.push(...Array.from({ length: 8 }, () => refuseAll))
    for (const id of batchIds) await dispatch(round, id)
    expect(await stopOf(edition.id)).toBe('brake: every mail is rejected: Invalid `from` field')
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 16, rejected: 6, waiting: 10 })
    await markResumed(round.db, edition.id)
    for (const id of batchIds) await dispatch(round, id)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ rejected: 12, waiting: 4 })
    await markResumed(round.db, edition.id)
    round.provider.script.length = 0
    for (const id of batchIds) await dispatch(round, id)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ rejected: 12, submitted: 4, waiting: 0 })
  })

  it('for different reasons, or beside one that was accepted, does not', async () => {
    const { edition, batchIds } = await planBatches(4)
    round.provider.script.push(
      ...['a', 'b', 'c', 'd'].map((reason) => (request: BatchRequest) => refuseAll(request, reason)),
    )
    for (const id of batchIds) await dispatch(round, id)
    expect(await stopOf(edition.id)).toBeNull()
    const next = await planFor(round, ['one', 'two'], '2026-03-06')
    round.provider.script.push(acceptAll, ...Array.from({ length: 4 }, () => refuseAll))
    for (const id of next.batchIds) await dispatch(round, id)
    await endWaits(round.db)
    expect(await stopOf(next.edition.id)).toBeNull()
    expect((await freezeEdition(round, '2026-03-07')).stoppedReason).toBeNull()
  })
})
