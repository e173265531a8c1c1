import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectRedis } from '../../../src/jobs/queue/inspecting.ts'
import { openQueue } from '../../../src/jobs/queue/queue.ts'
import { openLogger } from '../../../src/logger.ts'
import { openTemporaryRedis, type TemporaryServer } from '../../support/stores.ts'

let redis: TemporaryServer | undefined
beforeAll(async () => {
  redis = await openTemporaryRedis('allkeys-lru')
})
afterAll(() => redis?.close())

describe('inspectRedis', () => {
  it('tells what a server does with what it is given', async ({ skip }) => {
    if (!redis) return skip()
    const { version, at, ...facts } = await inspectRedis(redis.url)
    expect(facts).toEqual({ evictionPolicy: 'allkeys-lru', isPersistent: false, refusal: null, users: [] })
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000)
  })

  it('says so when nobody answers', async () => {
    await expect(inspectRedis('redis://127.0.0.1:1')).rejects.toThrow('Redis did not answer')
  })
})

it('no queue lives in a server that throws keys away', async ({ skip }) => {
  if (!redis) return skip()
  const queue = openQueue({
    redisUrl: redis.url,
    databaseUrl: 'postgres://nobody@127.0.0.1:1/none',
    providers: [],
    logger: openLogger('silent'),
  })
  await expect(queue).rejects.toThrow('Redis throws keys away when its memory is full (allkeys-lru)')
})
