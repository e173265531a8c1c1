// What a provider's quota and a new sender's ramp allow now, counted from the requests for digests
// and notices themselves in days and months of UTC: a mail counts from its mark, so neither two
// workers at once nor one that was killed can overdraw it.
import { type Kysely, sql } from 'kysely'
import { lockInTransaction } from '../../database/client.ts'
import type { Database } from '../../database/schema.ts'
import type { Provider } from './provider.ts'
import { ensureRampDay, findRampDay, type RampDay } from './ramp.ts'

export interface Allowance {
  /** Mails that may still go; Infinity where no quota is known. */
  mails: number
  /** Until more may go, in milliseconds. */
  waitMs: number
  /** The reason that people read who have to wait for it. */
  reason: 'quota: tomorrow' | 'quota: next month' | 'warm-up: tomorrow'
  /** Where the sender stands on its ramp, the same for all providers; null without one. */
  ramp: RampDay | null
}

type Limited = Pick<Provider, 'name' | 'quota'>

const NO_LIMIT: Allowance = { mails: Number.POSITIVE_INFINITY, waitMs: 0, reason: 'quota: tomorrow', ramp: null }

/**
 * Returns what may still go now. Mails of unknown outcome count as sent; those that were certainly
 * not accepted do not.
 */
export async function getAllowance(db: Kysely<Database>, { name, quota }: Limited): Promise<Allowance> {
  const ramp = (quota.ramp && (await findRampDay(db, quota.ramp))) ?? null
  if (quota.day === null && quota.month === null && ramp === null) return NO_LIMIT
  const { rows } = await sql<{ day: number; month: number; to_day: number; to_month: number }>`
    with clock as (select round_clock() at time zone 'UTC' as now),
    begun as (select now, date_trunc('day', now) as day, date_trunc('month', now) as month from clock),
    mails as (
      select b.first_attempt_at as at, cardinality(b.members) as count from batches b
      where b.provider = ${name} and b.state in ('attempting', 'unknown', 'settled')
        and b.first_attempt_at >= (select month at time zone 'UTC' from begun)
      union all
      select n.first_attempt_at, 1 from notices n
      where n.provider = ${name} and n.state in ('attempting', 'unknown', 'submitted')
        and n.first_attempt_at >= (select month at time zone 'UTC' from begun)
    )
    select coalesce((select sum(count) from mails where at >= begun.day at time zone 'UTC'), 0)::float8 as day,
      coalesce((select sum(count) from mails), 0)::float8 as month,
      (extract(epoch from day + interval '1 day' - now) * 1000)::float8 as to_day,
      (extract(epoch from month + interval '1 month' - now) * 1000)::float8 as to_month
    from begun`.execute(db)
  const used = rows[0] as (typeof rows)[0]
  const day = Math.max(0, (quota.day ?? Number.POSITIVE_INFINITY) - used.day)
  const month = Math.max(0, (quota.month ?? Number.POSITIVE_INFINITY) - used.month)
  if (ramp !== null && ramp.left < Math.min(day, month)) {
    return { mails: ramp.left, waitMs: used.to_day, reason: 'warm-up: tomorrow', ramp }
  }
  return month <= day
    ? { mails: month, waitMs: used.to_month, reason: 'quota: next month', ramp }
    : { mails: day, waitMs: used.to_day, reason: 'quota: tomorrow', ramp }
}

/** So long a process goes by what its last mark read, in milliseconds. */
const KNOWN_MS = 1_000

/** By provider: what was left after this process's last mark. Kept per database handle. */
const known = new WeakMap<Kysely<Database>, Map<string, { allowance: Allowance; at: number }>>()

/**
 * Returns what may still go, as of a mark of this process a moment ago where that is far more than
 * a batch. Only which batch is built hangs on it: the mark counts anew.
 */
export async function recallAllowance(
  db: Kysely<Database>,
  provider: Limited & Pick<Provider, 'batchSize'>,
): Promise<Allowance> {
  const { allowance, at } = known.get(db)?.get(provider.name) ?? {}
  const isYoung = at !== undefined && performance.now() - at < KNOWN_MS
  if (allowance && isYoung && allowance.mails > 2 * provider.batchSize) return allowance
  return getAllowance(db, provider)
}

/**
 * Runs `mark` only while the quota and the ramp cover `mails` more digests, one marker at a time;
 * returns undefined when they do not.
 */
export async function withinQuota<T>(
  db: Kysely<Database>,
  provider: Limited,
  mails: number,
  mark: (db: Kysely<Database>) => Promise<T>,
): Promise<T | undefined> {
  const { day, month, ramp } = provider.quota
  // A ramp that is over does not come back.
  const isNew = ramp !== undefined && (await findRampDay(db, ramp)) !== undefined
  if (day === null && month === null && !isNew) return mark(db)
  return db.transaction().execute(async (trx) => {
    await lockInTransaction(trx, `quota-${provider.name}`)
    if (isNew) await lockInTransaction(trx, `ramp-${ramp.domain}`)
    const allowance = await getAllowance(trx, provider)
    const kept = known.get(db) ?? new Map()
    known.set(db, kept.set(provider.name, { allowance, at: performance.now() }))
    if (allowance.mails < mails) return undefined
    if (isNew) await ensureRampDay(trx, ramp.domain)
    return mark(trx)
  })
}
