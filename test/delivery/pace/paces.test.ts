// Turns on real stores: over all workers together, never earlier than they are, the urgent first,
// and nothing lost where several change the same text at once.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { openRedisBeside } from '../../../src/database/redis-beside.ts'
import type { Database } from '../../../src/database/schema.ts'
import { openPostgresPaces, openRedisPaces, type PaceStore } from '../../../src/delivery/pace/pace-store.ts'
import { type Asked, openPaces, type Paces, type Turn } from '../../../src/delivery/pace/paces.ts'
import { openLogger } from '../../../src/logger.ts'
import { HOUR_MS } from '../../../src/time.ts'
import { openTestDatabase, realRedisUrl, type TestDatabase } from '../../support/stores.ts'

const redisUrl = await realRedisUrl()
const PATIENCE_MS = 60_000
const asked = { weight: 1, isUrgent: false, patienceMs: PATIENCE_MS }

let database: TestDatabase
let db: Kysely<Database>
beforeAll(async () => {
  database = await openTestDatabase('either')
  db = openDatabase(database.url)
})
afterAll(async () => {
  await db.destroy()
  await database.close()
})

const openers: [string, () => PaceStore][] = [
  ['PostgreSQL', () => openPostgresPaces(db)],
  ...(redisUrl === undefined
    ? []
    : [['Redis', () => openRedisPaces(redisUrl, `test${process.pid}`)] as [string, () => PaceStore]]),
]

const closing: Paces[] = []
afterEach(async () => {
  for (const paces of closing.splice(0)) await paces.close()
})

describe.each(openers)('turns in %s', (where, openStore) => {
  function open(): Paces {
    const paces = openPaces(openStore(), openLogger('silent'))
    closing.push(paces)
    return paces
  }
  const provider = (requestsPerSecond: number | null) => ({ name: randomUUID(), requestsPerSecond })

  async function go(paces: Paces, named: ReturnType<typeof provider>, more: Partial<Asked> = {}) {
    const turn = (await paces.take(named, { ...asked, ...more })) as Turn
    await turn.comes()
    turn.leaves()
    return { at: performance.now(), turn }
  }

  it('keep what was read, and nothing that was read before it', async () => {
    const store = openStore()
    const name = randomUUID()
    const { text, now } = await store.read(name)
    expect(text).toBeNull()
    expect(Math.abs(now - Date.now())).toBeLessThan(60_000)
    expect(await store.swap(name, null, 'one')).toBe(true)
    expect(await store.swap(name, null, 'two')).toBe(false)
    expect(await store.swap(name, 'none', 'two')).toBe(false)
    expect(await store.swap(name, 'one', 'two')).toBe(true)
    expect((await store.read(name)).text).toBe('two')
    store.close()
  })

  it('come to all workers together, one after the other', { tags: 'long' }, async () => {
    const named = provider(20)
    const workers = [open(), open(), open()]
    const taken = await Promise.all(Array.from({ length: 30 }, (_, index) => go(workers[index % 3] as Paces, named)))
    const times = taken.map(({ at }) => at).sort((a, b) => a - b)
    // 29 distances of nine tenths of a twentieth of a second.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(29 * 45 - 20)
  })

  it('take one trip each at a fast pace as long as no other worker takes any', async () => {
    const named = provider(1_000)
    const trips: string[] = []
    function counted(who: string): Paces {
      const store = openStore()
      const note = <R>(what: string, done: Promise<R>) => {
        trips.push(`${who} ${what}`)
        return done
      }
      const paces = openPaces(
        {
          read: (name) => note('read', store.read(name)),
          swap: (...given) => note('swap', store.swap(...given)),
          close: () => store.close(),
        },
        openLogger('silent'),
      )
      closing.push(paces)
      return paces
    }
    const tripsOf = async (turns: readonly Paces[]) => {
      const from = trips.length
      for (const paces of turns) await paces.take(named, asked)
      return trips.slice(from)
    }
    const [one, other] = [counted('one'), counted('other')]
    expect(await tripsOf([one, one, one])).toEqual(['one read', 'one swap', 'one swap', 'one swap'])
    expect(await tripsOf([other])).toEqual(['other read', 'other swap'])
    // What another has kept is found by the swap, and from then on by reading.
    expect(await tripsOf([one])).toEqual(['one swap', 'one read', 'one swap'])
    expect(await tripsOf([one, one])).toEqual(['one read', 'one swap', 'one read', 'one swap'])
  })

  it('are asked for one at a time, each when what it needs is ready', async () => {
    const named = provider(1_000)
    const paces = open()
    const steps: string[] = []
    const prepare = async () => {
      steps.push('begins')
      await sleep(20)
      steps.push('ready')
    }
    await Promise.all(Array.from({ length: 3 }, () => go(paces, named, { prepare }).then(() => steps.push('goes'))))
    expect(steps.filter((step) => step !== 'goes')).toEqual(['begins', 'ready', 'begins', 'ready', 'begins', 'ready'])
    expect(steps.indexOf('goes')).toBeGreaterThan(steps.indexOf('ready'))
  })

  it('come at a fast pace to all workers together too', async () => {
    const named = provider(200)
    const workers = [open(), open(), open()]
    const began = performance.now()
    const taken = await Promise.all(Array.from({ length: 60 }, (_, index) => go(workers[index % 3] as Paces, named)))
    const last = Math.max(...taken.map(({ at }) => at))
    // Evenly, with room for who is late.
    expect(last - began).toBeGreaterThanOrEqual((59 * 1_050) / 200 - 20)
  })

  it('stay away as long as the provider says, from every worker', async () => {
    const named = provider(20)
    const [one, other] = [open(), open()]
    const first = await go(one, named)
    const ended = performance.now()
    first.turn.ends(400)
    expect((await go(one, named)).at - ended).toBeGreaterThanOrEqual(395)
    const again = await go(one, named)
    const endedAgain = performance.now()
    again.turn.ends(300)
    await one.close()
    expect((await go(other, named)).at - endedAgain).toBeGreaterThanOrEqual(295)
  })

  it('are over for who has one already when the provider wants a pause', async () => {
    const named = provider(20)
    const [one, other] = [open(), open()]
    const first = await go(one, named)
    const [marked, elsewhere] = [(await one.take(named, asked)) as Turn, (await other.take(named, asked)) as Turn]
    first.turn.ends(60_000)
    expect(await marked.comes()).toBeGreaterThan(50_000)
    await one.close()
    // A worker that hears of it from the store, where its turn is long over.
    await sleep(100)
    expect(await elsewhere.comes()).toBeGreaterThan(50_000)
  })

  it('wait for a pause that is about over', async () => {
    const named = provider(20)
    const paces = open()
    const first = await go(paces, named)
    const marked = (await paces.take(named, asked)) as Turn
    const ended = performance.now()
    first.turn.ends(40)
    expect(await marked.comes()).toBe(0)
    expect(performance.now() - ended).toBeGreaterThanOrEqual(39)
  })

  it('come to who is urgent first, and to nobody whose patience is over', async () => {
    const named = provider(4)
    const paces = open()
    await go(paces, named)
    const order: string[] = []
    const note = async (name: string, more: Partial<typeof asked>) => {
      const turn = await paces.take(named, { ...asked, ...more })
      order.push(typeof turn === 'number' ? `${name} waits` : name)
    }
    await Promise.all([
      note('first', {}),
      note('digest', {}),
      note('hasty', { patienceMs: 20 }),
      note('notice', { isUrgent: true }),
    ])
    expect(order).toEqual(['hasty waits', 'first', 'notice', 'digest'])
    const turn = await paces.take(named, { ...asked, patienceMs: 5 })
    expect(turn).toBeGreaterThan(5)
  })

  it('are changed for a later one where they were missed', { tags: 'long' }, async () => {
    const named = provider(4)
    const [one, other] = [open(), open()]
    const missed = (await one.take(named, asked)) as Turn
    const others = []
    for (let turn = 0; turn < 3; turn++) others.push((await go(other, named)).at)
    // By now it is long over, and others have gone by its moment.
    await new Promise((resolve) => setTimeout(resolve, 300))
    others.push((await go(other, named)).at)
    await missed.comes()
    const times = [...others, performance.now()]
    const withinASecond = times.map((at) => times.filter((each) => each > at - 1_000 && each <= at).length)
    expect(Math.max(...withinASecond)).toBeLessThanOrEqual(4)
  })

  it('are forgotten by Redis after no pause that a provider may want', async ({ skip }) => {
    if (where !== 'Redis' || redisUrl === undefined) return skip()
    const named = provider(5)
    const paces = open()
    const { turn } = await go(paces, named)
    turn.ends(HOUR_MS)
    await paces.close()
    const redis = openRedisBeside(redisUrl, 10_000)
    expect(await (await redis.connected()).pttl(`test${process.pid}:pace:${named.name}`)).toBeGreaterThan(HOUR_MS)
    redis.close()
  })

  it('are always there where nothing paces', async () => {
    const turns = await Promise.all(Array.from({ length: 50 }, () => open().take(provider(null), asked)))
    expect(turns.every((turn) => typeof turn !== 'number')).toBe(true)
  })
})

describe('swaps', () => {
  /** A store in memory of which each step takes as long as one of a database nearby. */
  function openSlowStore() {
    const swaps = { kept: 0, lost: 0 }
    let text: string | null = null
    const store: PaceStore = {
      async read() {
        await sleep(STEP_MS)
        return { text, now: performance.now() }
      },
      async swap(_, before, after) {
        await sleep(STEP_MS)
        swaps[text === before ? 'kept' : 'lost'] += 1
        if (text !== before) return false
        text = after
        return true
      },
      close() {},
    }
    return { store, swaps }
  }
  const STEP_MS = 5
  const named = { name: 'crowded', requestsPerSecond: 50 }

  it('tell together what came while something was told', async () => {
    const { store, swaps } = openSlowStore()
    const paces = openPaces(store, openLogger('silent'))
    const turns: Turn[] = []
    for (let turn = 0; turn < 6; turn++) turns.push((await paces.take(named, asked)) as Turn)
    expect(swaps).toEqual({ kept: 6, lost: 0 })
    for (const turn of turns) turn.ends(null)
    await paces.close()
    expect(swaps).toEqual({ kept: 8, lost: 0 })
  })

  it('are lost to no other request of the same process', async () => {
    const { store, swaps } = openSlowStore()
    const paces = openPaces(store, openLogger('silent'))
    const first = (await paces.take(named, asked)) as Turn
    first.ends(null)
    await Promise.all([paces.take(named, asked), paces.take(named, asked)])
    await paces.close()
    expect(swaps).toEqual({ kept: 4, lost: 0 })
  })

  it('are not lost over and over where many workers share a fast pace', { tags: 'long' }, async () => {
    const { store, swaps } = openSlowStore()
    const workers = Array.from({ length: 8 }, () => openPaces(store, openLogger('silent')))
    let left = 100
    const call = async (paces: Paces) => {
      while (left-- > 0) {
        const turn = (await paces.take(named, asked)) as Turn
        await turn.comes()
        turn.leaves()
        await sleep(50)
        turn.ends(null)
      }
    }
    await Promise.all(workers.flatMap((paces) => [0, 1, 2, 3].map(() => call(paces))))
    await Promise.all(workers.map((paces) => paces.close()))
    // Eight for each that is kept, where who lost asks again at once and each tells by itself.
    expect(swaps.lost).toBeLessThan(5 * swaps.kept)
  })
})
