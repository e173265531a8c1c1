// The journal's second place: one sorted set by time. It may be emptied at any time; it helps where
// a host's folder is lost, or the host itself.
import { openRedisBeside } from '../../database/redis-beside.ts'
import { SECOND_MS } from '../../time.ts'
import { readWish, WISH_KEPT_MS, type WishPlace, writeWish } from './wish.ts'

/** Somebody waits for the answer; the file has the wish by then. */
const COMMAND_MS = SECOND_MS

/** Connects on first use. `prefix` stands before the key. */
export function openWishesInRedis(url: string, prefix: string): WishPlace {
  const redis = openRedisBeside(url, COMMAND_MS)
  const key = `${prefix}:wishes`
  return {
    name: 'Redis',
    async keep(wish) {
      const at = wish.at.getTime()
      const client = await redis.connected()
      await client.zadd(key, at, writeWish(wish))
      await client.zremrangebyscore(key, '-inf', at - WISH_KEPT_MS)
    },
    async check() {
      await (await redis.connected()).set(`${key}-check`, '1', 'PX', COMMAND_MS)
    },
    async list() {
      return (await (await redis.connected()).zrange(key, '0', '-1')).flatMap((line) => readWish(line) ?? [])
    },
    async close() {
      redis.close()
    },
  }
}
