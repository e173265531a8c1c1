// The witness in Redis: one key a database, raised by one script, so that concurrent processes
// never lower it. Beside the queue, but it must not be lost with it: a copy of PostgreSQL is
// restored without touching Redis.
import * as z from 'zod'
import { openRedisBeside } from '../../database/redis-beside.ts'
import { SECOND_MS } from '../../time.ts'
import type { Witness } from './witness.ts'

/** Far above a healthy answer, and short against a lease. */
const COMMAND_MS = 2 * SECOND_MS

const RAISE = `
local kept = redis.call('hmget', KEYS[1], 'branch', 'number')
local branch, number = tonumber(kept[1] or -1), tonumber(kept[2] or -1)
if tonumber(ARGV[1]) > branch or (tonumber(ARGV[1]) == branch and tonumber(ARGV[2]) > number) then
  redis.call('hset', KEYS[1], 'branch', ARGV[1], 'number', ARGV[2])
end
return 1`

const kept = z.tuple([z.coerce.number().int(), z.coerce.number().int()])

/** Connects on first use. `prefix` stands before the keys. */
export function openRedisWitness(url: string, prefix: string): Witness {
  const redis = openRedisBeside(url, COMMAND_MS)
  const keyOf = (databaseId: string) => `${prefix}:witness:${databaseId}`
  return {
    name: 'Redis',
    async read(databaseId) {
      const values = await (await redis.connected()).hmget(keyOf(databaseId), 'branch', 'number')
      if (values.every((value) => value === null)) return undefined
      const [branch, number] = kept.parse(values)
      return { branch, number }
    },
    async raise({ databaseId, branch, number }) {
      await (await redis.connected()).eval(RAISE, 1, keyOf(databaseId), branch, number)
    },
    async check() {
      await (await redis.connected()).set(`${prefix}:witness-check`, '1', 'PX', COMMAND_MS)
    },
    async close() {
      redis.close()
    },
  }
}
