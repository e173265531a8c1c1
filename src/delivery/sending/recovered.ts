// What the rows of a restored copy become once it is known, or decided, what of the gap had gone.
// Nothing works on them meanwhile: they are held.
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { isHeldAsRestoredSql } from '../../edition/restored.ts'
import { markRestarted } from './parts.ts'
import { setIdSql, splitIdSql } from './provider-id.ts'
import { DELIVERY_LIFE, isUnaccountedSql, isUnsettledSql, NOTICE_LIFE, statesSql, toSql } from './transitions.ts'

/** A reader's digest that is not to be sent any more. */
export interface Had {
  address: string
  at: Date
  providerId: string | null
  /** What was in it, where the email was read; nobody knows otherwise. */
  papers?: readonly string[]
}

/** So many days a digest of the gap may be put back to find its reader's day free. */
const FREE_DAYS = 60

/**
 * Writes one submitted delivery of an edition for each reader who had it, whether it is planned,
 * attempted, unknown or not there here; what is withheld here, only where the provider says so.
 * Returns how many.
 */
export async function markHad(trx: Transaction<Database>, editionId: number, had: readonly Had[]): Promise<number> {
  const list = sql`(
    select distinct on (address) * from unnest(${had.map(({ address }) => address)}::text[], ${had.map(({ at }) => at)}::timestamptz[],
      ${had.map(({ providerId }) => providerId)}::text[]) as l(address, at, provider_id) order by address, at)`
  const known = await sql`
    update deliveries d set state = ${toSql(DELIVERY_LIFE.account)}, reason = null, ${setIdSql(sql`m.provider_id`)}, changed_at = round_clock()
    from ${list} m join subscribers s on lower(s.address) = m.address
    where d.edition_id = ${editionId} and d.subscriber_id = s.id and ${isUnaccountedSql('d')}`.execute(trx)
  const recovered = await recover(trx, editionId, list)
  await insertPapers(trx, editionId, had)
  return Number(known.numAffectedRows) + recovered
}

/** Keeps what was in those digests of which the copy has no selection. */
async function insertPapers(trx: Transaction<Database>, editionId: number, had: readonly Had[]): Promise<void> {
  const pairs = had.flatMap(({ address, papers = [] }) => papers.map((paper) => ({ address, paper })))
  if (pairs.length === 0) return
  await sql`
    insert into recovered_papers (subscriber_id, edition_id, paper_id)
    select s.id, ${editionId}, l.paper
    from unnest(${pairs.map(({ address }) => address)}::text[], ${pairs.map(({ paper }) => paper)}::text[]) as l(address, paper)
    join subscribers s on lower(s.address) = l.address
    join deliveries d on d.edition_id = ${editionId} and d.subscriber_id = s.id
    join selections x on x.edition_id = d.edition_id and x.id = d.selection_id and x.papers = '{}'
    on conflict do nothing`.execute(trx)
}

/**
 * The copy has planned none of these mails, or passed them over since: without a selection of
 * their own they have an empty one. Each takes the reader's local day on which it went, or the last
 * free one before.
 */
async function recover(trx: Transaction<Database>, editionId: number, list: RawBuilder<unknown>): Promise<number> {
  await sql`
    insert into selections (edition_id, id, length, papers, reasons)
    select ${editionId}, coalesce(max(x.id), 0) + 1, 'titles', '{}', '{}' from selections x where x.edition_id = ${editionId}
    having not coalesce(bool_or(x.papers = '{}'), false)`.execute(trx)
  const unknown = sql`(select min(x.id) from selections x where x.edition_id = ${editionId} and x.papers = '{}')`
  const withheld = await sql`
    update deliveries d set state = ${toSql(DELIVERY_LIFE.recover)}, reason = null, selection_id = coalesce(d.selection_id, ${unknown}),
      local_date = free.day, ${setIdSql(sql`m.provider_id`)}, changed_at = round_clock()
    from ${list} m join subscribers s on lower(s.address) = m.address
    cross join lateral (${freeDaySql('m', 's')}) free
    where d.edition_id = ${editionId} and d.subscriber_id = s.id and m.provider_id is not null
      and d.state in ${statesSql(DELIVERY_LIFE.recover.from)}`.execute(trx)
  const id = splitIdSql(sql`m.provider_id`)
  const { numAffectedRows } = await sql`
    insert into deliveries (edition_id, subscriber_id, selection_id, local_date, state, provider_uuid, provider_id, changed_at)
    select ${editionId}, s.id, ${unknown}, free.day, ${toSql(DELIVERY_LIFE.record)}, ${id.uuid}, ${id.other}, round_clock()
    from ${list} m join subscribers s on lower(s.address) = m.address
    cross join lateral (${freeDaySql('m', 's')}) free
    where not exists (select from deliveries o where o.edition_id = ${editionId} and o.subscriber_id = s.id)
    on conflict do nothing`.execute(trx)
  const count = Number(numAffectedRows)
  await sql`update editions set due = due + ${count}::int where id = ${editionId}`.execute(trx)
  return Number(withheld.numAffectedRows) + count
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

/**
 * Takes up again what the copy had attempted and what is not accounted for now: it was not
 * accepted, and goes on in new batches. So does what stands in a settled batch: a worker that lived
 * through the restore may have settled its own there, which has the same number. Returns how many
 * deliveries.
 */
export async function markTakenUp(trx: Transaction<Database>, keyId: number): Promise<number> {
  const { rows } = await sql<{ id: number; editionId: number; members: number[] }>`
    select b.id, b.edition_id as "editionId", b.members from batches b join editions e on e.id = b.edition_id
    where ${isHeldAsRestoredSql('e')} and case when ${isUnsettledSql('b')}
      then b.recipe_sha256 is not null and b.next_attempt_at < 'infinity'
      else b.id in (select d.batch_id from deliveries d where d.edition_id = b.edition_id and d.state = 'planned') end
    order by b.id for update of b`.execute(trx)
  return markRestarted(trx, rows, keyId)
}

/** Withholds the notices that were never attempted before `heldAt`. Returns how many. */
export async function markLate(trx: Transaction<Database>, heldAt: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    update notices n set state = ${toSql(NOTICE_LIFE.withhold)}, reason = 'late', address = null, sealed = null,
      lease_epoch = lease_epoch + 1, changed_at = round_clock()
    where n.issued_at <= ${heldAt}::timestamptz and n.mail_sha256 is null and n.state in ${statesSql(NOTICE_LIFE.withhold.from)}`.execute(
    trx,
  )
  return Number(numAffectedRows)
}
