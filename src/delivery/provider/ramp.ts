// A new sender's ramp: to how many readers a day its domain writes while receivers get to know it.
// Days are those of UTC on which it sends; a day without a digest is none of the ramp's. Counted
// over all providers, from the requests themselves as quotas are.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { PROVIDER_NAMES, type Ramp } from './provider.ts'

/** Where a sender stands on its ramp today. */
export interface RampDay {
  /** The domain that the ramp is of. */
  domain: string
  /** Which day of the ramp today is, or will be once it sends: 1 … `of`. */
  day: number
  of: number
  /** Whether it has sent today. */
  begun: boolean
  /** To how many readers it may write today, and to how many more. */
  readers: number
  left: number
}

/** Finds where a sender stands today; undefined once the ramp is over. */
export async function findRampDay(db: Kysely<Database>, { domain, days }: Ramp): Promise<RampDay | undefined> {
  const { rows } = await sql<{ days: number | null; begun: boolean; used: number }>`
    with today as (select (round_clock() at time zone 'UTC')::date as date)
    select s.days, coalesce(s.last_day >= today.date, false) as begun, coalesce((
      select sum(cardinality(b.members)) from batches b
      where b.provider = any(${[...PROVIDER_NAMES]}::text[]) and b.state in ('attempting', 'unknown', 'settled')
        and s.since is not null and b.first_attempt_at >= greatest(s.since, today.date::timestamp at time zone 'UTC')
    ), 0)::float8 as used
    from today left join sender_domains s on s.domain = ${domain}`.execute(db)
  const { days: past, begun, used } = rows[0] as (typeof rows)[0]
  const day = (past ?? 0) + (begun ? 0 : 1)
  const readers = days[day - 1]
  if (readers === undefined) return undefined
  return { domain, day, of: days.length, begun, readers, left: Math.max(0, readers - used) }
}

/** Notes, before a mark, that the domain sends today: its first day, or another one. */
export async function ensureRampDay(db: Kysely<Database>, domain: string): Promise<void> {
  await sql`
    insert into sender_domains as s (domain) values (${domain})
    on conflict (domain) do update set days = s.days + 1, last_day = excluded.last_day
      where s.last_day < excluded.last_day`.execute(db)
}
