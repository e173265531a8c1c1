// The queue of a process that only puts jobs and can serve without: where its store is away at the
// start, it is opened once it answers. What was not put meanwhile waits for the sweep.
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { Queue } from './queue.ts'

/** Opens the queue by `open`, now or as soon as that works: tried every `everyMs` milliseconds. */
export async function openPatientQueue(open: () => Promise<Queue>, logger: Logger, everyMs = 10_000): Promise<Queue> {
  let queue: Queue | undefined
  let timer: NodeJS.Timeout | undefined
  let opening: Promise<void> = Promise.resolve()
  let isClosed = false

  async function tryOpening(): Promise<void> {
    try {
      queue = await open()
    } catch (error) {
      // Said once: every look would say the same.
      const facts = { event: 'queue.away', reason: describeError(error) }
      if (timer === undefined) logger.warn(facts, 'the website serves without the queue: jobs wait for the sweep')
      if (isClosed) return
      timer = setTimeout(() => {
        opening = tryOpening()
      }, everyMs)
      timer.unref()
      return
    }
    if (timer !== undefined) logger.info({ event: 'queue.back' }, 'the queue is there')
    if (isClosed) await queue.close()
  }
  const demand = () => {
    if (queue === undefined) throw new Error('the store of the queue did not answer yet')
    return queue
  }

  await tryOpening()
  return {
    put: async (jobs, options) => demand().put(jobs, options),
    assertTick: async (everyMs) => demand().assertTick(everyMs),
    work: async (handlers, options) => demand().work(handlers, options),
    counts: async () => demand().counts(),
    countEnded: () => queue?.countEnded() ?? 0,
    untilEnded: async (count, atMostMs) => demand().untilEnded(count, atMostMs),
    check: async () => demand().check(),
    async close() {
      isClosed = true
      clearTimeout(timer)
      await opening
      await queue?.close()
    },
  }
}
