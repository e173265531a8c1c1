// What the host's morning report tells: the editions of the last two days, and the readers of the
// last one. Never writes.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { LeavingReason } from '../../database/states.ts'
import { readShares, type Shares } from '../sending/good-name.ts'
import { type EditionFigures, listEditionFigures } from './accounting.ts'
import { lagsSql } from './newest.ts'

export interface Morning {
  now: Date
  /** Those that froze within two days, the newest first: it is still going out. */
  editions: EditionFigures[]
  /** How long the slowest email of the last day was on its way; null where none went. */
  slowestSeconds: number | null
  /** Confirmed readers. */
  reading: number
  /** Within the last day. */
  joined: number
  left: number
  /** Why they left, as far as they said; the most frequent first. */
  reasons: { reason: LeavingReason; count: number }[]
  /** Complaints and hard bounces of the last 7 and 30 days. */
  shares: Shares[]
}

const EDITION_HOURS = 48
/** More than a daily and a weekly edition a day are none of the round's. */
const EDITIONS_MAX = 4

/** Reads what became of the last day. */
export async function readMorning(db: Kysely<Database>): Promise<Morning> {
  const { rows: readers } = await sql<Pick<Morning, 'now' | 'reading' | 'joined' | 'left'>>`
    select round_clock() as now, count(*) filter (where s.consent = 'confirmed') as reading,
      count(*) filter (where s.consent = 'confirmed'
        and coalesce(s.confirmed_at, s.created_at) > round_clock() - interval '1 day') as joined,
      count(*) filter (where s.left_at > round_clock() - interval '1 day') as left
    from subscribers s where s.address is not null`.execute(db)
  const { rows: reasons } = await sql<Morning['reasons'][number]>`
    select s.left_reason as reason, count(*) as count from subscribers s
    where s.left_at > round_clock() - interval '1 day' and s.left_reason is not null group by 1 order by 2 desc, 1`.execute(
    db,
  )
  const editions = await listEditionFigures(db, EDITIONS_MAX, EDITION_HOURS)
  const ids = editions.map(({ id }) => id)
  const { rows: slowest } = await sql<{ seconds: number | null }>`
    select max(l.lag) as seconds from (${lagsSql(ids)}) l where l.submitted_at > round_clock() - interval '1 day'`.execute(
    db,
  )
  return {
    ...(readers[0] as (typeof readers)[0]),
    editions,
    slowestSeconds: slowest[0]?.seconds ?? null,
    reasons: [...reasons],
    shares: await readShares(db),
  }
}
