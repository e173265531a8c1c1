// The members of a batch up to its mark: who they are, who must leave and why, and how they go.
// Dropping is fenced by the lease.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { lastHourSql, localDateSql } from '../../subscriber/calendar.ts'
import { standingSql, type WithheldReason } from '../delivery.ts'
import type { ClaimedBatch, Member } from './batch.ts'

/**
 * Why a member must not go with its batch; `accounted` when the provider has reported of it
 * already.
 */
type Leaving = WithheldReason | 'accounted'

/**
 * Lists a batch's members in the order of its request, each with the reason why it must be dropped,
 * if any.
 */
export async function listMembers(
  db: Kysely<Database>,
  batchId: number,
): Promise<(Member & { leaving: Leaving | null })[]> {
  const { rows } = await sql<Member & { leaving: Leaving | null }>`
    select d.subscriber_id as "subscriberId", s.public_id as "subscriberPublicId", d.public_id as "publicId",
      d.selection_id as "selectionId", d.address, d.token_epoch as "tokenEpoch", d.key_id as "keyId", d.issued_at as "issuedAt",
      ${leavingSql} as leaving
    from batches b
    cross join unnest(b.members) with ordinality m(subscriber_id, place)
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = m.subscriber_id
    join subscribers s on s.id = m.subscriber_id
    where b.id = ${batchId}
    order by m.place`.execute(db)
  return rows
}

/**
 * Withholds members of a batch that was never accepted anywhere, each with its reason; the
 * accounted only leave. Returns false when the lease is lost.
 */
export async function dropMembers(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  leavers: readonly { subscriberId: number; reason: Leaving }[],
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const ids = leavers.map((leaver) => leaver.subscriberId)
    const { numAffectedRows } = await sql`
      update batches set members = array(select m from unnest(members) with ordinality u(m, place) where m <> all(${ids}::int[]) order by place),
        state = case when members <@ ${ids}::int[] then 'settled' else state end
      where id = ${batch.id} and lease_epoch = ${batch.epoch} and state in ${standingSql}`.execute(trx)
    if (Number(numAffectedRows) === 0) return false
    await sql`
      update deliveries d set state = 'withheld', reason = l.reason, local_date = null, address = null, changed_at = clock_timestamp()
      from unnest(${ids}::int[], ${leavers.map((leaver) => leaver.reason)}::text[]) as l(subscriber_id, reason)
      where d.edition_id = ${batch.editionId} and d.subscriber_id = l.subscriber_id and d.state = 'planned'`.execute(
      trx,
    )
    if (leavers.some((leaver) => leaver.reason === 'accounted')) await emptyAddresses(trx, batch.editionId, ids)
    return true
  })
}

/**
 * Empties the addresses of deliveries that are accounted for: a report may have come while their
 * request still needed them.
 */
export async function emptyAddresses(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
): Promise<void> {
  await sql`
    update deliveries d set address = null from unnest(${[...members]}::int[]) as m(subscriber_id)
    where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id
      and d.state not in ('planned', 'unknown') and d.address is not null`.execute(trx)
}

export const todaySql = localDateSql('s', sql`now()`)
/**
 * Tells whether delivery `d` was planned for the local day of its planning and that day is over.
 * What is sent by hand keeps its date.
 */
export const hasSlidSql = sql`(d.state = 'planned' and d.local_date < ${todaySql} and d.local_date = ${localDateSql('s', sql`d.issued_at`)})`
/**
 * Tells whether the day that `d` slid into brings reader `s` a newer edition: planned already, or
 * due since their last hour.
 */
const isOvertakenSql = sql`(
  exists (
    select from deliveries o where o.subscriber_id = d.subscriber_id and o.local_date >= ${todaySql} and o.edition_id <> d.edition_id
  ) or exists (
    select from editions own join editions n on n.kind = own.kind and n.date > own.date and n.state = 'frozen' and not n.archive
    where own.id = d.edition_id and n.frozen_at > s.waiting_since and n.frozen_at <= ${lastHourSql('s', sql`now()`)}
      and not exists (select from deliveries o where o.edition_id = n.id and o.subscriber_id = d.subscriber_id)
  )
)`

/** Why a reader `s` with delivery `d` must not get it any more; null when they may. */
export const leavingSql = sql<Leaving | null>`case
  when d.state <> 'planned' then 'accounted'
  when s.consent <> 'confirmed' or s.address is distinct from d.address then 'left'
  when exists (select from suppressions x where x.address_hash = s.address_hash) then 'suppressed'
  when s.paused_until >= (now() at time zone s.zone)::date then 'paused'
  when ${hasSlidSql} and ${isOvertakenSql} then 'merged'
end`
