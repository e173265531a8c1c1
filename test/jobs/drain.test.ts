// What a command that sends waits for: it must end when nothing can move any more, and say why when
// something is left.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NO_QUOTA } from '../../src/delivery/provider/provider.ts'
import { markStopped } from '../../src/edition/store.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { drainEdition, handOn } from '../../src/jobs/drain.ts'
import type { Job } from '../../src/jobs/queue/job.ts'
import { dispatchJob } from '../../src/jobs/routes.ts'
import { keepRound } from '../support/kept-round.ts'
import { planFor, readDeliveries, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeEach(async () => {
  round.provider.requests.length = 0
  round.provider.script.length = 0
  round.provider.batchSize = 1
  round.provider.quota = NO_QUOTA
  round.provider.replayMs = Number.POSITIVE_INFINITY
})
afterEach(() => {
  vi.useRealTimers()
})

/** A queue with a worker behind it. */
const working = {
  async put(jobs: readonly Job[]): Promise<void> {
    for (const job of jobs) {
      if (job.name !== 'dispatch') continue
      const next = await dispatch(round, job.batchId).catch(() => [])
      await working.put(next.map((id) => dispatchJob(id)))
    }
  },
}

async function drain(editionId: number, only: number | null = null) {
  const seen: number[] = []
  const stores = { ...round, queue: working }
  const drained = await drainEdition(stores, editionId, only, (waiting) => seen.push(waiting))
  return { ...drained, seen }
}

describe('drainEdition', () => {
  it('ends once this process has done what waited, without another look in between', async () => {
    const { edition } = await planFor(round, ['ada', 'bob', 'cleo'])
    const waits: number[] = []
    const queue = {
      ...working,
      put: async () => {},
      countEnded: () => 7,
      async untilEnded(count: number, atMostMs: number) {
        expect(atMostMs).toBeGreaterThanOrEqual(250)
        waits.push(count)
        const { rows } = await sql<{ id: number }>`select id from batches where state = 'planned'`.execute(round.db)
        await working.put(rows.map(({ id }) => dispatchJob(id)))
      },
    }
    const drained = await drainEdition({ ...round, queue }, edition.id, null, () => {})
    expect(drained).toMatchObject({ standstill: undefined, accounts: { submitted: 3 } })
    expect(waits).toEqual([10])
  })

  it('hands on what a slice has added, each batch once', async () => {
    const { edition } = await planFor(round, ['ada', 'bob'])
    const put: Job[] = []
    const queue = { put: async (jobs: readonly Job[]) => void put.push(...jobs) }
    const last = await handOn({ ...round, queue }, edition.id, null, 0)
    expect(put).toHaveLength(2)
    expect(await handOn({ ...round, queue }, edition.id, null, last)).toBe(last)
    expect(put).toHaveLength(2)
  })

  it('ends when it is told to, once what is under way has come to its end: the rest goes on waiting', async () => {
    const { edition } = await planFor(round, ['ada', 'bob', 'cleo'])
    const put: Job[] = []
    const queue = { put: async (jobs: readonly Job[]) => void put.push(...jobs) }
    const work = { close: () => working.put(put.slice(0, 1)) }
    const ending = { signal: AbortSignal.abort(), work }
    const drained = await drainEdition({ ...round, queue }, edition.id, null, () => {}, ending)
    expect(drained).toMatchObject({ standstill: undefined, isCut: true, accounts: { submitted: 1, waiting: 2 } })
  })

  it('is cut where answers never came, too: their requests are to be repeated', async () => {
    const { edition } = await planFor(round, ['ada'])
    round.provider.script.push({ kind: 'unknown', reason: 'no answer' })
    const put: Job[] = []
    const queue = { put: async (jobs: readonly Job[]) => void put.push(...jobs) }
    const ending = { signal: AbortSignal.abort(), work: { close: () => working.put(put.slice(0, 1)) } }
    const drained = await drainEdition({ ...round, queue }, edition.id, null, () => {}, ending)
    expect(drained).toMatchObject({ isCut: true, accounts: { waiting: 0, unknown: 1 } })
  })

  it('ends when everything is settled', async () => {
    const { edition } = await planFor(round, ['ada', 'bob', 'cleo'])
    const { accounts, standstill, seen } = await drain(edition.id)
    expect(accounts).toMatchObject({ due: 3, submitted: 3, waiting: 0 })
    expect(standstill).toBeUndefined()
    expect(seen.at(-1)).toBe(0)
  })

  it('looks at batches while mails leave, and counts deliveries once, at the end', async () => {
    const { edition } = await planFor(round, ['ada', 'bob', 'cleo'])
    const texts: string[] = []
    const db = round.db.withPlugin({
      transformQuery: ({ node }) => {
        texts.push(JSON.stringify(node))
        return node
      },
      transformResult: async ({ result }) => result,
    })
    // Once before the last batch is settled, so that there is more than one look.
    const slow = { put: async (jobs: readonly Job[]) => void setTimeout(() => void working.put(jobs), 20) }
    const seen: number[] = []
    await drainEdition({ ...round, db, queue: slow }, edition.id, null, (waiting) => seen.push(waiting))
    expect([seen[0], seen.at(-1)]).toEqual([3, 0])
    const counting = texts.filter((text) => text.includes('count(d.*)'))
    expect(counting).toHaveLength(1)
  })

  it('ends at once when there is nothing to do', async () => {
    const { edition } = await planFor(round, [])
    expect(await drain(edition.id)).toMatchObject({ accounts: { due: 0 }, standstill: undefined })
  })

  it('ends with the reason when the edition stops', async () => {
    const { edition } = await planFor(round, ['ada', 'bob'])
    round.provider.script.push({ kind: 'stopped', reason: 'the key was refused' })
    const { accounts, standstill } = await drain(edition.id)
    expect(standstill).toBe('the key was refused')
    expect(accounts).toMatchObject({ due: 2, submitted: 0, waiting: 2 })
    expect(round.provider.requests).toHaveLength(1)
  })

  it('takes no notice of a stop that is over', async () => {
    const { edition } = await planFor(round, ['ada'])
    await markStopped(round.db, edition.id, 'the quota is used up', 60_000)
    expect(await drain(edition.id)).toMatchObject({ standstill: 'the quota is used up', accounts: { waiting: 1 } })
    await sql`update editions set stopped_until = now() - interval '1 second'`.execute(round.db)
    expect(await drain(edition.id)).toMatchObject({ standstill: undefined, accounts: { submitted: 1 } })
  })

  it('says what stays unknown, for which nothing waits', async () => {
    round.provider.replayMs = 0
    const { edition } = await planFor(round, ['ada', 'bob'])
    round.provider.script.push({ kind: 'unknown', reason: 'the connection was cut' })
    expect(await drain(edition.id)).toMatchObject({
      standstill: '1 email may or may not have been accepted: decide with "resolve"',
      accounts: { submitted: 1, unknown: 1 },
    })
  })

  it('says why it has to wait', async () => {
    const { edition } = await planFor(round, ['ada'])
    round.provider.quota = { day: 0, month: null }
    const standstill = 'what is left has to wait because of: quota: tomorrow'
    expect(await drain(edition.id)).toMatchObject({ standstill, accounts: { waiting: 1 } })
  })

  it('keeps to the batches of one subscriber, whatever the others wait for', async () => {
    const { edition } = await planFor(round, ['ada', 'bob'])
    const { ada, bob } = await readDeliveries(round.db, edition.id)
    const { accounts, standstill } = await drain(edition.id, bob?.subscriber_id ?? 0)
    expect(standstill).toBeUndefined()
    expect(accounts).toMatchObject({ due: 2, submitted: 1, waiting: 1 })
    expect(round.provider.accepted.at(-1)?.to).toBe('bob@example.org')
    expect(await drain(edition.id, ada?.subscriber_id ?? 0)).toMatchObject({ accounts: { submitted: 2 } })
  })

  it('queues again what the queue lost', { tags: 'long' }, async () => {
    const { edition } = await planFor(round, ['ada'])
    vi.useFakeTimers({ toFake: ['Date'] })
    let puts = 0
    const queue = {
      async put(jobs: readonly Job[]): Promise<void> {
        if (puts++ > 0) await working.put(jobs)
      },
    }
    // A minute passes between two looks.
    const drained = await drainEdition({ ...round, queue }, edition.id, null, () =>
      vi.setSystemTime(Date.now() + 60_000),
    )
    expect(drained).toMatchObject({ standstill: undefined, accounts: { submitted: 1 } })
    expect(puts).toBeGreaterThan(1)
  })
})
