// Where the turns of a provider are kept, so that all workers share them: in Redis where there is
// one, else in PostgreSQL. A text a provider that is read with the store's own clock and replaced
// only as it was read; nothing of it but a pause is needed for longer than a minute, and losing it
// costs one second's worth of requests too many at most, or one refusal a worker in a pause.
import { type Kysely, sql } from 'kysely'
import { openRedisBeside } from '../../database/redis-beside.ts'
import type { Database } from '../../database/schema.ts'
import { HOUR_MS, SECOND_MS } from '../../time.ts'

export interface PaceStore {
  /** Returns what is kept, null where nothing is, and the moment in milliseconds. */
  read(provider: string): Promise<{ text: string | null; now: number }>
  /** Replaces what was read; returns false where another worker was first. */
  swap(provider: string, before: string | null, after: string): Promise<boolean>
  close(): void
}

/** Far above a healthy answer: without one no request goes. */
const COMMAND_MS = 2 * SECOND_MS
/** Longer than any pause that a provider is granted. */
const KEPT_MS = 2 * HOUR_MS

const READ = `
local time = redis.call('time')
return {redis.call('get', KEYS[1]), time[1], time[2]}`

const SWAP = `
if (redis.call('get', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 1`

/** Connects on first use. `prefix` stands before the keys. */
export function openRedisPaces(url: string, prefix: string): PaceStore {
  const redis = openRedisBeside(url, COMMAND_MS)
  const keyOf = (provider: string) => `${prefix}:pace:${provider}`
  return {
    async read(provider) {
      const answer = await (await redis.connected()).eval(READ, 1, keyOf(provider))
      const [text, seconds, micros] = answer as [string | null, string, string]
      return { text, now: Number(seconds) * SECOND_MS + Number(micros) / 1_000 }
    },
    async swap(provider, before, after) {
      return (await (await redis.connected()).eval(SWAP, 1, keyOf(provider), before ?? '', after, KEPT_MS)) === 1
    },
    close: () => redis.close(),
  }
}

export function openPostgresPaces(db: Kysely<Database>): PaceStore {
  return {
    async read(provider) {
      const { rows } = await sql<{ text: string | null; now: number }>`
        select (select p.turns from provider_paces p where p.provider = ${provider}) as text,
          (extract(epoch from round_clock()) * 1000)::float8 as now`.execute(db)
      return rows[0] as (typeof rows)[0]
    },
    async swap(provider, before, after) {
      const { rows } =
        before === null
          ? await sql<{ provider: string }>`
            insert into provider_paces (provider, turns) values (${provider}, ${after})
            on conflict do nothing returning provider`.execute(db)
          : await sql<{ provider: string }>`
            update provider_paces p set turns = ${after} where p.provider = ${provider} and p.turns = ${before}
            returning p.provider`.execute(db)
      return rows.length > 0
    },
    close() {},
  }
}
