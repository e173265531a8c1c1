// The members of a batch up to its mark: who they are, and who must leave and why. Only reads.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { fixedPart } from '../../database/prepared.ts'
import type { Database } from '../../database/schema.ts'
import { lastHourSql, localDateSql } from '../../subscriber/calendar.ts'
import { READER_HOURS } from '../../subscriber/clock.ts'
import type { WithheldReason } from '../delivery.ts'

/** One member of a batch: everything that its bytes depend on. */
export interface Member {
  subscriberId: number
  /** The subscriber's public id: what links to leave and to preferences name. */
  subscriberPublicId: string
  /** The delivery's public id: what a view link names. */
  publicId: string
  selectionId: number
  address: string
  tokenEpoch: number
  keyId: number
  issuedAt: Date
}

/**
 * A member as its delivery row has it: what is settled, and whoever was erased, keeps less than a
 * mail needs.
 */
export type MemberRow = Pick<Member, 'subscriberId' | 'subscriberPublicId' | 'publicId'> & {
  [Key in 'selectionId' | 'address' | 'tokenEpoch' | 'keyId' | 'issuedAt']: Member[Key] | null
}

/** Tells whether everything is there that a member's bytes depend on. */
export function isWhole<Row extends MemberRow>(row: Row): row is Row & Member {
  return (
    row.selectionId !== null &&
    row.address !== null &&
    row.tokenEpoch !== null &&
    row.keyId !== null &&
    row.issuedAt !== null
  )
}

/**
 * Why a member must not go with its batch; `accounted` when the provider has reported of it
 * already.
 */
export type Leaving = WithheldReason | 'accounted'

/** A member, with the reason why it must be dropped, if any. */
export type MaybeLeaving = MemberRow & { leaving: Leaving | null }

/**
 * Lists a batch's members in the order of its request, each with the reason why it must be dropped,
 * if any.
 */
export async function listMembers(db: Kysely<Database>, batchId: number): Promise<MaybeLeaving[]> {
  const { rows } = await sql<MaybeLeaving>`
    select d.subscriber_id as "subscriberId", s.public_id as "subscriberPublicId", d.public_id as "publicId",
      d.selection_id as "selectionId", d.address, d.token_epoch as "tokenEpoch", d.key_id as "keyId", d.issued_at as "issuedAt",
      ${leavingSql('d', 's')} as leaving
    from batches b
    cross join unnest(b.members) with ordinality m(subscriber_id, place)
    cross join ${deliveryOfSql('b', sql`m.subscriber_id`)} d
    join subscribers s on s.id = m.subscriber_id
    where b.id = ${batchId}
    order by m.place`.execute(db)
  return rows
}

/**
 * A member's delivery, by its key: PostgreSQL, which makes its plan while an edition is young,
 * would else believe that reading all of it is as quick.
 */
export function deliveryOfSql(batch: string, subscriberId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`lateral (
      select * from deliveries o where o.edition_id = ${sql.table(batch)}.edition_id and o.subscriber_id = ${subscriberId} offset 0
    )`
}

/** Members as a claim reads them along, each the columns of `membersSql` in their order. */
export type MembersJson = [
  subscriberId: number,
  subscriberPublicId: string,
  publicId: string,
  selectionId: number | null,
  address: string | null,
  tokenEpoch: number | null,
  keyId: number | null,
  /** In milliseconds. */
  issuedAt: number | null,
  leaving: Leaving | null,
][]

/**
 * What listMembers lists of `batch`, in the statement that claims it: a row of `list`, and of
 * whether any digest of them `slid` into a later local day. Which of those must not go any more,
 * only listMembers tells: it takes a long statement, for what as a rule is nobody.
 */
export const membersSql = fixedPart((batch: string): RawBuilder<unknown> => {
  const b = sql.table(batch)
  return sql`lateral (
    select coalesce(json_agg(json_build_array(d.subscriber_id, s.public_id, d.public_id, d.selection_id, d.address,
        d.token_epoch, d.key_id, floor(extract(epoch from d.issued_at) * 1000)::int8, ${leavingInAnyCaseSql('d', 's')})
        order by m.place), '[]') as list,
      coalesce(bool_or(${hasSlidSql('d', 's')}), false) as slid
    from unnest(${b}.members) with ordinality m(subscriber_id, place)
    cross join ${deliveryOfSql(batch, sql`m.subscriber_id`)} d
    join subscribers s on s.id = m.subscriber_id
  )`
})

/** Reads what membersSql told. */
export function readMembers(members: MembersJson): MaybeLeaving[] {
  return members.map(
    ([subscriberId, subscriberPublicId, publicId, selectionId, address, tokenEpoch, keyId, issuedAt, leaving]) => ({
      subscriberId,
      subscriberPublicId,
      publicId,
      selectionId,
      address,
      tokenEpoch,
      keyId,
      issuedAt: issuedAt === null ? null : new Date(issuedAt),
      leaving,
    }),
  )
}

/** The local day of reader `s`, now. */
export function todaySql(s: string): RawBuilder<unknown> {
  return localDateSql(s, sql`round_now()`)
}

/**
 * Tells whether a reader's delivery was planned for the local day of its planning and that day is
 * over. What is sent by hand keeps its date.
 */
export const hasSlidSql = fixedPart((delivery: string, reader: string): RawBuilder<boolean> => {
  const d = sql.table(delivery)
  return sql<boolean>`(${d}.state = 'planned' and ${d}.local_date < ${todaySql(reader)}
    and ${d}.local_date = ${localDateSql(reader, sql`${d}.issued_at`)})`
})

/**
 * Tells whether the day that a delivery slid into brings its reader a newer edition: planned
 * already, or due since their last hour.
 */
function isOvertakenSql(delivery: string, reader: string): RawBuilder<boolean> {
  const d = sql.table(delivery)
  return sql<boolean>`(
    exists (
      select from deliveries o where o.subscriber_id = ${d}.subscriber_id and o.local_date >= ${todaySql(reader)}
        and o.edition_id <> ${d}.edition_id
    ) or exists (
      select from editions own join editions n on n.kind = own.kind and n.date > own.date and n.state = 'frozen' and not n.archive
      where own.id = ${d}.edition_id and n.frozen_at > (select c.waiting_since from ${READER_HOURS} c where c.subscriber_id = ${d}.subscriber_id) and n.frozen_at <= ${lastHourSql(reader, sql`round_now()`)}
        and not exists (select from deliveries o where o.edition_id = n.id and o.subscriber_id = ${d}.subscriber_id)
    )
  )`
}

/** Says why a reader with a delivery must not get it any more; null when they may. */
export const leavingSql = fixedPart(
  (delivery: string, reader: string) =>
    sql<Leaving | null>`coalesce(${leavingInAnyCaseSql(delivery, reader)}, case
    when ${hasSlidSql(delivery, reader)} and ${isOvertakenSql(delivery, reader)} then 'merged'
  end)`,
)

/** The same, but for what a later local day brings. */
export const leavingInAnyCaseSql = fixedPart((delivery: string, reader: string) => {
  const [d, s] = [sql.table(delivery), sql.table(reader)]
  return sql<Leaving | null>`case
    when ${d}.state <> 'planned' then 'accounted'
    when ${s}.consent <> 'confirmed' or ${s}.address is distinct from ${d}.address then 'left'
    when exists (select from suppressions x where x.address_hash = ${s}.address_hash offset 0) then 'suppressed'
    when ${s}.paused_until is not null and ${s}.paused_until >= ${todaySql(reader)} then 'paused'
  end`
})
