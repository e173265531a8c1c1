// A batch: up to a hundred deliveries of one edition in one request. What of the common life is its
// own: its members, who may still leave it at the mark, and the edition that may be stopped.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import { hasSlidSql, leavingSql, todaySql } from './members.ts'
import type { Claimed, Subject } from './once.ts'
import { BATCH_LIFE, isUnsettledSql } from './transitions.ts'

interface BatchFacts {
  editionId: number
  /** How many members it has. */
  size: number
}

/** A batch in the hands of one worker until its lease is over. */
export type ClaimedBatch = Claimed & BatchFacts

export const BATCH: Subject<BatchFacts> = {
  name: 'batch',
  table: 'batches',
  life: BATCH_LIFE,
  hashColumn: 'recipe_sha256',
  versionColumn: 'join_version',
  facts: sql`u.edition_id as "editionId", cardinality(u.members) as size`,
  isHeld: sql<boolean>`exists (select from editions e where e.id = u.edition_id and ${isStoppedSql('e')})`,
  hasLeavers: sql<boolean>`exists (
    select from unnest(u.members) m join subscribers s on s.id = m
    join deliveries d on d.edition_id = u.edition_id and d.subscriber_id = m
    where ${leavingSql('d', 's')} is not null
  )`,
  // A digest that slid into a later local day takes that day. Should another have taken it at this
  // very moment, the key of subscriber and day refuses the mark as a whole, and the next claim
  // finds the reason to leave.
  withMark: (fresh) => sql`, moved as (
    update deliveries d set local_date = ${todaySql('s')}
    from marked cross join unnest(marked.members) m(id) join subscribers s on s.id = m.id
    where ${fresh}::boolean and d.edition_id = marked.edition_id and d.subscriber_id = m.id and ${hasSlidSql('d', 's')}
  )`,
  personal: [],
}

/**
 * Lists the batches of an edition that may be attempted now; with `only`, those of one subscriber.
 */
export async function listBatchesOf(db: Kysely<Database>, editionId: number, only: number | null): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select b.id from batches b
    where b.edition_id = ${editionId} and ${isUnsettledSql('b')} and b.next_attempt_at <= clock_timestamp()
      and (${only}::int is null or ${only}::int = any(b.members))
    order by b.id`.execute(db)
  return rows.map((row) => row.id)
}
