// The journal: each leaving, complaint, suppression, erasure and return, kept beside the database
// before it is answered, so that neither an outage nor a restored backup forgets it.
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { openWishFiles } from './file.ts'
import { openWishesInRedis } from './redis.ts'
import { type Wish, type WishPlace, writeWish } from './wish.ts'

export interface Journal {
  /** Returns once a place has kept the wish. Rejects when none has. */
  keep(wish: Wish): Promise<void>
  /** Tries each place; one that fails is named in the log. Rejects when none can keep a wish. */
  check(): Promise<void>
  /** Lists the wishes of all places, each once, by time. Rejects when no place can be read. */
  list(): Promise<Wish[]>
  close(): Promise<void>
}

export interface JournalSettings {
  stateDir: string
  redisUrl: string | undefined
  /** Our tables' schema: a demo beside the real ones keeps its own. */
  schema: string
}

/** Opens the journal in STATE_DIR, and in Redis where the queue is there. */
export function openJournal({ stateDir, redisUrl, schema }: JournalSettings, logger: Logger): Journal {
  const places = [openWishFiles(stateDir)]
  if (redisUrl !== undefined) places.push(openWishesInRedis(redisUrl, schema === 'public' ? 'paper-round' : schema))
  const failing = new Set<string>()

  async function writeTo(place: WishPlace, write: (place: WishPlace) => Promise<void>): Promise<void> {
    try {
      await write(place)
      failing.delete(place.name)
    } catch (error) {
      const facts = { event: 'journal.failed', place: place.name, reason: describeError(error) }
      if (!failing.has(place.name)) logger.error(facts, 'a place of the journal keeps no wishes')
      failing.add(place.name)
      throw error
    }
  }

  async function writeToAll(write: (place: WishPlace) => Promise<void>): Promise<void> {
    const written = await Promise.allSettled(places.map((place) => writeTo(place, write)))
    if (written.some(({ status }) => status === 'fulfilled')) return
    const failed = written.find((each) => each.status === 'rejected')
    throw new Error('the journal keeps no wishes', { cause: failed?.reason })
  }

  return {
    keep: (wish) => writeToAll((place) => place.keep(wish)),
    check: () => writeToAll((place) => place.check()),
    async list() {
      const lists = await Promise.allSettled(places.map((place) => place.list()))
      const read = lists.flatMap((list) => (list.status === 'fulfilled' ? [list.value] : []))
      if (read.length === 0) {
        const [first] = lists.flatMap((list) => (list.status === 'rejected' ? [list.reason] : []))
        throw new Error('the journal of wishes cannot be read', { cause: first })
      }
      const each = new Map(read.flat().map((wish) => [writeWish(wish), wish]))
      return [...each.values()].sort((a, b) => a.at.getTime() - b.at.getTime())
    },
    async close() {
      await Promise.all(places.map((place) => place.close()))
    },
  }
}
