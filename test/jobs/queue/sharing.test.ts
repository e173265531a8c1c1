// Several processes on one real Redis, under a name of the test's own.
import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inspectRedis } from '../../../src/jobs/queue/inspecting.ts'
import { judgeSharing, openSharing } from '../../../src/jobs/queue/sharing.ts'
import { openLogger } from '../../../src/logger.ts'
import { realRedisUrl } from '../../support/stores.ts'

const redisUrl = (await realRedisUrl()) ?? ''
/** Nothing is waited for as long: whatever is to come has come by then, or never. */
const PATIENCE_MS = 10_000
const LONG_MS = 3_600_000
const HOST = hostname()

describe.skipIf(redisUrl === '')('processes that share a Redis', () => {
  const [ours, theirs] = [randomUUID(), randomUUID()]
  let prefix: string
  const opened: { close(): Promise<void> }[] = []
  beforeEach(() => {
    prefix = `test${randomBytes(6).toString('hex')}`
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close()
  })

  /** Notes at once and then every `everyMs`; returns what it has said since. */
  function open(databaseId: string, { everyMs = LONG_MS, goneMs = LONG_MS, url = redisUrl } = {}) {
    const said: unknown[] = []
    const logger = openLogger('info', {
      write(line) {
        const { event, hosts, message } = JSON.parse(line)
        said.push({ event, hosts, message })
      },
    })
    const sharing = openSharing({ redisUrl: url, prefix, databaseId, logger }, { everyMs, goneMs })
    opened.push(sharing)
    return { said, close: sharing.close }
  }
  const users = async () => (await inspectRedis(redisUrl, prefix)).users
  const untilUsed = (count: number) =>
    vi.waitFor(async () => expect(await users()).toHaveLength(count), { timeout: PATIENCE_MS })
  const warning = expect.objectContaining({ event: 'redis.shared', hosts: [HOST] })

  it('each warns once of another database, and says what to do', async () => {
    const first = open(ours, { everyMs: 20 })
    await untilUsed(1)
    const second = open(theirs, { everyMs: 20 })
    const both = () => expect([first.said, second.said]).toEqual([[warning], [warning]])
    await vi.waitFor(both, { timeout: PATIENCE_MS })
    await sleep(100)
    both()
    expect(first.said).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/a Redis database of its own/) }),
    ])
  })

  it('those of one database have nothing to say', async () => {
    const [first, second] = [open(ours, { everyMs: 20 }), open(ours, { everyMs: 20 })]
    await untilUsed(2)
    await sleep(100)
    expect([first.said, second.said]).toEqual([[], []])
    expect(await users()).toEqual(Array(2).fill({ databaseId: ours, host: HOST }))
  })

  it('who has ended is not told of, and who comes back is', async () => {
    const replaced = open(theirs)
    await untilUsed(1)
    await replaced.close()
    expect(await users()).toEqual([])
    const first = open(ours, { everyMs: 20 })
    for (const times of [1, 2]) {
      const other = open(theirs)
      const until = (length: number) =>
        vi.waitFor(() => expect(first.said).toHaveLength(length), { timeout: PATIENCE_MS })
      await until(2 * times - 1)
      await other.close()
      await until(2 * times)
    }
    const alone = expect.objectContaining({ event: 'redis.alone' })
    expect(first.said).toEqual([warning, alone, warning, alone])
  })

  it('who was killed is not told of once it is silent', async () => {
    open(theirs)
    await untilUsed(1)
    await sleep(20)
    const { said, close } = open(ours, { goneMs: 10 })
    await close()
    expect(said).toEqual([])
  })

  it('a Redis that is away keeps nobody, and is told of by the queue', async () => {
    const { said, close } = open(ours, { url: 'redis://127.0.0.1:1' })
    await close()
    expect(said).toEqual([])
  })
})

it('names each host of other databases once, and says nothing where there is none', () => {
  const users = ['b', 'a', 'b'].map((host) => ({ databaseId: 'theirs', host }))
  const own = { databaseId: 'ours', host: 'c' }
  expect(judgeSharing('ours', [own])).toEqual([])
  expect(judgeSharing('ours', [...users, own])).toEqual([
    expect.objectContaining({ state: 'warning', says: expect.stringMatching(/\(on a, b at present\)/) }),
  ])
})
