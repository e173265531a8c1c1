// The ledger's rows, one a digest and reader: every change of a delivery's state after planning, by
// the table of transitions.ts, and what becomes of notices without a worker. Whoever takes a reader
// out of a batch that waits takes the lease along, so that a worker that is building it finds at
// its mark that nothing is its own. A batch is always locked before its deliveries.
//
// Long because a delivery's state changes here and nowhere else.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import { arrayOf, arrayOfSame, withoutNulls } from '../../database/arrays.ts'
import type { Database } from '../../database/schema.ts'
import type { Fate } from '../../database/states.ts'
import type { MailOutcome } from '../provider/provider.ts'
import { isLowerSql } from '../provider/report.ts'
import { BATCH, type ClaimedBatch } from './batch.ts'
import type { Leaving } from './members.ts'
import { move } from './once.ts'
import { setIdSql, splitIdSql, splitIds } from './provider-id.ts'
import {
  BATCH_LIFE,
  DELIVERY_LIFE,
  isFreshSql,
  isUnaccountedSql,
  NOTICE_LIFE,
  statesSql,
  toSql,
} from './transitions.ts'

/** How long a request that may have been accepted keeps what its bytes are made of. */
const SEALED_HOURS = 24
/** As long as the limits of an address count. */
const ORPHANS_KEPT_DAYS = 30
/** So many old rows at a time that nobody waits for them. */
const DELIVERIES_A_STEP = 5_000
const NOTICES_A_STEP = 1_000
/** So many days a digest of the gap may be put back to find its reader's day free. */
const FREE_DAYS = 60
/**
 * The reason of a delivery that the operator left: it stays unknown and asks for nothing any more.
 */
export const DROPPED = 'left by the operator'
const ERASED_UNSETTLED = 'the reader was erased before it was settled'

const withheld = toSql(DELIVERY_LIFE.withhold)
/** What a delivery loses when it is withheld: its day is free again, and nobody's address stays. */
const freed = sql`local_date = null, address = null`

export type MailResult = { subscriberId: number; outcome: Extract<MailOutcome, { state: 'submitted' | 'rejected' }> }

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
    if (!(await move(trx, BATCH, batch, 'leave', without('u', sql`${ids}::int[]`)))) return false
    await sql`
      update deliveries d set state = ${withheld}, reason = l.reason, ${freed}, changed_at = round_clock()
      from unnest(${ids}::int[], ${leavers.map((leaver) => leaver.reason)}::text[]) as l(subscriber_id, reason)
      where d.edition_id = ${batch.editionId} and d.subscriber_id = l.subscriber_id
        and d.state in ${statesSql(DELIVERY_LIFE.withhold.from)}`.execute(trx)
    if (leavers.some((leaver) => leaver.reason === 'accounted')) await emptyAddresses(trx, batch.editionId, ids)
    return true
  })
}

/**
 * Withholds as merged what `overtaken` lists (a table of the transaction with batch_id, edition_id,
 * subscriber_id). Whoever was marked, split or laid out anew while this waited for the lock has
 * left their batch: they are taken off the list, and go on.
 */
export async function markOvertaken(trx: Transaction<Database>, overtaken: string): Promise<void> {
  const list = sql.table(overtaken)
  await sql`
    with fenced as (
      update batches b set lease_epoch = b.lease_epoch + 1
      where b.id = any(array(select distinct batch_id from ${list})) and ${isFreshSql('b')} returning b.id, b.members
    )
    delete from ${list} o where not exists (
      select from fenced f where f.id = o.batch_id and o.subscriber_id = any(f.members)
    )`.execute(trx)
  // In the second of the plan, so that explain can tell what its digests were made from.
  await markPassedOver(trx, sql`${list}`, 'merged', sql`date_trunc('second', round_now())`)
}

/**
 * Withholds what waits of `list` (edition_id, subscriber_id): a newer edition brings it, or it
 * waited too long.
 */
export async function markPassedOver(
  trx: Transaction<Database>,
  list: RawBuilder<unknown>,
  reason: 'merged' | 'late',
  at: RawBuilder<unknown> = sql`round_clock()`,
): Promise<void> {
  // The arrays keep it to the primary key: a table of millions is never read for a few readers.
  await sql`
    update deliveries d set state = ${withheld}, reason = ${reason}, ${freed}, changed_at = ${at}
    from ${list} o where d.edition_id = o.edition_id and d.subscriber_id = o.subscriber_id
      and d.edition_id = any(array(select distinct l.edition_id from ${list} l))
      and d.subscriber_id = any(array(select l.subscriber_id from ${list} l))
      and d.state in ${statesSql(DELIVERY_LIFE.withhold.from)}`.execute(trx)
}

/**
 * Takes a reader who is erased out of every batch that was never attempted, and empties every
 * personal column of what is settled; the public id stays, which names a mail and nobody. What a
 * provider may be taking at this moment is left to `pruneSealed`.
 */
export async function markErased(trx: Transaction<Database>, subscriberId: number): Promise<void> {
  await sql`
    with free as (
      update batches b set lease_epoch = b.lease_epoch + 1, next_attempt_at = round_clock(), ${sql.join(without('b', sql`array[${subscriberId}::int]`))}
      from deliveries d
      where d.subscriber_id = ${subscriberId} and d.state = 'planned' and b.id = d.batch_id and ${isFreshSql('b')}
      returning b.id
    )
    update deliveries d set state = ${withheld}, reason = 'left', local_date = null, changed_at = round_clock()
    from free where d.subscriber_id = ${subscriberId} and d.batch_id = free.id
      and d.state in ${statesSql(DELIVERY_LIFE.withhold.from)}`.execute(trx)
  await sql`
    update deliveries set ${nobodys} where subscriber_id = ${subscriberId} and state <> 'planned'`.execute(trx)
}

/**
 * Removes a reader's notices that were never attempted or are settled. Those under way are nobody's
 * from now on; their address and seal go when they are settled, or with `pruneSealed`.
 */
export async function markNoticesErased(trx: Transaction<Database>, subscriberId: number): Promise<void> {
  await sql`
    delete from notices n where n.subscriber_id = ${subscriberId} and n.state in ${statesSql(NOTICE_LIFE.erase.from)}`.execute(
    trx,
  )
  await sql`update notices set subscriber_id = null where subscriber_id = ${subscriberId}`.execute(trx)
}

/**
 * Follows up what was under way at an erasure: once it is settled it is emptied like the rest, and
 * what is still not settled after a day stays unknown and holds nothing personal.
 */
export async function pruneSealed(db: Kysely<Database>): Promise<void> {
  await sql`
    update deliveries d set ${nobodys},
      state = case when d.state in ${statesSql(DELIVERY_LIFE.expire.from)} then ${toSql(DELIVERY_LIFE.expire)} else d.state end,
      reason = case when d.state in ${statesSql(DELIVERY_LIFE.expire.from)} then ${ERASED_UNSETTLED} else d.reason end
    where d.subscriber_id = any(array(
        select s.id from subscribers s
        where s.address is null and s.changed_at > round_now() - make_interval(hours => ${3 * SEALED_HOURS})
      ))
      and d.issued_at is not null and exists (
        select from batches b where b.id = d.batch_id
          and (d.state <> 'planned' or b.first_attempt_at < round_clock() - make_interval(hours => ${SEALED_HOURS}))
        offset 0
      )`.execute(db)
  await sql`
    update notices n set address = null, sealed = null, state = ${toSql(NOTICE_LIFE.expire)}, next_attempt_at = 'infinity',
      changed_at = round_clock()
    where n.state in ${statesSql(NOTICE_LIFE.expire.from)} and (n.address is not null or n.sealed is not null)
      and n.first_attempt_at < round_clock() - make_interval(hours => ${SEALED_HOURS})`.execute(db)
}

/**
 * Removes notices of nobody any more, once the limits of an address no longer count them. Returns
 * how many.
 */
export async function pruneNotices(db: Kysely<Database>): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notices n where n.subscriber_id is null and n.address is null
      and n.state in ${statesSql(NOTICE_LIFE.prune.from)}
      and n.issued_at < round_clock() - make_interval(days => ${ORPHANS_KEPT_DAYS})`.execute(db)
  return Number(numAffectedRows)
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

/** Withholds the notices that were never attempted before `heldAt`. Returns how many. */
export async function markNoticesLate(trx: Transaction<Database>, heldAt: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    update notices n set state = ${toSql(NOTICE_LIFE.withhold)}, reason = 'late', address = null, sealed = null,
      lease_epoch = lease_epoch + 1, changed_at = round_clock()
    where n.issued_at <= ${heldAt}::timestamptz and n.mail_sha256 is null and n.state in ${statesSql(NOTICE_LIFE.withhold.from)}`.execute(
    trx,
  )
  return Number(numAffectedRows)
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

/**
 * The update of what a provider answered of mails; rows that are already settled stay as they are.
 */
export function answeringSql(editionId: number, results: readonly MailResult[]): RawBuilder<unknown> {
  // The key of each from the arrays, and once more by themselves: whatever PostgreSQL believes of a
  // fresh edition, where everything was submitted when it last looked, it reads these rows alone,
  // one by one.
  const ids = arrayOf(results.map((result) => result.subscriberId))
  const reasons = results.map(({ outcome }) => (outcome.state === 'rejected' ? outcome.reason : null))
  const { uuids, others } = splitIds(
    results.map(({ outcome }) => (outcome.state === 'submitted' ? outcome.providerId : null)),
  )
  return sql`
    update deliveries d set state = case when r.reason is null then 'submitted' else 'rejected' end::delivery_state,
      reason = r.reason, provider_uuid = r.provider_uuid, provider_id = r.provider_id, address = null,
      local_date = case when r.reason is null then d.local_date end, changed_at = round_clock()
    from unnest(
      ${arrayOfSame(editionId, results.length)}::int[], ${ids}::int[], ${withoutNulls(reasons)}::text[],
      ${arrayOf(withoutNulls(uuids))}::uuid[], ${withoutNulls(others)}::text[]
    ) as r(edition_id, subscriber_id, reason, provider_uuid, provider_id)
    where d.edition_id = r.edition_id and d.subscriber_id = r.subscriber_id and ${isUnaccountedSql('d')}
      and d.edition_id = ${editionId} and d.subscriber_id = any(${ids}::int[])`
}

/** Records what a provider answered of mails. */
export async function markAnswered(
  trx: Transaction<Database>,
  editionId: number,
  results: readonly MailResult[],
): Promise<void> {
  const { numAffectedRows } = await sql`${answeringSql(editionId, results)}`.execute(trx)
  if (Number(numAffectedRows) === results.length) return
  await emptyAddresses(
    trx,
    editionId,
    results.map((result) => result.subscriberId),
  )
}

/**
 * Notes that the provider did accept a mail of which we had no answer. Its address stays until the
 * whole batch is accounted for, since a repeat of the request needs the same bytes; then the batch
 * is settled.
 */
export async function markAccounted(
  trx: Transaction<Database>,
  { editionId, subscriberId, batchId }: { editionId: number; subscriberId: number; batchId: number | null },
  providerId: string | null,
): Promise<void> {
  // Of two last members at once, the second must see the first.
  const { rows } = await sql<{ members: number[] }>`
    select members from batches where id = ${batchId} and state in ${statesSql(BATCH_LIFE.account.from)} for update`.execute(
    trx,
  )
  await sql`
    update deliveries d set state = ${toSql(DELIVERY_LIFE.account)}, reason = null, ${setIdSql(sql`${providerId}::text`)},
      changed_at = round_clock()
    where d.edition_id = ${editionId} and d.subscriber_id = ${subscriberId} and ${isUnaccountedSql('d')}`.execute(trx)
  const members = rows[0]?.members
  if (members === undefined) return
  const { rows: open } = await sql`
    select from deliveries d join unnest(${members}::int[]) as m(subscriber_id) using (subscriber_id)
    where d.edition_id = ${editionId} and ${isUnaccountedSql('d')} limit 1`.execute(trx)
  if (open.length > 0) return
  await sql`update batches set state = ${toSql(BATCH_LIFE.account)}, reason = null where id = ${batchId}`.execute(trx)
  await emptyAddresses(trx, editionId, members)
}

/** A digest that a reader had in the gap that a restored copy has lost. */
export interface SentMail {
  subscriberId: number
  at: Date
  /** Null where no provider says so. */
  providerId: string | null
}

/** Notes that those of these mails of which nobody knew were sent. Returns how many. */
export async function markFoundSent(
  trx: Transaction<Database>,
  editionId: number,
  sent: readonly SentMail[],
): Promise<number> {
  const { numAffectedRows } = await sql`
    update deliveries d set state = ${toSql(DELIVERY_LIFE.account)}, reason = null, ${setIdSql(sql`m.provider_id`)}, changed_at = round_clock()
    from ${sentSql(sent)} where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id and ${isUnaccountedSql('d')}`.execute(
    trx,
  )
  return Number(numAffectedRows)
}

/**
 * Writes those of these mails that the copy has not planned, or passed over since; the latter only
 * where a provider says so. Without a selection of their own they have `selectionId`. Each takes
 * the reader's local day on which it went, or the last free one before.
 */
export async function markRecovered(
  trx: Transaction<Database>,
  editionId: number,
  sent: readonly SentMail[],
  selectionId: number,
): Promise<{ changed: number; inserted: number }> {
  const changed = await sql`
    update deliveries d set state = ${toSql(DELIVERY_LIFE.recover)}, reason = null, selection_id = coalesce(d.selection_id, ${selectionId}),
      local_date = free.day, ${setIdSql(sql`m.provider_id`)}, changed_at = round_clock()
    from ${sentSql(sent)} join subscribers s on s.id = m.subscriber_id cross join lateral (${freeDaySql('m', 's')}) free
    where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id and m.provider_id is not null
      and d.state in ${statesSql(DELIVERY_LIFE.recover.from)}`.execute(trx)
  const id = splitIdSql(sql`m.provider_id`)
  const inserted = await sql`
    insert into deliveries (edition_id, subscriber_id, selection_id, local_date, state, provider_uuid, provider_id, changed_at)
    select ${editionId}, s.id, ${selectionId}, free.day, ${toSql(DELIVERY_LIFE.record)}, ${id.uuid}, ${id.other}, round_clock()
    from ${sentSql(sent)} join subscribers s on s.id = m.subscriber_id cross join lateral (${freeDaySql('m', 's')}) free
    where not exists (select from deliveries o where o.edition_id = ${editionId} and o.subscriber_id = s.id)
    on conflict do nothing`.execute(trx)
  return { changed: Number(changed.numAffectedRows), inserted: Number(inserted.numAffectedRows) }
}

function sentSql(sent: readonly SentMail[]): RawBuilder<unknown> {
  return sql`unnest(${sent.map(({ subscriberId }) => subscriberId)}::int[], ${sent.map(({ at }) => at)}::timestamptz[],
      ${sent.map(({ providerId }) => providerId)}::text[]) as m(subscriber_id, at, provider_id)`
}

/** The day on which mail `m` went to reader `s`, or the last one before that has no digest. */
function freeDaySql(m: string, s: string): RawBuilder<unknown> {
  const [at, zone, id] = [sql.ref(`${m}.at`), sql.ref(`${s}.zone`), sql.ref(`${s}.id`)]
  return sql`
    select (${at} at time zone ${zone})::date - n as day from generate_series(0, ${FREE_DAYS}::int) n
    where not exists (
      select from deliveries o where o.subscriber_id = ${id} and o.local_date = (${at} at time zone ${zone})::date - n)
    order by n limit 1`
}

/** Raises the fate of the digest or notice of this public id; a graver one stays. */
export async function raiseFate(
  trx: Transaction<Database>,
  table: 'deliveries' | 'notices',
  publicId: string,
  fate: Fate,
): Promise<void> {
  await sql`
    update ${sql.table(table)} set fate = ${fate} where public_id = ${publicId}::uuid and ${isLowerSql(fate)}`.execute(
    trx,
  )
}

/**
 * Plans members whom nobody can account for once more. Everything that their bytes depend on is
 * taken anew.
 */
export async function markPlannedAgain(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
  keyId: number,
): Promise<void> {
  await sql`
    update deliveries d set state = ${toSql(DELIVERY_LIFE.again)}, reason = null, address = s.address, token_epoch = s.token_epoch,
      key_id = ${keyId}::int, issued_at = date_trunc('second', round_now()), changed_at = round_clock()
    from unnest(${[...members]}::int[]) as m(subscriber_id) join subscribers s on s.id = m.subscriber_id
    where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id and ${isUnaccountedSql('d')}`.execute(trx)
}

/** Leaves members unknown, by the operator's word. */
export async function markDropped(trx: Transaction<Database>, editionId: number, members: readonly number[]) {
  await sql`
    update deliveries d set state = ${toSql(DELIVERY_LIFE.drop)}, reason = ${DROPPED}, address = null, changed_at = round_clock()
    from unnest(${[...members]}::int[]) as m(subscriber_id)
    where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id and ${isUnaccountedSql('d')}`.execute(trx)
}

/**
 * Empties the addresses of deliveries that are accounted for: a report may have come while their
 * request still needed them.
 */
export async function emptyAddresses(
  db: Kysely<Database>,
  editionId: number,
  members: readonly number[],
): Promise<void> {
  await sql`
    update deliveries d set address = null from unnest(${[...members]}::int[]) as m(subscriber_id)
    where d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id
      and not ${isUnaccountedSql('d')} and d.address is not null`.execute(db)
}

/**
 * Takes the row locks of those of `members` whose outcome nobody knows, and returns them in their
 * order.
 */
export async function claimUnaccounted(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select d.subscriber_id as id from unnest(${[...members]}::int[]) with ordinality m(subscriber_id, place)
    join deliveries d on d.edition_id = ${editionId} and d.subscriber_id = m.subscriber_id
    where ${isUnaccountedSql('d')} order by m.place for update of d`.execute(trx)
  return rows.map((row) => row.id)
}

/** What a batch becomes when these members leave it: settled when nobody is left. */
function without(alias: string, leavers: RawBuilder<unknown>): RawBuilder<unknown>[] {
  const batch = sql.table(alias)
  return [
    sql`members = array(
      select m from unnest(${batch}.members) with ordinality x(m, place) where m <> all(${leavers}) order by place)`,
    sql`state = case when ${batch}.members <@ ${leavers} then 'settled' else ${batch}.state end`,
  ]
}

/** Everything in a delivery that says whose it is. */
const nobodys = sql`address = null, provider_uuid = null, provider_id = null, token_epoch = null, key_id = null, issued_at = null`
