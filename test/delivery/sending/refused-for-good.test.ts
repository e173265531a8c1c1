// A provider that refuses an address for good, since nobody is there or for a list of its own: the
// reader is suppressed with that reason, and no later edition tries again.
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { insertNotice } from '../../../src/delivery/notice/asking.ts'
import type { BatchOutcome, BatchRequest } from '../../../src/delivery/provider/provider.ts'
import { listSentDays } from '../../../src/delivery/sending/good-name.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { notify } from '../../../src/jobs/notify.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { keepRound } from '../../support/kept-round.ts'
import { freezeEdition, planFor, readDeliveries, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const suppressed = () => round.db.selectFrom('suppressions').select('reason').execute()

/** Refuses the mails to one reader for this reason, and takes the others. */
const refusing =
  (name: string, reason: string, given: { isGone?: true } = {}) =>
  ({ mails }: BatchRequest): BatchOutcome => ({
    kind: 'answered',
    outcomes: mails.map(({ to }) =>
      to.startsWith(name) ? { state: 'rejected', reason, ...given } : { state: 'submitted', providerId: null },
    ),
  })

describe('a refusal', () => {
  it.each([
    'The recipient [address] is on the suppression list',
    '550 5.7.1 recipient address suppressed due to customer policy',
    '550 5.7.1 Not delivering to previously bounced address',
    '406 You tried to send to a recipient that has been marked as inactive',
  ])('that names a list of the provider’s own suppresses the reader: %s', async (reason) => {
    const { batchIds } = await planFor(round, ['ada', 'bob'])
    round.provider.script.push(refusing('ada', reason))
    for (const id of batchIds) await dispatch(round, id)
    expect(await suppressed()).toEqual([{ reason: 'provider' }])
    await sql`update deliveries set local_date = local_date - 1`.execute(round.db)
    const next = await freezeEdition(round, '2026-03-06')
    await planAll(round, next, null)
    expect(Object.keys(await readDeliveries(round.db, next.id))).toEqual(['bob'])
  })

  it('of a mailbox that is gone suppresses the reader, and counts as one hard bounce', async () => {
    const { batchIds } = await planFor(round, ['ada', 'bob'])
    round.provider.script.push(refusing('ada', '550 5.1.1 User unknown', { isGone: true }))
    for (const id of batchIds) await dispatch(round, id)
    expect(await suppressed()).toEqual([{ reason: 'bounce' }])
    expect((await listSentDays(round.db)).at(-1)).toMatchObject({ sent: 2, bounces: 1 })
  })

  it('of a batch as a whole does so for the one mail that is left, any other reason for nobody', async () => {
    const { batchIds } = await planFor(round, ['ada'])
    round.provider.script.push({ kind: 'refused', reason: '422 the address is suppressed' })
    for (const id of batchIds) await dispatch(round, id)
    expect(await suppressed()).toEqual([{ reason: 'provider' }])
    const other = await planFor(round, ['bob'], '2026-03-06')
    round.provider.script.push(refusing('bob', '550 5.1.1 no such user'))
    for (const id of other.batchIds) await dispatch(round, id)
    expect(await suppressed()).toHaveLength(1)
  })

  it.each<[string, BatchOutcome]>([
    ['provider', { kind: 'refused', reason: '422 the address is suppressed' }],
    ['bounce', { kind: 'answered', outcomes: [{ state: 'rejected', reason: '550 5.1.1 unknown', isGone: true }] }],
  ])('of a notice does so too, for %s', async (reason, outcome) => {
    const content = { kind: 'alarm' as const, subject: 'x', title: 'x', paragraphs: ['x'] }
    const id = await insertNotice(round.db, round.linkKeys, {
      ...content,
      subscriberId: null,
      address: 'host@example.org',
    })
    round.provider.script.push(outcome)
    await notify(round, id)
    expect(await suppressed()).toEqual([{ reason }])
  })
})
