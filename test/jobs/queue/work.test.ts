// One worker where its library does what a real store makes it do now and then only.
import { expect, it } from 'vitest'
import type { QueueBackend } from '../../../src/jobs/queue/backend.ts'
import { openWork, type Work } from '../../../src/jobs/queue/work.ts'
import { openLogger } from '../../../src/logger.ts'

type Processor = (job: object, token: string, signal: AbortSignal) => Promise<void>

/** A worker of BullMQ's that does nothing by itself: `take` is one that it has fetched. */
function standIn() {
  const running = new Set<Promise<void>>()
  const cancelling = new Set<AbortController>()
  let process: Processor | undefined
  const putBack: string[] = []
  class Worker {
    constructor(_queue: string, processor: Processor) {
      process = processor
    }
    on() {}
    async waitUntilReady() {}
    async run() {}
    async close() {
      while (running.size > 0) await Promise.allSettled(running)
    }
    cancelAllJobs(reason: string) {
      for (const each of cancelling) each.abort(reason)
    }
  }
  const take = (id: string) => {
    const cancel = new AbortController()
    cancelling.add(cancel)
    const job = {
      id,
      name: 'dispatch',
      data: {},
      opts: {},
      attemptsMade: 0,
      moveToDelayed: async () => putBack.push(id),
    }
    const run = (process as Processor)(job, 'token', cancel.signal).catch(() => {})
    running.add(run)
    void run.finally(() => running.delete(run))
  }
  return { backend: { keyPrefix: 'test', Worker } as unknown as QueueBackend, take, putBack }
}

it('runs nothing that it fetches after the end of its drain, and puts it back', async () => {
  const { backend, take, putBack } = standIn()
  const ran: string[] = []
  const work: Work = {
    queue: 'dispatch',
    concurrency: 2,
    hold: undefined,
    timing: { lockMs: 1_000, stalledMs: 1_000, retryMs: 1, drainMs: 10, cancelMs: 60_000 },
    onError: () => {},
    run: (name) => {
      ran.push(name)
      // A fetch that was under way is answered when the first job has been put back.
      if (ran.length === 1)
        void expect
          .poll(() => putBack)
          .toEqual(['1'])
          .then(() => take('1'))
      return new Promise(() => {})
    },
  }
  const worker = await openWork(backend, work, openLogger('silent'))
  take('1')
  await worker.close()
  await expect.poll(() => putBack).toEqual(['1', '1'])
  expect(ran).toEqual(['dispatch'])
})
