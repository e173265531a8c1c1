import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { HoldError, LaterError, PermanentError } from '../../../src/errors.ts'
import { inspectRedis } from '../../../src/jobs/queue/inspecting.ts'
import type { Handlers, Job } from '../../../src/jobs/queue/job.ts'
import { openQueue, type Queue, type QueueOptions } from '../../../src/jobs/queue/queue.ts'
import { openLogger } from '../../../src/logger.ts'
import {
  describeStores,
  openTemporaryPostgres,
  openTemporaryRedis,
  type TemporaryServer,
} from '../../support/stores.ts'

const silent = openLogger('silent')
const timing = { lockMs: 60_000, stalledMs: 30_000, retryMs: 10, drainMs: 5_000, cancelMs: 5_000 }

interface Place {
  redisUrl: string | undefined
  databaseUrl: string
  prefix?: string
}

const opened: Queue[] = []

/** Ends what a test opened, whatever became of it, before its stores end. */
const closeOpened = () => Promise.all(opened.splice(0).map((queue) => queue.close()))

async function open(place: Place, more: Partial<QueueOptions> = {}): Promise<Queue> {
  const queue = await openQueue({
    redisUrl: place.redisUrl,
    databaseUrl: place.databaseUrl,
    prefix: place.prefix,
    providers: [{ name: 'outbox' }],
    timing,
    logger: silent,
    ...more,
  })
  opened.push(queue)
  return queue
}

const eventually = <T>(read: () => T) => expect.poll(read, { interval: 20 })

const nothing = async () => {}
const idle: Handlers = {
  tick: nothing,
  collect: nothing,
  rank: nothing,
  plan: nothing,
  dispatch: nothing,
  notify: nothing,
  sweep: nothing,
}
const batch = (batchId: number): Job => ({ name: 'dispatch', batchId })
const batches = (count: number) => Array.from({ length: count }, (_, index) => batch(index + 1))
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Records which batches were dispatched, and when. */
function recorder(then: (batchId: number, nth: number) => Promise<void> | void = nothing) {
  const starts: { batchId: number; at: number }[] = []
  const handlers: Handlers = {
    ...idle,
    async dispatch({ batchId }) {
      starts.push({ batchId, at: performance.now() })
      await then(batchId, starts.filter((start) => start.batchId === batchId).length)
    },
  }
  return { handlers, starts, ids: () => starts.map((start) => start.batchId) }
}

const settled = (queue: Queue) =>
  eventually(async () => (await queue.counts()).dispatch).toMatchObject({ waiting: 0, active: 0, delayed: 0 })

describeStores('the queue', (store) => {
  afterEach(closeOpened)

  it('runs each job with its ids', async () => {
    const queue = await open(store)
    const seen: Job[] = []
    const note = async (job: Job) => {
      seen.push(job)
    }
    await queue.work({ tick: note, collect: note, rank: note, plan: note, dispatch: note, notify: note, sweep: note })
    const jobs: Job[] = [
      { name: 'collect', date: '2026-11-19' },
      { name: 'rank', date: '2026-11-19', kind: 'weekly' },
      { name: 'plan' },
      { name: 'sweep' },
      batch(42),
      { name: 'notify', noticeId: 7 },
    ]
    await queue.put(jobs)
    await eventually(() => seen.length).toBe(6)
    expect(seen).toEqual(expect.arrayContaining(jobs))
  })

  it('tells what this process has ended, also by failing, and lets wait for it', async () => {
    const queue = await open(store)
    const before = queue.countEnded()
    await queue.work({
      ...idle,
      dispatch: async ({ batchId }) => {
        if (batchId === 2) throw new PermanentError('nothing of it is there')
      },
    })
    const waiting = queue.untilEnded(before + 3, 60_000)
    await queue.put(batches(3))
    await waiting
    expect(queue.countEnded()).toBe(before + 3)
    await queue.untilEnded(before + 3, 60_000)
    await queue.untilEnded(before + 4, 1)
  })

  it('lets notices overtake the batches that wait', async () => {
    const queue = await open(store)
    const order: string[] = []
    await queue.put([...batches(4), { name: 'notify', noticeId: 1 }])
    await queue.put([{ name: 'notify', noticeId: 2 }])
    await queue.work(
      {
        dispatch: async ({ batchId }) => void order.push(`batch ${batchId}`),
        notify: async ({ noticeId }) => void order.push(`notice ${noticeId}`),
      },
      { dispatches: 1 },
    )
    await eventually(() => order.length).toBe(6)
    expect(order.slice(0, 2)).toEqual(['notice 1', 'notice 2'])
  })

  it('keeps one job for one name and ids while it waits, is delayed or runs, and takes it again afterwards', async () => {
    const queue = await open(store)
    await queue.put([batch(1), batch(1), batch(2)])
    await queue.put([batch(1)])
    await queue.put([batch(3)], { delayMs: 60_000 })
    await queue.put([batch(3)])
    expect(await queue.counts()).toMatchObject({ dispatch: { waiting: 2, active: 0, delayed: 1 } })
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const { handlers, ids } = recorder(() => gate)
    await queue.work(handlers)
    await eventually(() => ids().length).toBe(2)
    await queue.put([batch(1)])
    release()
    await eventually(async () => (await queue.counts()).dispatch).toMatchObject({ waiting: 0, active: 0, delayed: 1 })
    expect(ids().sort()).toEqual([1, 2])
    await queue.put([batch(1)])
    await eventually(() => ids().length).toBe(3)
  })

  it('tries again with growing waits, and drops a job that fails every time', { tags: 'long' }, async () => {
    const queue = await open(store)
    const { handlers, starts } = recorder((batchId, nth) => {
      if (batchId === 1 && nth < 3) throw new Error('the wire broke')
      if (batchId === 2) throw new Error('nothing ever works')
    })
    await queue.work(handlers)
    await queue.put([batch(1), batch(2)])
    await eventually(() => starts.length).toBe(3 + 8)
    await settled(queue)
    const times = starts.filter((start) => start.batchId === 2).map((start) => start.at)
    // The waits double from 10 ms and lose at most half to jitter: the seventh is at least 320 ms.
    expect((times[7] ?? 0) - (times[6] ?? 0)).toBeGreaterThanOrEqual(310)
  })

  it('stops at once on a permanent error', async () => {
    const queue = await open(store)
    const { handlers, ids } = recorder(() => {
      throw new PermanentError('the address does not exist')
    })
    await queue.work(handlers)
    await queue.put([batch(1)])
    await eventually(() => ids().length).toBe(1)
    await settled(queue)
    await queue.put([batch(1)])
    await eventually(() => ids().length).toBe(2)
  })

  it('puts one job off without counting an attempt, while others go on', async () => {
    const queue = await open(store)
    // Put off until the others are done, however slow this machine is: longer than one of them
    // takes.
    const { handlers, ids } = recorder((batchId, nth) => {
      const othersAreDone = ids().includes(2) && ids().includes(3)
      if (batchId === 1 && (nth <= 12 || !othersAreDone))
        throw new LaterError('still in flight', nth <= 12 ? 30 : 1_000)
    })
    await queue.work(handlers, { dispatches: 1 })
    await queue.put([batch(1), batch(2), batch(3)])
    await settled(queue)
    expect(ids().filter((id) => id === 1).length).toBeGreaterThanOrEqual(13)
    expect(ids().filter((id) => id !== 1)).toEqual([2, 3])
    expect(ids().at(-1)).toBe(1)
  })

  it('holds every dispatch for as long as a hold says, in all processes, and counts no attempt', {
    tags: 'long',
  }, async () => {
    const [queue, other] = [await open(store), await open(store)]
    let held = 0
    const { handlers, starts } = recorder((batchId, nth) => {
      if (batchId !== 1 || nth > 10) return
      held = performance.now()
      throw new HoldError('slow down', nth === 1 ? 600 : 20)
    })
    await queue.work(handlers, { dispatches: 1 })
    await queue.put([batch(1)])
    await eventually(() => held).toBeGreaterThan(0)
    const first = held
    await sleep(50)
    await other.work(handlers, { dispatches: 1 })
    await other.put([batch(2), batch(3)])
    await eventually(() => starts.filter((start) => start.batchId === 1).length).toBe(11)
    await settled(queue)
    expect((starts[1]?.at ?? 0) - first).toBeGreaterThanOrEqual(550)
    expect(starts).toHaveLength(13)
  })

  it('lets the rest of the round go on during a hold', async () => {
    const queue = await open(store)
    const swept: Job[] = []
    const { handlers, ids } = recorder((_, nth) => {
      if (nth === 1) throw new HoldError('slow down', 60_000)
    })
    await queue.work({ ...handlers, sweep: async (job) => void swept.push(job) })
    await queue.put([batch(1)])
    await eventually(() => ids().length).toBe(1)
    await queue.put([{ name: 'sweep' }])
    await eventually(() => swept.length).toBe(1)
    await eventually(async () => (await queue.counts()).dispatch.waiting).toBe(1)
  })

  it('gives each provider its own hold and order', async () => {
    const providers = [
      { name: 'resend' },
      // Where emails go one by one, two stretches of them.
      { name: 'smtp', replayMs: 0 },
    ]
    const queue = await open(store, { providers })
    const seen: { batchId: number; provider: string | undefined }[] = []
    const atOnce = { now: 0, most: 0 }
    await queue.work({
      ...idle,
      async dispatch({ batchId, provider }) {
        seen.push({ batchId, provider })
        if (provider !== 'smtp') throw new HoldError('slow down', 60_000)
        atOnce.most = Math.max(atOnce.most, ++atOnce.now)
        // However busy the machine is, the second has begun before the first ends.
        do await sleep(20)
        while (atOnce.most < 2)
        atOnce.now -= 1
      },
    })
    // Without a name it is the first one's.
    await queue.put([batch(1)])
    await eventually(() => seen).toEqual([{ batchId: 1, provider: undefined }])
    // A busy machine takes its time until the hold is known.
    await eventually(async () => (await queue.counts()).dispatch).toMatchObject({ waiting: 1, active: 0 })
    const others = [2, 3, 4, 5].map((batchId): Job => ({ name: 'dispatch', batchId, provider: 'smtp' }))
    await queue.put([{ name: 'dispatch', batchId: 6, provider: 'resend' }, ...others])
    await eventually(() => seen.length).toBe(5)
    await eventually(async () => (await queue.counts()).dispatch).toMatchObject({ waiting: 2, active: 0, delayed: 0 })
    expect(seen.slice(1)).toEqual([2, 3, 4, 5].map((batchId) => ({ batchId, provider: 'smtp' })))
    expect(atOnce.most).toBe(2)
  })

  it('leaves the round alone where only dispatches are asked for', async () => {
    const queue = await open(store)
    const { handlers, ids } = recorder()
    await queue.work({ dispatch: handlers.dispatch })
    await queue.put([{ name: 'plan' }, batch(1)])
    await eventually(() => ids()).toEqual([1])
    expect((await queue.counts()).round).toMatchObject({ waiting: 1, active: 0, delayed: 0 })
  })

  it('keeps a delayed job back', async () => {
    const queue = await open(store)
    const { handlers, starts } = recorder()
    await queue.work(handlers)
    const put = performance.now()
    await queue.put([batch(1)], { delayMs: 300 })
    await queue.put([batch(2)])
    await eventually(() => starts.length).toBe(2)
    expect(starts[0]?.batchId).toBe(2)
    expect((starts[1]?.at ?? 0) - put).toBeGreaterThanOrEqual(295)
  })

  it('ticks once an interval, however many processes assert it', { tags: 'long' }, async () => {
    const queues = [await open(store), await open(store), await open(store)]
    const began = performance.now()
    await Promise.all(queues.map((queue) => queue.assertTick(250)))
    const ticks: number[] = []
    for (const queue of queues) await queue.work({ ...idle, tick: async () => void ticks.push(performance.now()) })
    await eventually(async () => {
      await Promise.all(queues.map((queue) => queue.assertTick(250)))
      return ticks.length
    }).toBeGreaterThanOrEqual(8)
    // Each process that asserted at the same moment may bring a first one; from then on there is
    // one row of them. A busy machine makes them late, never more.
    const most = ticks.map((at) => queues.length + 1 + Math.floor((at - began) / 250))
    expect(most.filter((count, before) => before + 1 > count)).toEqual([])
  })

  it('takes many jobs at once', async () => {
    const queue = await open(store)
    await queue.put(batches(1_500))
    expect((await queue.counts()).dispatch).toMatchObject({ waiting: 1_500, active: 0, delayed: 0 })
  })

  it('logs what became of a job, with its id and the reason', async () => {
    const lines: Record<string, unknown>[] = []
    const logger = openLogger('info', { write: (line) => void lines.push(JSON.parse(line)) })
    const queue = await open(store, { logger })
    const { handlers } = recorder((batchId, nth) => {
      if (nth > 1) return
      if (batchId === 1) throw new PermanentError('refused')
      if (batchId === 2) throw new LaterError('in flight', 1)
      if (batchId === 3) throw new HoldError('slow down', 1)
      throw new Error('reset', { cause: new Error('by the peer') })
    })
    await queue.work(handlers)
    await queue.put([batch(1), batch(2), batch(3), batch(4)])
    await settled(queue)
    const nameOf = (job: unknown) => String(job).replace(/\.[0-9a-f]{8}$/, '')
    const facts = lines.map(({ event, job, outcome, reason }) => [event, nameOf(job), outcome, reason].join(' ')).sort()
    expect(facts).toEqual([
      'job.delayed dispatch-2  in flight',
      'job.failed dispatch-1 stopped refused',
      'job.failed dispatch-4 retried reset: by the peer',
      'queue.held dispatch-3  slow down',
    ])
  })

  it('shares the jobs among processes without doing one twice', async () => {
    const [queue, other] = [await open(store), await open(store)]
    const mine = recorder(() => sleep(5))
    const theirs = recorder(() => sleep(5))
    await queue.work(mine.handlers)
    await other.work(theirs.handlers)
    await queue.put(batches(120))
    await eventually(() => mine.starts.length + theirs.starts.length).toBeGreaterThanOrEqual(120)
    await settled(queue)
    expect([...mine.ids(), ...theirs.ids()].sort((a, b) => a - b)).toEqual(batches(120).map((_, index) => index + 1))
    expect(Math.min(mine.starts.length, theirs.starts.length)).toBeGreaterThan(10)
  })

  it('waits for running jobs when it closes, and leaves the rest', async () => {
    const queue = await open(store)
    let finished = 0
    const { handlers, starts } = recorder(async () => {
      await sleep(200)
      finished += 1
    })
    const work = await queue.work(handlers, { dispatches: 2 })
    await queue.put(batches(5))
    await eventually(() => starts.length).toBe(2)
    await work.close()
    expect({ started: starts.length, finished }).toEqual({ started: 2, finished: 2 })
    expect((await queue.counts()).dispatch).toMatchObject({ waiting: 3, active: 0, delayed: 0 })
  })

  it('keeps and counts what failed for good, and takes the same job again', async () => {
    const queue = await open(store)
    const { handlers, ids } = recorder((batchId) => {
      if (batchId < 3) throw new PermanentError('refused')
    })
    await queue.work({ ...handlers, plan: () => Promise.reject(new PermanentError('no plan')) })
    await queue.put([batch(1), batch(2), batch(3), { name: 'plan' }])
    await eventually(() => queue.counts()).toMatchObject({ round: { failed: 1 }, dispatch: { failed: 2, active: 0 } })
    await queue.put([batch(1)])
    await eventually(() => ids().filter((id) => id === 1).length).toBe(2)
    await eventually(async () => (await queue.counts()).dispatch).toMatchObject({ failed: 3, active: 0 })
  })

  it('takes over beside a job that it believes to run, before what was never begun and after notices', async () => {
    const queue = await open(store)
    const order: string[] = []
    let end = () => {}
    const hung = new Promise<void>((resolve) => {
      end = resolve
    })
    await queue.put([batch(1)])
    await queue.work(
      {
        dispatch: async ({ batchId, epoch }) => {
          order.push(`batch ${batchId}${epoch === undefined ? '' : `, epoch ${epoch}`}`)
          if (order.length === 1) await hung
        },
        notify: async ({ noticeId }) => void order.push(`notice ${noticeId}`),
      },
      { dispatches: 1 },
    )
    await eventually(() => order.length).toBe(1)
    const again: Job = { name: 'dispatch', batchId: 1, epoch: 2 }
    await queue.put([batch(1), batch(2), again, { name: 'notify', noticeId: 7 }])
    await queue.put([again])
    end()
    await eventually(() => order.length).toBe(4)
    await settled(queue)
    expect(order).toEqual(['batch 1', 'notice 7', 'batch 1, epoch 2', 'batch 2'])
  })

  it('cancels what still runs at the end of a drain: another worker has it at once', async () => {
    const short = { ...timing, drainMs: 10, cancelMs: 60_000 }
    const { handlers, ids } = recorder((_, nth) => (nth <= 3 ? new Promise<void>(() => {}) : undefined))
    const putting = await open(store)
    await putting.put([batch(1)])
    // As often as that happens: it is no attempt, and no stall.
    for (const nth of [1, 2, 3]) {
      const cut = await open(store, { timing: short })
      await cut.work(handlers)
      await eventually(() => ids().length).toBe(nth)
      await cut.close()
      expect((await putting.counts()).dispatch).toMatchObject({ active: 0, failed: 0 })
    }
    const last = await open(store)
    await last.work(handlers)
    await eventually(() => ids().length).toBe(4)
    await settled(putting)
  })

  it('opens for several processes at the same time, apart by prefix', async () => {
    const queues = await Promise.all([open(store), open(store), open(store, { prefix: `${store.prefix}b` })])
    await Promise.all(queues.map((queue) => queue.put([batch(1)])))
    for (const queue of queues) expect((await queue.counts()).dispatch.waiting).toBe(1)
    const { handlers, ids } = recorder()
    await queues[0]?.work(handlers)
    await eventually(() => ids().length).toBe(1)
    expect((await queues[2]?.counts())?.dispatch.waiting).toBe(1)
  })
})

describe('the queue when its store fails', () => {
  let running: TemporaryServer | undefined
  afterEach(async () => {
    await closeOpened()
    await running?.close()
    running = undefined
  })

  async function start(open = openTemporaryRedis): Promise<TemporaryServer | undefined> {
    running = await open()
    return running
  }
  const at = (redisUrl: string): Place => ({ redisUrl, databaseUrl: 'postgres://127.0.0.1/none' })

  async function lose({ url }: TemporaryServer): Promise<void> {
    const redis = new Redis(url)
    await redis.flushall()
    await redis.script('FLUSH')
    redis.disconnect()
  }

  async function callOn(redis: Redis, words: string): Promise<void> {
    const [name = '', ...values] = words.split(' ')
    await redis.call(name, ...values)
  }

  it('goes on after everything in Redis was lost', { tags: 'long' }, async ({ skip }) => {
    const server = await start()
    if (server === undefined) return skip('Redis is not installed')
    const queue = await open(at(server.url))
    const ticks: number[] = []
    const { handlers, starts } = recorder()
    await queue.work({ ...handlers, tick: async () => void ticks.push(performance.now()) })
    await queue.assertTick(200)
    await queue.put([batch(1)])
    await eventually(() => starts.length).toBe(1)
    await eventually(() => ticks.length).toBeGreaterThanOrEqual(2)
    await lose(server)
    await sleep(300)
    const before = ticks.length
    await queue.assertTick(200)
    await eventually(() => ticks.length).toBeGreaterThanOrEqual(before + 3)
    await queue.put(batches(30))
    await eventually(() => starts.length).toBe(31)
  })

  it('refuses to put while Redis is gone, and goes on when it is back', async ({ skip }) => {
    const server = await start()
    if (server === undefined) return skip('Redis is not installed')
    const queue = await open(at(server.url))
    const { handlers, ids } = recorder()
    await queue.work(handlers)
    await server.kill()
    await eventually(() => queue.put([batch(1)]).then(String, String)).toMatch(/Redis|writeable|closed/)
    await expect(queue.put([batch(1), batch(2)])).rejects.toThrow()
    await expect(queue.assertTick()).rejects.toThrow()
    await expect(queue.counts()).rejects.toThrow()
    await server.restart()
    await eventually(() => queue.put([batch(2), batch(3)]).then(String, String)).toBe('undefined')
    await eventually(() => ids().sort()).toEqual([2, 3])
  })

  it('tells that Redis takes no jobs, though it answers, until it takes them again', async ({ skip }) => {
    const server = await start()
    if (server === undefined) return skip('Redis is not installed')
    const queue = await open(at(server.url))
    const redis = new Redis(server.url)
    await expect(queue.check()).resolves.toBeUndefined()
    for (const [refuse, end, reason] of [
      ['config set maxmemory 1', 'config set maxmemory 0', /^OOM /],
      ['replicaof 127.0.0.1 1', 'replicaof no one', /^READONLY /],
    ] as const) {
      await callOn(redis, refuse)
      await expect(queue.check()).rejects.toThrow(reason)
      await expect(queue.put([batch(1)])).rejects.toThrow(reason)
      await expect(queue.put([batch(1), batch(2)])).rejects.toThrow(reason)
      expect(await queue.counts()).toMatchObject({ dispatch: { waiting: 0 } })
      expect(await inspectRedis(server.url)).toMatchObject({ refusal: expect.stringMatching(/^Redis takes no writes/) })
      await callOn(redis, end)
      await expect(queue.check()).resolves.toBeUndefined()
    }
    redis.disconnect()
  })

  it('closes while Redis is gone, and does not open', async ({ skip }) => {
    const server = await start()
    if (server === undefined) return skip('Redis is not installed')
    const queue = await open(at(server.url), { timing: { ...timing, drainMs: 300, cancelMs: 300 } })
    await queue.work(idle)
    await server.kill()
    await expect(queue.close()).resolves.toBeUndefined()
    await expect(open(at(server.url))).rejects.toThrow(/Redis/)
  })

  it('refuses to put while PostgreSQL is gone, and goes on when it is back', { tags: 'long' }, async ({ skip }) => {
    const server = await start(() => openTemporaryPostgres())
    if (server === undefined) return skip('PostgreSQL is not installed')
    const place = { redisUrl: undefined, databaseUrl: server.url }
    const queue = await open(place)
    const { handlers, ids } = recorder()
    await queue.work(handlers)
    await server.kill()
    // Its sessions end a moment after it, and may take a job until then.
    const put = () =>
      queue.put([batch(1)]).then(
        () => 'taken',
        () => 'refused',
      )
    await eventually(put).toBe('refused')
    await expect(open(place)).rejects.toThrow(/PostgreSQL/)
    await server.restart()
    await queue.put([batch(2)])
    await eventually(() => ids()).toContain(2)
  })
})
