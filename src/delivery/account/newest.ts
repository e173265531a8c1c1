// The editions that should be with their readers by now: of each kind the newest whose cut-off is
// over, and the one before. Never writes.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind, EditionState } from '../../database/states.ts'
import { hourOnDaySql } from '../../subscriber/calendar.ts'

export interface NewestEdition {
  id: number
  date: string
  kind: EditionKind
  /** 0 for the newest of its kind, 1 for the one before. */
  age: number
  state: EditionState
  /** Whether its date was ever looked at. */
  looked: boolean
  /** Since its cut-off. */
  cutoffAgeSeconds: number
}

/** How many emails were submitted how long after they were due. */
export interface Lags {
  editionId: number
  /** Counts by the bound that is the first above them; one more for what is above all. */
  counts: number[]
  sumSeconds: number
}

/** Bounds of lags in seconds, from a minute to half a day: what is above 15 minutes is slow. */
export const LAG_BOUNDS = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200]

/** Lists the two newest due editions of each kind; the archive was never due. */
export async function listNewestEditions(db: Kysely<Database>): Promise<NewestEdition[]> {
  const { rows } = await sql<NewestEdition>`
    select n.id, n.date, n.kind, n.age, n.state, exists (select from collections c where c.date = n.date) as looked,
      extract(epoch from round_clock() - n.cutoff_at)::float8 as "cutoffAgeSeconds"
    from (
      select e.id, e.date, e.kind, e.state, e.cutoff_at,
        (row_number() over (partition by e.kind order by e.date desc))::int - 1 as age
      from editions e where not e.archive and e.cutoff_at <= round_clock()
    ) n
    where n.age < 2 order by n.kind, n.age`.execute(db)
  return rows
}

/**
 * Selects the submitted emails of editions with their lag in seconds. An email is due at its
 * reader's hour, and not before its edition froze or its reader last changed their choices: who
 * moved their hour since, or confirmed after it, had nobody wait.
 */
export function lagsSql(editionIds: readonly number[]) {
  const dueAt = hourOnDaySql(sql`d.local_date`, sql`s.hour`, sql`s.zone`)
  return sql`select d.edition_id, d.changed_at as submitted_at,
      greatest(0, extract(epoch from d.changed_at - greatest(${dueAt}, s.changed_at, e.frozen_at)))::float8 as lag
    from deliveries d join editions e on e.id = d.edition_id join subscribers s on s.id = d.subscriber_id
    where d.edition_id = any(${[...editionIds]}::int[]) and d.state = 'submitted' and d.local_date is not null`
}

/** Counts the submitted emails of editions by their lag. */
export async function listLags(db: Kysely<Database>, editionIds: readonly number[]): Promise<Lags[]> {
  const { rows } = await sql<{ editionId: number; bound: number | null; count: number; sum: number | null }>`
    select l.edition_id as "editionId", width_bucket(l.lag, ${[...LAG_BOUNDS]}::float8[]) as bound,
      count(*) as count, sum(l.lag) as sum
    from (${lagsSql(editionIds)}) l
    group by 1, 2`.execute(db)
  return editionIds.map((editionId) => {
    const own = rows.filter((row) => row.editionId === editionId)
    const counts = [...LAG_BOUNDS, 0].map((_, bound) => own.find((row) => row.bound === bound)?.count ?? 0)
    return { editionId, counts, sumSeconds: own.reduce((sum, row) => sum + (row.sum ?? 0), 0) }
  })
}
