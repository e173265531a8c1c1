// What RETENTION lets go: an old edition's personal facts and old notices, so many rows at a time
// that nobody waits for it. Who had which papers stays, and so do the accounts.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKey } from '../../edition/stop.ts'
import { isUnsettledSql, NOTICE_LIFE, statesSql } from './transitions.ts'

const DELIVERIES_A_STEP = 5_000
const NOTICES_A_STEP = 1_000

/** Finds the oldest edition that is past its time, holds something and waits for nothing. */
export async function findPrunable(
  db: Kysely<Database>,
  retentionMs: number,
): Promise<(EditionKey & { id: number }) | undefined> {
  const { rows } = await sql<EditionKey & { id: number }>`
    select e.id, e.date, e.kind from editions e
    where e.pruned_at is null and e.state in ('frozen', 'empty')
      and e.date < (round_now() - make_interval(secs => ${retentionMs / 1000}))::date
      and not exists (
        select from batches b where b.edition_id = e.id and ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity'
      )
    order by e.date, e.kind limit 1`.execute(db)
  return rows[0]
}

/**
 * Empties what names a person or an email in deliveries of an edition, those behind `after` (a
 * subscriber's row id) in order. Returns the last one of this step, null when there were no more.
 */
export async function emptyOldDeliveries(
  db: Kysely<Database>,
  editionId: number,
  after: number,
): Promise<number | null> {
  const { rows } = await sql<{ last: number | null }>`
    with step as materialized (
      select d.subscriber_id from deliveries d where d.edition_id = ${editionId} and d.subscriber_id > ${after}
      order by d.subscriber_id limit ${sql.lit(DELIVERIES_A_STEP)}
    ), emptied as (
      update deliveries d set provider_uuid = null, provider_id = null, address = null from step
      where d.edition_id = ${editionId} and d.subscriber_id = step.subscriber_id
        and num_nonnulls(d.provider_uuid, d.provider_id, d.address) > 0
    )
    select max(subscriber_id) as last from step`.execute(db)
  return rows[0]?.last ?? null
}

/** Removes notices that are past their time and wait for nothing, the oldest first. */
export async function pruneOldNotices(db: Kysely<Database>, retentionMs: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notices n where n.id in (
      select o.id from notices o
      where o.issued_at < round_now() - make_interval(secs => ${retentionMs / 1000})
        and o.state in ${statesSql(NOTICE_LIFE.prune.from)}
      order by o.issued_at limit ${sql.lit(NOTICES_A_STEP)}
    )`.execute(db)
  return Number(numAffectedRows)
}
