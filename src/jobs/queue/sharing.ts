// Who works in this Redis. Each process that has a queue there notes so, under the name of its
// database: two lists in one Redis take each other's jobs, and neither could tell otherwise. Told
// and never refused: after a restore both may be one list. Redis alone says who lives, by its own
// clock, so that a database that was replaced is told of no longer than its processes run.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Redis } from 'ioredis'
import { openRedisBeside } from '../../database/redis-beside.ts'
import type { Finding } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { SECOND_MS } from '../../time.ts'
import { KEY_PREFIX } from './backend.ts'

/** A process that lives. */
export interface RedisUser {
  databaseId: string
  /** The name of its machine or container. */
  host: string
}

interface SharingParts {
  redisUrl: string
  /** Stands before the queue's keys; undefined where they have the usual one. */
  prefix: string | undefined
  databaseId: string
  logger: Logger
}

const COMMAND_MS = 2 * SECOND_MS
const EVERY_MS = 20 * SECOND_MS
/** Three notes: one may be late, and another may fall into the restart of Redis. */
const GONE_MS = 60 * SECOND_MS

const NOTE = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('zremrangebyscore', KEYS[1], '-inf', now - ARGV[2])
redis.call('zadd', KEYS[1], now, ARGV[1])
redis.call('pexpire', KEYS[1], ARGV[2])
return redis.call('zrange', KEYS[1], 0, -1)`

/** Begins to note that this process lives, and warns once of each other database whose do. */
export function openSharing(
  { redisUrl, prefix, databaseId, logger }: SharingParts,
  { everyMs = EVERY_MS, goneMs = GONE_MS } = {},
): { close(): Promise<void> } {
  const redis = openRedisBeside(redisUrl, COMMAND_MS)
  const key = keyOf(prefix)
  const self = `${databaseId} ${randomUUID()} ${hostname()}`
  let told = new Set<string>()

  const note = async () => {
    try {
      const members = await (await redis.connected()).eval(NOTE, 1, key, self, goneMs)
      const others = othersThan(databaseId, (members as string[]).map(readMember))
      const fresh = others.filter((each) => !told.has(each.databaseId))
      for (const { says, remedy } of judgeSharing(databaseId, fresh)) {
        logger.warn({ event: 'redis.shared', hosts: hostsOf(fresh) }, `${says}: ${remedy}`)
      }
      if (told.size > 0 && others.length === 0) {
        logger.info({ event: 'redis.alone' }, 'no other list works in this Redis any more')
      }
      told = new Set(others.map((each) => each.databaseId))
    } catch {
      // The queue tells of a Redis that is away.
    }
  }

  let noting = note()
  const timer = setInterval(() => {
    noting = noting.then(note)
  }, everyMs)
  timer.unref()
  return {
    async close() {
      clearInterval(timer)
      await noting
      try {
        await (await redis.connected()).zrem(key, self)
      } catch {
        // Silence says the same in a minute.
      }
      redis.close()
    },
  }
}

/** Lists the processes that live, at a moment of Redis' own clock. */
export async function listRedisUsers(redis: Redis, prefix: string | undefined, at: Date): Promise<RedisUser[]> {
  return (await redis.zrangebyscore(keyOf(prefix), at.getTime() - GONE_MS, '+inf')).map(readMember)
}

/** Judges who works in the same Redis as database `databaseId`. Nothing where it is alone. Pure. */
export function judgeSharing(databaseId: string, users: readonly RedisUser[]): Finding[] {
  const hosts = hostsOf(othersThan(databaseId, users))
  if (hosts.length === 0) return []
  return [
    {
      state: 'warning',
      says: `another list works in this Redis too (on ${hosts.join(', ')} at present): each takes jobs of the other, which then wait for the sweep, and both keep to one pace`,
      remedy: 'give each list a Redis database of its own, as in REDIS_URL=redis://HOST:6379/1',
    },
  ]
}

function othersThan(databaseId: string, users: readonly RedisUser[]): RedisUser[] {
  return users.filter((each) => each.databaseId !== databaseId)
}

function hostsOf(users: readonly RedisUser[]): string[] {
  return [...new Set(users.map(({ host }) => host))].sort()
}

function keyOf(prefix = KEY_PREFIX): string {
  return `${prefix}:processes`
}

function readMember(member: string): RedisUser {
  const [databaseId = '', , host = ''] = member.split(' ')
  return { databaseId, host }
}
