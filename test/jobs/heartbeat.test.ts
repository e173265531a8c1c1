// The heart of a process on real stores, beating fast on a clock that is moved: what a silent
// process held is sent by another one, though the queue believes it in the hands of the dead.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { listAlive } from '../../src/delivery/sending/heartbeats.ts'
import { type Heartbeat, openHeartbeat, overdueJobs } from '../../src/jobs/heartbeat.ts'
import { openPipeline } from '../../src/jobs/pipeline.ts'
import type { Job } from '../../src/jobs/queue/job.ts'
import { openQueue, type Queue } from '../../src/jobs/queue/queue.ts'
import { openLogger } from '../../src/logger.ts'
import { moveClock } from '../support/clock.ts'
import {
  acceptAll,
  only,
  openScriptedProvider,
  openTestRound,
  planFor,
  readBatch,
  type TestRound,
} from '../support/round.ts'
import { describeStores } from '../support/stores.ts'

const BEAT_MS = 20
/** As much as a busy machine may need. */
const PATIENCE_MS = 60_000
const timing = { lockMs: 60_000, stalledMs: 30_000, retryMs: 50, drainMs: 50, cancelMs: 2_000 }
const roles = ['worker']

describeStores('the heartbeat of a process', (stores) => {
  let round: TestRound
  let passed: number
  const queues: Queue[] = []
  // What asks no queue is the same on all stores.
  const onOne = it.skipIf(stores.redisUrl !== undefined)
  const hearts: Heartbeat[] = []

  beforeEach(async () => {
    round = await openTestRound(stores.databaseUrl)
    passed = 0
  })
  afterEach(async () => {
    await Promise.all(hearts.splice(0).map((heart) => heart.close()))
    await Promise.all(queues.splice(0).map((queue) => queue.close()))
    await round.close()
  })

  async function open(): Promise<Queue> {
    const { databaseUrl, redisUrl, prefix } = stores
    const providers = [{ name: 'outbox', requestsPerSecond: null }]
    const queue = await openQueue({ databaseUrl, redisUrl, prefix, providers, timing, logger: openLogger('silent') })
    queues.push(queue)
    return queue
  }

  async function start(parts: TestRound, queue: Pick<Queue, 'put'>): Promise<Heartbeat> {
    const heart = await openHeartbeat(parts, queue, roles, BEAT_MS)
    hearts.push(heart)
    return heart
  }

  /** Lets five seconds pass so often; each time the living beat before it goes on. */
  async function pass(beats: number, ...living: TestRound[]): Promise<void> {
    const beatsOf = async () => {
      const rows = await round.db.selectFrom('heartbeats').select(['id', 'beat_at']).execute()
      return living.map(({ holder }) => rows.find(({ id }) => id === holder)?.beat_at.getTime() ?? 0)
    }
    for (let beat = 0; beat < beats; beat++) {
      const before = await beatsOf()
      passed += 5
      await moveClock(stores.databaseUrl, `${passed} seconds`)
      await vi.waitFor(async () => {
        const now = await beatsOf()
        expect(now.every((at, index) => at >= (before[index] ?? 0) + 4_900)).toBe(true)
      }, PATIENCE_MS)
    }
  }

  it('has what a dead worker held sent by another one, and the late answer of the dead still counts', {
    tags: 'long',
  }, async () => {
    const { edition, batchIds } = await planFor(round, ['ada', 'bob'])
    const id = batchIds[0] as number
    let answer = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const slow = openScriptedProvider({
      send: async (request) => {
        await answered
        return acceptAll(request)
      },
    })
    const dead = { ...round, ...only(slow), holder: randomUUID() }
    const living = { ...round, holder: randomUUID() }
    const [first, second] = [await open(), await open()]
    // One at a time, so that it cannot take what was taken from it.
    await first.work(openPipeline(dead, first), { dispatches: 1 })
    await first.put([{ name: 'dispatch', batchId: id, provider: 'outbox' }])
    await vi.waitFor(
      async () => expect(await readBatch(round.db, id)).toMatchObject({ state: 'attempting' }),
      PATIENCE_MS,
    )
    expect(await readBatch(round.db, id)).toMatchObject({ holder: dead.holder, lease_epoch: 1 })
    await round.db.insertInto('heartbeats').values({ id: dead.holder, roles, host: 'gone' }).execute()

    await start(living, second)
    await second.work(openPipeline(living, second))
    await pass(2, living)
    expect(await readBatch(round.db, id)).toMatchObject({ holder: dead.holder, lease_epoch: 1 })
    await pass(2, living)
    await vi.waitFor(async () => expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled' }), PATIENCE_MS)
    expect(round.provider.accepted.map(({ to }) => to)).toEqual(['ada@example.org', 'bob@example.org'])
    expect(await listAlive(round.db)).toMatchObject([{ host: hostname(), roles }])

    // The same key as the first request: what was accepted twice was accepted once.
    answer()
    await vi.waitFor(async () => expect((await first.counts()).dispatch.active).toBe(0), PATIENCE_MS)
    const rows = await round.db.selectFrom('deliveries').select('state').where('edition_id', '=', edition.id).execute()
    expect(rows.map(({ state }) => state)).toEqual(['submitted', 'submitted'])
  })

  onOne('is gone after a clean end, and what was still held has a job of its own', async () => {
    const { batchIds } = await planFor(round, ['ada'])
    const id = batchIds[0] as number
    const put: Job[] = []
    const ending = { ...round, holder: randomUUID() }
    const heart = await openHeartbeat(ending, { put: async (jobs) => void put.push(...jobs) }, roles, BEAT_MS)
    expect(await listAlive(round.db)).toHaveLength(1)
    await round.db.updateTable('batches').set({ holder: ending.holder, lease_epoch: 1 }).execute()
    await moveClock(stores.databaseUrl, '-30 seconds')
    await heart.close()
    expect(put).toEqual([{ name: 'dispatch', batchId: id, provider: 'outbox', epoch: 2 }])
    expect(await listAlive(round.db)).toEqual([])
    expect(await readBatch(round.db, id)).toMatchObject({ holder: null, lease_epoch: 2 })
  })

  onOne('leaves what hangs to the sweep, which makes a job of its own of it', async () => {
    const { batchIds } = await planFor(round, ['ada'])
    await round.db.updateTable('batches').set({ holder: randomUUID(), lease_epoch: 1 }).execute()
    const job = { name: 'dispatch', batchId: batchIds[0], provider: 'outbox', epoch: 2 }
    expect(await overdueJobs({ ...round })).toEqual([job])
    expect(await overdueJobs({ ...round })).toEqual([])
  })

  onOne('misses beats while the database is away, says so once, and goes on', async () => {
    const lines: string[] = []
    const logger = openLogger('warn', { write: (line) => void lines.push(JSON.parse(line).event) })
    let isAway = false
    const db = new Proxy(round.db, {
      get(target, name) {
        if (isAway) throw new Error('connect ECONNREFUSED')
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const self = { ...round, db, logger, holder: randomUUID() }
    await start(self, { put: async () => {} })
    isAway = true
    await vi.waitFor(() => expect(lines).toEqual(['heartbeat.missed']), PATIENCE_MS)
    isAway = false
    await pass(1, self)
    isAway = true
    await vi.waitFor(() => expect(lines).toEqual(['heartbeat.missed', 'heartbeat.missed']), PATIENCE_MS)
    isAway = false
  })
})
