// What Redis says of itself, for whoever asks whether the queue is safe in it. Nothing is changed
// but a key that passes.
import { Redis } from 'ioredis'
import { describeError } from '../../errors.ts'
import { within } from '../../time.ts'
import { CONNECT_MS, KEY_PREFIX, tryWritingTo } from './backend.ts'
import { listRedisUsers, type RedisUser } from './sharing.ts'

export interface RedisFacts {
  /** `7.0.15`. */
  version: string
  /** What it does when its memory is full. */
  evictionPolicy: string
  /** Whether anything of it outlives a restart. */
  isPersistent: boolean
  /** Why it takes no writes at present; null where it takes them. */
  refusal: string | null
  /** The processes whose queue is there, and which live. */
  users: RedisUser[]
  at: Date
}

/** Asks the server of a URL, of the queues under `prefix`. Rejects when it does not answer. */
export async function inspectRedis(url: string, prefix = KEY_PREFIX): Promise<RedisFacts> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: CONNECT_MS, retryStrategy: () => null })
  let trouble: unknown
  redis.on('error', (error) => {
    trouble = error
  })
  try {
    await within(CONNECT_MS, 'Connecting to Redis', redis.connect())
    const info = await redis.info()
    const [seconds, micros] = await redis.time()
    const at = new Date(Number(seconds) * 1_000 + Number(micros) / 1_000)
    const find = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
    return {
      version: find('redis_version'),
      evictionPolicy: find('maxmemory_policy'),
      isPersistent: find('aof_enabled') === '1' || (await savesSnapshots(redis)),
      refusal: await tryWritingTo(redis, prefix).then(() => null, describeError),
      users: await listRedisUsers(redis, prefix, at),
      at,
    }
  } catch (error) {
    throw new Error('Redis did not answer', { cause: trouble ?? error })
  } finally {
    redis.disconnect()
  }
}

/** A hosted server may hide its configuration: it then persists by its own rules. */
async function savesSnapshots(redis: Redis): Promise<boolean> {
  try {
    const [, schedule = ''] = (await redis.config('GET', 'save')) as string[]
    return schedule !== ''
  } catch {
    return true
  }
}
