// Several requests in a job, where the pace is fast: the same batches as one by one, for fewer
// claims, and nothing by what the claim has read once that may have changed.
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BatchOutcome, Provider } from '../../src/delivery/provider/provider.ts'
import { LaterError } from '../../src/errors.ts'
import { dispatchStretch } from '../../src/jobs/dispatch.ts'
import { dispatchJobs, jobsBehind } from '../../src/jobs/routes.ts'
import { only, openScriptedProvider, openTestRound, planFor, readAccounts, type TestRound } from '../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

let database: TestDatabase
let round: TestRound

beforeEach(async () => {
  database = await openTestDatabase('either')
  round = await openTestRound(database.url)
})
afterEach(async () => {
  await round.close()
  await database.close()
})

const names = (count: number) => Array.from({ length: count }, (_, at) => `reader${at}`)
const stopped: BatchOutcome = { kind: 'stopped', reason: '401 unauthorized' }

/** Plans an edition of batches of one, through one provider. */
async function plan(readers: number, given: Partial<Provider> = {}) {
  round = { ...round, ...only(openScriptedProvider({ batchSize: 1, ...given })) }
  const { edition, batchIds } = await planFor(round, names(readers))
  return { edition, batchIds, stretch: { from: batchIds[0] as number, count: batchIds.length } }
}

/** Dispatches the stretch, and again as often as it asks for that. */
async function dispatchAll(stretch: { from: number; count: number }): Promise<{ again: number; next: number[] }> {
  const next: number[] = []
  for (let again = 0; ; again++) {
    try {
      await dispatchStretch(round, stretch, undefined, async (ids) => void next.push(...ids))
      return { again, next }
    } catch (error) {
      if (!(error instanceof LaterError)) throw error
    }
  }
}

describe('a stretch of requests', () => {
  it('is claimed at once, and marks and settles each batch by itself', async () => {
    const { edition, stretch } = await plan(5)
    // The first of an edition read its pieces and selections.
    await dispatchAll({ ...stretch, count: 1 })
    const spy = vi.spyOn(pg.Client.prototype, 'query')
    const { again, next } = await dispatchAll({ from: stretch.from + 1, count: 4 })
    const texts = spy.mock.calls.map(([query]) => (query as unknown as { text?: string }).text ?? String(query))
    spy.mockRestore()
    expect({ again, next }).toEqual({ again: 0, next: [] })
    expect(round.provider.requests).toHaveLength(5)
    expect(new Set(round.provider.requests.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(5)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 5, submitted: 5, waiting: 0 })
    const count = (word: string) => texts.filter((text) => text.includes(word)).length
    expect([count('lease_epoch = u.lease_epoch + 1'), count('next_mark('), count('said as')]).toEqual([1, 4, 4])
  })

  it('sends nothing more by what its claim has read once a request was not answered', async () => {
    const { edition, stretch } = await plan(4)
    round.provider.script.push(stopped)
    const { next } = await dispatchAll(stretch)
    expect(round.provider.requests).toHaveLength(1)
    expect(next).toEqual([])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 4, submitted: 0, waiting: 4 })
  })

  it('gives back what it has not begun where it fails', async () => {
    const { edition, stretch } = await plan(4)
    round.provider.script.push(() => Promise.reject(new Error('a fault')))
    await expect(dispatchAll(stretch)).rejects.toThrow('a fault')
    await dispatchAll({ from: stretch.from + 1, count: 3 })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 4, submitted: 3, waiting: 1 })
  })
})

describe('jobs', () => {
  it('take as many requests as the pace lets through in an eighth of a second, four at most', async () => {
    const jobsAt = async (requestsPerSecond: number | null) => {
      const providers = [openScriptedProvider({ requestsPerSecond })] as const
      return dispatchJobs({ ...round, providers }, [7, 8, 9, 13])
    }
    const one = (batchId: number) => ({ name: 'dispatch', batchId, provider: 'outbox' })
    const several = (batchId: number, stretch: number) => ({ name: 'dispatch', batchId, stretch, provider: 'outbox' })
    const single = [7, 8, 9, 13].map(one)
    expect(await jobsAt(null)).toEqual(single)
    expect(await jobsAt(5)).toEqual(single)
    expect(await jobsAt(16)).toEqual([several(6, 2), several(8, 2), several(12, 2)])
    expect(await jobsAt(10_000)).toEqual([several(4, 4), several(8, 4), several(12, 4)])
  })

  it('take what another left behind one by one: its own stretch is still at work', async () => {
    const providers = [openScriptedProvider({ requestsPerSecond: 10_000 })] as const
    expect(await jobsBehind({ ...round, providers }, [7, 8])).toEqual([
      { name: 'dispatch', batchId: 7, provider: 'outbox' },
      { name: 'dispatch', batchId: 8, provider: 'outbox' },
    ])
  })
})
