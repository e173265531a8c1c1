import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { findEdition } from '../../src/edition/store.ts'
import { LaterError } from '../../src/errors.ts'
import { openPipeline } from '../../src/jobs/pipeline.ts'
import type { Handlers } from '../../src/jobs/queue/job.ts'
import { openQueue, type Queue } from '../../src/jobs/queue/queue.ts'
import { getTickAgeMs } from '../../src/jobs/tick.ts'
import { openLogger } from '../../src/logger.ts'
import type { Listing } from '../../src/source/paper.ts'
import { makePaper } from '../support/places.ts'
import {
  addReader,
  freezeEdition,
  openListedSource,
  openScriptedProvider,
  openTestRound,
  readAccounts,
  type TestRound,
} from '../support/round.ts'
import { describeStores } from '../support/stores.ts'

const WORKING_DAY = '2026-03-05'
const listings = (count: number): Listing[] =>
  Array.from({ length: count }, (_, index) => ({
    paper: makePaper({ id: `2603.${String(index).padStart(5, '0')}` }),
    upvotes: 50 - index,
    comments: 1,
    submittedAt: `${WORKING_DAY}T0${index % 10}:00:00.000Z`,
  }))

describeStores('the pipeline', (stores) => {
  let round: TestRound
  let queue: Queue
  let pipeline: Handlers
  beforeEach(async () => {
    const provider = openScriptedProvider({ batchSize: 3 })
    round = await openTestRound(stores.databaseUrl, {
      provider,
      source: openListedSource({ [WORKING_DAY]: listings(5) }),
    })
    queue = await openQueue({
      databaseUrl: stores.databaseUrl,
      redisUrl: stores.redisUrl,
      prefix: stores.prefix,
      providers: [{ name: 'outbox' }],
      timing: { retryMs: 50 },
      logger: openLogger('silent'),
    })
    pipeline = openPipeline(round, queue)
  })
  afterEach(async () => {
    await queue.close()
    await round.close()
  })

  const settled = (editionId: number) =>
    vi.waitFor(
      async () => {
        const accounts = await readAccounts(round.db, editionId)
        expect(accounts.due).toBeGreaterThan(0)
        expect(accounts.waiting + accounts.unknown).toBe(0)
      },
      {
        timeout: 90_000,
        interval: 50,
      },
    )

  /** Makes everybody's hour a few minutes ago, and the freeze earlier still. */
  const makeDue = async () => {
    await sql`update editions set frozen_at = now() - interval '3 hours' where state = 'frozen'`.execute(round.db)
    await sql`update subscribers set hour = extract(hour from now() at time zone 'UTC'); update reader_clocks set next_due_at = now()`.execute(
      round.db,
    )
  }

  it('carries a date from the source to every reader by jobs alone', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await addReader(round.db, name)
    await queue.work(pipeline)
    await queue.put([{ name: 'collect', date: WORKING_DAY }])
    const edition = await vi.waitFor(
      async () => {
        const found = await findEdition(round.db, WORKING_DAY, 'daily')
        expect(found?.state).toBe('frozen')
        return found as NonNullable<typeof found>
      },
      { timeout: 90_000, interval: 50 },
    )
    await makeDue()
    await vi.waitFor(
      async () => {
        // Put again and again, as the ticks do: while the plan of the freeze still runs, another is
        // left out.
        await queue.put([{ name: 'plan' }])
        expect(round.provider.accepted).toHaveLength(7)
      },
      { timeout: 90_000, interval: 100 },
    )
    await settled(edition.id)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 7, submitted: 7 })
    expect(new Set(round.provider.accepted.map((mail) => mail.to)).size).toBe(7)
    expect(round.provider.requests.map((request) => request.mails.length).sort()).toEqual([1, 3, 3])
    expect(round.provider.accepted[0]?.subject).toBe('Paper 2603.00000 · and 4 more · Thu 5 Mar')
  })

  it('sends nothing twice when every job is put many times and many workers take them', { tags: 'long' }, async () => {
    const edition = await freezeEdition(round, WORKING_DAY)
    for (let reader = 0; reader < 20; reader++) await addReader(round.db, `r${reader}`)
    await makeDue()
    await Promise.all([queue.work(pipeline), queue.work(pipeline)])
    for (let repeat = 0; repeat < 5; repeat++) {
      await queue.put([{ name: 'plan' }, { name: 'sweep' }])
      await Promise.all([pipeline.plan({ name: 'plan' }), pipeline.sweep({ name: 'sweep' })])
    }
    await vi.waitFor(async () => expect(round.provider.accepted).toHaveLength(20), { timeout: 90_000, interval: 50 })
    await settled(edition.id)
    await Promise.all([pipeline.plan({ name: 'plan' }), pipeline.sweep({ name: 'sweep' })])
    expect(new Set(round.provider.accepted.map((mail) => mail.to)).size).toBe(20)
    expect(round.provider.requests).toHaveLength(7)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 20, submitted: 20 })
  })

  it('finds by the sweep what the queue has lost', async () => {
    const edition = await freezeEdition(round, WORKING_DAY)
    await addReader(round.db, 'a')
    await makeDue()
    // Planned, but the jobs go nowhere: as if the queue had been emptied right after.
    await openPipeline(round, { put: async () => {} }).plan({ name: 'plan' })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, waiting: 1 })
    await queue.work(pipeline)
    await queue.put([{ name: 'sweep' }])
    await settled(edition.id)
    expect(round.provider.accepted).toHaveLength(1)
  })

  it('waits as long as the provider asks, then sends the same', { tags: 'long' }, async () => {
    const edition = await freezeEdition(round, WORKING_DAY)
    await addReader(round.db, 'a')
    await makeDue()
    round.provider.script.push({ kind: 'throttled', retryAfterMs: 300 }, { kind: 'concurrent', retryAfterMs: 100 })
    await queue.work(pipeline)
    await queue.put([{ name: 'plan' }])
    await settled(edition.id)
    expect(round.provider.requests).toHaveLength(3)
    expect(round.provider.accepted).toHaveLength(1)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, submitted: 1 })
  })

  it('ticks: notes the time, makes the dates and asks for what they need', { tags: 'long' }, async () => {
    expect(await getTickAgeMs(round)).toBe(Number.POSITIVE_INFINITY)
    await queue.work(pipeline)
    await queue.put([{ name: 'tick' }])
    await vi.waitFor(
      async () => {
        const { rows } = await sql<{ count: number }>`select count(*)::int as count from collections`.execute(round.db)
        expect(rows[0]?.count).toBe(31)
      },
      { timeout: 90_000, interval: 100 },
    )
    expect(await getTickAgeMs(round)).toBeLessThan(60_000)
  })

  it('keeps a job that has to come later instead of failing it', async () => {
    let runs = 0
    await queue.work({
      ...pipeline,
      dispatch: async () => {
        runs++
        if (runs < 3) throw new LaterError('not yet', 50)
      },
    })
    await queue.put([{ name: 'dispatch', batchId: 1 }])
    await vi.waitFor(() => expect(runs).toBe(3), { timeout: 90_000, interval: 20 })
  })
})
