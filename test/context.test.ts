import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { readConfig } from '../src/config.ts'
import { openConfiguredProviders, openRoundQueue, withContext, withKept } from '../src/context.ts'
import { inspectRedis } from '../src/jobs/queue/inspecting.ts'
import { openSharing } from '../src/jobs/queue/sharing.ts'
import { openLogger } from '../src/logger.ts'
import { TEST_SECRET } from './support/round.ts'
import { openTemporaryRedis, openTestDatabase } from './support/stores.ts'

const PATIENCE_MS = 10_000

/** Keeps things that say when they are closed; `stuck` throws instead. */
async function keepThings(names: readonly string[], work: () => Promise<string>) {
  const closed: string[] = []
  const lines: string[] = []
  const log = new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) })
  const result = await withKept(openLogger('info', log), async (keep) => {
    for (const name of names) {
      keep({
        async close() {
          if (name === 'stuck') throw new Error('it hangs')
          closed.push(name)
        },
      })
    }
    return work()
  }).catch((error: Error) => error.message)
  return { result, closed, events: lines.map((line) => JSON.parse(line)) }
}

describe('withKept', () => {
  it('returns what the work returns, and closes in reverse', async () => {
    expect(await keepThings(['stores', 'queue', 'server'], async () => 'done')).toEqual({
      result: 'done',
      closed: ['server', 'queue', 'stores'],
      events: [],
    })
  })

  it('closes what was opened before the work failed, and throws what it threw', async () => {
    const failing = async () => {
      throw new Error('the port is in use')
    }
    const { result, closed } = await keepThings(['stores', 'queue'], failing)
    expect({ result, closed }).toEqual({ result: 'the port is in use', closed: ['queue', 'stores'] })
  })

  it('goes on past what does not close, and logs it', async () => {
    const { result, closed, events } = await keepThings(['stores', 'stuck', 'server'], async () => 'done')
    expect({ result, closed }).toEqual({ result: 'done', closed: ['server', 'stores'] })
    expect(events).toMatchObject([{ event: 'stop.failed', reason: 'it hangs' }])
  })

  it('takes what needs no closing, and returns what it is given', async () => {
    const thing: { name: string; close?: () => void } = { name: 'outbox' }
    expect(await withKept(openLogger('silent'), async (keep) => keep(thing))).toBe(thing)
  })
})

describe('openRoundQueue', () => {
  it('tells of another list whose queue is in the same Redis, and opens its own all the same', async ({ skip }) => {
    const redis = await openTemporaryRedis()
    if (!redis) return skip()
    const database = await openTestDatabase('either')
    const other = { redisUrl: redis.url, prefix: undefined, databaseId: randomUUID(), logger: openLogger('silent') }
    const sharing = openSharing(other)
    const events: string[] = []
    const logger = openLogger('warn', { write: (line) => void events.push(JSON.parse(line).event) })
    const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, LINK_SECRET: TEST_SECRET, MAIL_PROVIDER: 'outbox' }
    try {
      await vi.waitFor(async () => expect((await inspectRedis(redis.url)).users).toHaveLength(1), PATIENCE_MS)
      await withContext(readConfig('links', {}, env), logger, async (context) => {
        const queue = await openRoundQueue(context, { providers: await openConfiguredProviders(context) })
        await queue.check()
      })
      expect(events).toEqual(['redis.shared'])
    } finally {
      await sharing.close()
      await database.close()
      await redis.close()
    }
  })
})
