// Who leaves a batch before its mark, and how.

import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { dropMembers } from '../../../src/delivery/sending/ledger.ts'
import { listMembers } from '../../../src/delivery/sending/members.ts'
import { markPaused, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { claimOne, planOne, publicIdOf } from '../../support/batches.ts'
import { keepRound } from '../../support/kept-round.ts'
import { endWaits, readAccounts, readBatch, readDeliveries, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

describe('leaving before the mark', () => {
  it('is told by reason: left, address changed, suppressed, paused', async () => {
    const { edition, id } = await planOne(round, ['ada', 'bob', 'cleo', 'dan', 'eve', 'fay'])
    const { bob, dan, fay } = await readDeliveries(round.db, edition.id)
    await markUnsubscribed(round.db, await publicIdOf(round, 'ada'))
    await sql`update subscribers set address = 'bobby@example.org' where id = ${bob?.subscriber_id}`.execute(round.db)
    await sql`insert into suppressions (address_hash, reason)
      select address_hash, 'bounce' from subscribers where address = 'cleo@example.org'`.execute(round.db)
    const today = new Date().toISOString().slice(0, 10)
    await markPaused(round.db, dan?.subscriber_id ?? 0, today)
    await markPaused(round.db, fay?.subscriber_id ?? 0, '2020-01-01')
    const members = await listMembers(round.db, id)
    expect(members.map(({ address, leaving }) => [address, leaving])).toEqual([
      ['ada@example.org', 'left'],
      ['bob@example.org', 'left'],
      ['cleo@example.org', 'suppressed'],
      ['dan@example.org', 'paused'],
      ['eve@example.org', null],
      ['fay@example.org', null],
    ])
  })

  it('judges a pause by the reader’s own date', async () => {
    const { edition, id } = await planOne(round, ['kiri', 'pago'])
    const { kiri, pago } = await readDeliveries(round.db, edition.id)
    // Twenty-five hours lie between the two zones: the same date is over for one and to come or
    // present for the other.
    await sql`update subscribers set zone = case when id = ${kiri?.subscriber_id} then 'Pacific/Kiritimati' else 'Pacific/Pago_Pago' end`.execute(
      round.db,
    )
    const { rows } = await sql<{
      day: string
    }>`select (now() at time zone 'Pacific/Pago_Pago')::date as day`.execute(round.db)
    for (const delivery of [kiri, pago]) {
      await markPaused(round.db, delivery?.subscriber_id ?? 0, rows[0]?.day ?? '')
    }
    const members = await listMembers(round.db, id)
    expect(members.map((member) => member.leaving)).toEqual([null, 'paused'])
  })

  it('keeps the order of the others and gives the local date back', async () => {
    const { edition, id } = await planOne(round, ['ada', 'bob', 'cleo'])
    const [ada, bob, cleo] = (await listMembers(round.db, id)).map((member) => member.subscriberId)
    const batch = await claimOne(round, id)
    expect(await dropMembers(round.db, batch, [{ subscriberId: bob ?? 0, reason: 'paused' }])).toBe(true)
    expect(await readBatch(round.db, id)).toMatchObject({ state: 'planned', members: [ada, cleo] })
    const deliveries = await readDeliveries(round.db, edition.id)
    expect(deliveries.bob).toMatchObject({ state: 'withheld', reason: 'paused', local_date: null, address: null })
    expect(deliveries.ada).toMatchObject({ state: 'planned', address: 'ada@example.org' })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, withheld: { paused: 1 }, waiting: 2 })
  })

  it('settles a batch that nobody is left in', async () => {
    const { edition, id } = await planOne(round, ['ada', 'bob'])
    const batch = await claimOne(round, id)
    const leavers = (await listMembers(round.db, id)).map(({ subscriberId }) => ({
      subscriberId,
      reason: 'left' as const,
    }))
    expect(await dropMembers(round.db, batch, leavers)).toBe(true)
    expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', members: [] })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, withheld: { left: 2 }, waiting: 0 })
  })

  it('changes nothing without the lease', async () => {
    const { edition, id } = await planOne(round, ['ada'])
    const stale = await claimOne(round, id)
    await endWaits(round.db)
    await claimOne(round, id)
    const [ada] = await listMembers(round.db, id)
    expect(await dropMembers(round.db, stale, [{ subscriberId: ada?.subscriberId ?? 0, reason: 'left' }])).toBe(false)
    expect(await readBatch(round.db, id)).toMatchObject({ members: [ada?.subscriberId], state: 'planned' })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, waiting: 1, withheld: {} })
  })
})
