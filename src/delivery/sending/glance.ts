// What a settle sees of its edition along the way, so that nobody has to ask after every batch:
// whether the brake has to look closer, and whether the end is near. Only reads, and counts no
// further than it matters.
import { type RawBuilder, sql } from 'kysely'
import { isUnsettledSql } from './transitions.ts'

export interface Glance {
  /** Harmful reports since the edition was last resumed, at most `REPORTS_MIN`. */
  reports: number
  /** Batches beside this one that are not settled, at most `NEAR_END`. */
  others: number
}

/** Fewer reports of harm than this stop nothing. */
export const REPORTS_MIN = 5
/** As many batches as may be settled at one moment without seeing each other. */
export const NEAR_END = 16

/** The columns of a glance that a settle of this batch returns along. */
export function glanceSql(editionId: number, batchId: number): RawBuilder<unknown> {
  return sql`(
      select count(*) from (
        select from events v where v.edition_id = ${editionId} and v.type in ('hard-bounce', 'complained')
          and v.received_at > coalesce((select e.resumed_at from editions e where e.id = ${editionId}), '-infinity')
        limit ${sql.lit(REPORTS_MIN)}
      ) harm
    ) as reports, (
      select count(*) from (
        select from batches b where b.edition_id = ${editionId} and ${isUnsettledSql('b')} and b.id <> ${batchId}
        limit ${sql.lit(NEAR_END)}
      ) near
    ) as others`
}
