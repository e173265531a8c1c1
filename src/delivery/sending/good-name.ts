// The sender's good name: what share of the emails of the last 7 and 30 days brought a complaint or
// a hard bounce, by the day (UTC) on which they were submitted, against what Gmail asks of senders.
// The brake stops what is in flight where a share is past bearing.

import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { grouped } from '../../digest/text/words.ts'
import { PROVIDER_NAMES } from '../provider/provider.ts'
import { getLiftedOn, listInFlight, markBraked, SUBMITTED_MIN } from './brake.ts'
import { REPORTS_MIN } from './glance.ts'

/** What was submitted on one day, and how many readers of it complained or bounced since. */
export interface SentDay {
  /** `YYYY-MM-DD`, in UTC. */
  day: string
  /** Emails of answered requests; the few that were refused one by one are among them. */
  sent: number
  complaints: number
  bounces: number
}

/** The same over several days up to today. */
export interface Shares extends Omit<SentDay, 'day'> {
  days: number
  /** 0 … 1; null where fewer than SUBMITTED_MIN were sent, of which a share says little. */
  complaintShare: number | null
  bounceShare: number | null
}

const WINDOWS = [7, 30] as const
/** Gmail asks senders to stay under the first, and never to reach the second. */
export const COMPLAINTS = { warn: 0.001, harm: 0.003 }
/** Above it receivers take a list for bought or stale. */
export const BOUNCES = { harm: 0.02 }
/** A request may be answered this late: until then its day is counted anew. */
const OPEN_DAYS = 2

/** Returns the shares of each window, the shortest first. */
export async function readShares(db: Kysely<Database>): Promise<Shares[]> {
  const days = await listSentDays(db)
  return WINDOWS.map((window) => sharesOf(days, window))
}

/** Adds up the last `window` days; those up to `after` (a day) count no more. Pure. */
export function sharesOf(days: readonly SentDay[], window: number, after: string | null = null): Shares {
  const within = days.slice(-window).filter(({ day }) => after === null || day > after)
  const sum = (of: 'sent' | 'complaints' | 'bounces') => within.reduce((total, day) => total + day[of], 0)
  const [sent, complaints, bounces] = [sum('sent'), sum('complaints'), sum('bounces')]
  const shareOf = (reports: number) => (sent < SUBMITTED_MIN ? null : reports / sent)
  return { days: window, sent, complaints, bounces, complaintShare: shareOf(complaints), bounceShare: shareOf(bounces) }
}

/** Tells whether a share is reached, by more than a few readers. Pure. */
export function isReached(limit: number, share: number | null, reports: number): boolean {
  return share !== null && share >= limit && reports >= REPORTS_MIN
}

/** Returns why nothing more must go, null when it may. Pure. */
export function findHarmOfDays(days: readonly SentDay[], liftedOn: string | null): string | null {
  for (const window of WINDOWS) {
    const { complaints, bounces, sent, complaintShare, bounceShare } = sharesOf(days, window, liftedOn)
    const of = (count: number) => `${grouped(count)} of ${grouped(sent)} sent within ${window} days`
    if (isReached(COMPLAINTS.harm, complaintShare, complaints))
      return `complaints about ${of(complaints)}, 0.3 % or more`
    if (isReached(BOUNCES.harm, bounceShare, bounces)) return `hard bounces of ${of(bounces)}, 2 % or more`
  }
  return null
}

/**
 * Stops every edition in flight while the shares are past bearing. What the operator lifts is
 * judged by what is sent from the next day on. Returns the reason and how many editions it stopped.
 */
export async function markBrakedByDays(db: Kysely<Database>): Promise<{ why: string; editions: number } | null> {
  const inFlight = await listInFlight(db)
  if (inFlight.length === 0) return null
  const why = findHarmOfDays(await listSentDays(db), await getLiftedOn(db))
  if (why === null) return null
  for (const id of inFlight) await markBraked(db, id, why)
  return { why, editions: inFlight.length }
}

/** Keeps how much was sent on days that are over, so that nobody counts them again. */
export async function ensureSentDays(db: Kysely<Database>): Promise<void> {
  await sql`
    insert into sent_days (day, sent)
    select g.day::date, ${sentOnSql('g')} from ${daysSql()} g
    where g.day < ${todaySql()} - ${sql.lit(OPEN_DAYS)} and not exists (select from sent_days k where k.day = g.day::date)
    on conflict do nothing`.execute(db)
}

/** Lists the days of the longest window, today last. */
export async function listSentDays(db: Kysely<Database>): Promise<SentDay[]> {
  const { rows } = await sql<{ day: string | null; sent: number; complaints: number | null; bounces: number | null }>`
    with harm as (
      select (b.first_attempt_at at time zone 'UTC')::date as day,
        count(distinct (v.edition_id, v.subscriber_id)) filter (where v.type = 'complained') as complaints,
        count(distinct (v.edition_id, v.subscriber_id)) filter (where v.type = 'hard-bounce') as bounces
      from events v
      join deliveries d on d.edition_id = v.edition_id and d.subscriber_id = v.subscriber_id
      cross join lateral (select b.first_attempt_at from batches b where b.id = d.batch_id offset 0) b
      where v.type in ('hard-bounce', 'complained') and v.received_at >= (${firstDaySql()}::timestamp at time zone 'UTC')
        and b.first_attempt_at >= (${firstDaySql()}::timestamp at time zone 'UTC')
      group by 1
    )
    select g.day::date::text as day, coalesce(k.sent, ${sentOnSql('g')})::float8 as sent, h.complaints, h.bounces
    from ${daysSql()} g left join sent_days k on k.day = g.day::date left join harm h on h.day = g.day::date
    order by g.day`.execute(db)
  // Every row has a day: it is computed, of which PostgreSQL promises nothing.
  return rows.flatMap(({ day, sent, complaints, bounces }) =>
    day === null ? [] : [{ day, sent, complaints: complaints ?? 0, bounces: bounces ?? 0 }],
  )
}

function todaySql(): RawBuilder<unknown> {
  return sql`(round_clock() at time zone 'UTC')::date`
}

function firstDaySql(): RawBuilder<unknown> {
  return sql`(${todaySql()} - ${sql.lit(Math.max(...WINDOWS) - 1)})`
}

function daysSql(): RawBuilder<unknown> {
  return sql`(select ${firstDaySql()} + n as day from generate_series(0, ${sql.lit(Math.max(...WINDOWS) - 1)}) n)`
}

/** Emails of the answered requests of day `g.day`, as far as batches know. */
function sentOnSql(g: string): RawBuilder<number> {
  const day = sql`${sql.table(g)}.day`
  return sql<number>`(
    select coalesce(sum(cardinality(b.members)), 0)::int from batches b
    where b.provider = any(${[...PROVIDER_NAMES]}::text[]) and b.state = 'settled' and b.reason is null
      and b.first_attempt_at >= ${day}::timestamp at time zone 'UTC'
      and b.first_attempt_at < (${day} + 1)::timestamp at time zone 'UTC'
  )`
}
