// The journal's second place: one sorted set by time. It may be emptied at any time; it helps where
// a host's folder is lost, or the host itself.
import { Redis } from 'ioredis'
import { SECOND_MS } from '../../time.ts'
import { readWish, WISH_KEPT_MS, type WishPlace, writeWish } from './wish.ts'

/** Somebody waits for the answer; the file has the wish by then. */
const COMMAND_MS = SECOND_MS
const RECONNECT_MS = 2 * SECOND_MS

/** Connects on first use. `prefix` stands before the key. */
export function openWishesInRedis(url: string, prefix: string): WishPlace {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: COMMAND_MS,
    commandTimeout: COMMAND_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, RECONNECT_MS),
  })
  // Each command reports its own failure.
  redis.on('error', () => {})
  let connecting: Promise<void> | undefined
  const connected = () => {
    connecting ??= redis.connect().catch(() => {})
    return connecting
  }
  const key = `${prefix}:wishes`
  return {
    name: 'Redis',
    async keep(wish) {
      await connected()
      const at = wish.at.getTime()
      await redis.zadd(key, at, writeWish(wish))
      await redis.zremrangebyscore(key, '-inf', at - WISH_KEPT_MS)
    },
    async list() {
      await connected()
      return (await redis.zrange(key, '0', '-1')).flatMap((line) => readWish(line) ?? [])
    },
    async close() {
      redis.disconnect()
    },
  }
}
