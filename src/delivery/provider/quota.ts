// What a provider's quota and a new sender's ramp allow now, counted from the requests for digests
// and notices themselves in days and months of UTC: a mail counts from its mark, so neither two
// workers at once nor one that was killed can overdraw it.
import { type Kysely, sql } from 'kysely'
import { lockInTransaction } from '../../database/client.ts'
import type { Database } from '../../database/schema.ts'
import type { Provider, QuotaReason } from './provider.ts'
import { ensureRampDay, findRampDay, type RampDay } from './ramp.ts'

export interface Allowance {
  /** Mails that may still go; Infinity where no quota is known. */
  mails: number
  /** Of them by the quota of the month alone. */
  ofMonth: number
  /** When more may go: the first moment of a day or month; null where no quota is known. */
  freeAt: Date | null
  /** Until then, in milliseconds. */
  waitMs: number
  /** The reason of whoever has to wait for it. */
  reason: QuotaReason
  /** Where the sender stands on its ramp, the same for all providers; null without one. */
  ramp: RampDay | null
}

type Limited = Pick<Provider, 'name' | 'quota'>

const NO_LIMIT: Allowance = {
  mails: Number.POSITIVE_INFINITY,
  ofMonth: Number.POSITIVE_INFINITY,
  freeAt: null,
  waitMs: 0,
  reason: 'quota: tomorrow',
  ramp: null,
}

/**
 * Returns what may still go now. Mails of unknown outcome count as sent; those that were certainly
 * not accepted do not.
 */
export async function getAllowance(db: Kysely<Database>, { name, quota }: Limited): Promise<Allowance> {
  const ramp = (quota.ramp && (await findRampDay(db, quota.ramp))) ?? null
  if (quota.day === null && quota.month === null && ramp === null) return NO_LIMIT
  const { rows } = await sql<UsedRow>`
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
      (day + interval '1 day') at time zone 'UTC' as next_day, (extract(epoch from day + interval '1 day' - now) * 1000)::float8 as to_day,
      (month + interval '1 month') at time zone 'UTC' as next_month, (extract(epoch from month + interval '1 month' - now) * 1000)::float8 as to_month
    from begun`.execute(db)
  const used = rows[0] as UsedRow
  const day = Math.max(0, (quota.day ?? Number.POSITIVE_INFINITY) - used.day)
  const month = Math.max(0, (quota.month ?? Number.POSITIVE_INFINITY) - used.month)
  const byDay = { ofMonth: month, freeAt: used.next_day, waitMs: used.to_day, ramp }
  if (ramp !== null && ramp.left < Math.min(day, month)) {
    return { ...byDay, mails: ramp.left, reason: 'warm-up: tomorrow' }
  }
  return month <= day
    ? { ...byDay, mails: month, freeAt: used.next_month, waitMs: used.to_month, reason: 'quota: next month' }
    : { ...byDay, mails: day, reason: 'quota: tomorrow' }
}

interface UsedRow {
  day: number
  month: number
  next_day: Date
  to_day: number
  next_month: Date
  to_month: number
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
