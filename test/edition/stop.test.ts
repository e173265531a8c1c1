// The operator's stop on real rows: what it holds back, and what it lets finish.
import { beforeEach, describe, expect, it } from 'vitest'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { ensureStop, findStopReason, listStops, pruneStops } from '../../src/edition/stop.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { keepRound } from '../support/kept-round.ts'
import { endWaits, openScriptedProvider, planFor, readAccounts, readBatch, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  round.provider.requests.length = 0
  round.provider.script.length = 0
  round.provider.batchSize = 1
})

const lift = (edition: { date: string; kind: 'daily' | 'weekly' } | null) =>
  round.db.transaction().execute((trx) => pruneStops(trx, edition))

describe('a stop', () => {
  it('of all digests holds every edition back, planned before or after it', { tags: 'long' }, async () => {
    const before = await planFor(round, ['ada'], '2026-03-05')
    await ensureStop(round.db, null, 'a wrong link')
    const after = await planFor(round, ['bob'], '2026-03-06')
    for (const id of [...before.batchIds, ...after.batchIds]) expect(await dispatch(round, id)).toEqual([])
    expect(await listWaiting(round.db, BATCH, 10)).toEqual([])
    expect(round.provider.requests).toEqual([])
    expect(await findStopReason(round.db, after.edition)).toBe('all digests are stopped by the operator: a wrong link')

    expect(await lift(null)).toMatchObject([{ edition: null, reason: 'a wrong link' }])
    for (const id of await listWaiting(round.db, BATCH, 10)) await dispatch(round, id)
    expect(await readAccounts(round.db, after.edition.id)).toMatchObject({ submitted: 2, waiting: 0 })
    expect(await findStopReason(round.db, after.edition)).toBeNull()
  })

  it('of one edition holds that one back, even if it is made only later', async () => {
    await ensureStop(round.db, { date: '2026-03-06', kind: 'daily' }, null)
    const other = await planFor(round, ['ada'], '2026-03-05')
    const stopped = await planFor(round, ['bob'], '2026-03-06')
    for (const id of [...other.batchIds, ...stopped.batchIds]) await dispatch(round, id)
    expect(await readAccounts(round.db, other.edition.id)).toMatchObject({ submitted: 1 })
    expect(await readAccounts(round.db, stopped.edition.id)).toMatchObject({ submitted: 0, waiting: 2 })
    expect(await findStopReason(round.db, stopped.edition)).toBe('it is stopped by the operator')
    expect(await findStopReason(round.db, other.edition)).toBeNull()
  })

  it('stays one row, with the last reason that was given', async () => {
    await ensureStop(round.db, null, 'one')
    await ensureStop(round.db, { date: '2026-03-06', kind: 'weekly' }, null)
    await ensureStop(round.db, null, 'two')
    expect(await ensureStop(round.db, null, null)).toMatchObject({ edition: null, reason: 'two' })
    expect(await listStops(round.db)).toMatchObject([
      { edition: null, reason: 'two' },
      { edition: { date: '2026-03-06', kind: 'weekly' }, reason: null },
    ])
    expect(await lift({ date: '2026-03-06', kind: 'daily' })).toEqual([])
    expect(await lift({ date: '2026-03-06', kind: 'weekly' })).toHaveLength(1)
    expect(await listStops(round.db)).toHaveLength(1)
  })

  it('lets what was marked be repeated until it is settled', async () => {
    const { batchIds, edition } = await planFor(round, ['ada', 'bob'])
    round.provider.script.push({ kind: 'unknown', reason: 'the connection was cut' })
    await dispatch(round, batchIds[0] as number).catch(() => {})
    await ensureStop(round.db, null, null)
    await endWaits(round.db)
    expect(await listWaiting(round.db, BATCH, 10)).toEqual([batchIds[0]])
    for (const id of batchIds) await dispatch(round, id)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, waiting: 1 })
    const [first, second] = round.provider.requests
    expect(second?.idempotencyKey).toBe(first?.idempotencyKey)
  })

  it('reaches a batch that is claimed and being built: it is given back as it was', async () => {
    const { batchIds, edition } = await planFor(round, ['ada'])
    const [id = 0] = batchIds
    const own = openScriptedProvider()
    // The size is asked for between the claim and the mark.
    const stopping = Object.defineProperty(own, 'batchSize', { get: () => 1 })
    const dispatching = dispatch({ ...round, providers: [stopping] }, id)
    await ensureStop(round.db, null, null)
    await dispatching
    const marked = own.requests.length
    expect((await readBatch(round.db, id)).state).toBe(marked === 1 ? 'settled' : 'planned')
    await lift(null)
    await dispatch(round, id)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, waiting: 0 })
    expect(own.requests.length + round.provider.requests.length).toBe(1)
  })
})
