// What a provider reports of a mail, kept and applied in one transaction. Nothing here depends on
// the order of arrival: fates only rise, suppressions only grow graver, and a report that came
// before counts once.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { DeliveryState, Fate, ReportType } from '../../database/states.ts'
import { markUnsubscribed } from '../../subscriber/store.ts'
import { ensureSuppression, type SuppressionReason } from '../../subscriber/suppression.ts'
import { FATE_OF, hashReported, isLowerSql, type Report, SUPPRESSION_OF } from '../provider/report.ts'
import { findHarm, markBraked } from '../sending/brake.ts'
import { emptyAddresses } from '../sending/members.ts'
import { markNoticeReported } from './notice-feedback.ts'

/** What became of a report; `braked` is the reason why its edition was stopped by it. */
export interface Effect {
  /** `known`: it came before. `unknown`: it names nothing of ours, or nothing that matters. */
  result: 'applied' | 'known' | 'unknown'
  editionId: number | null
  braked: string | null
}

/**
 * Ends deliverability in a week or more, in three editions: a mailbox that was only full over a
 * weekend stays.
 */
const SOFT_BOUNCES = { editions: 3, spanDays: 7, withinDays: 30 }
/** Repeats stop after 28 hours; and what rises only cannot be harmed by a later one. */
const PLAIN_KEPT_DAYS = 7
/**
 * What suppressed somebody is remembered longer: a report replayed by hand must not undo a lifting.
 */
const GRAVE_KEPT_DAYS = 90
const PRUNE_MAX = 50_000

interface Subject {
  editionId: number
  subscriberId: number
  subscriberPublicId: string
  addressHash: Buffer
  state: DeliveryState
  batchId: number | null
}

/** Keeps a report and applies it. A repeat, whatever came between, changes nothing. */
export async function markReported(db: Kysely<Database>, report: Report): Promise<Effect> {
  return db.transaction().execute(async (trx) => {
    const { subject, fresh } = await insertEvent(trx, report)
    const editionId = subject?.editionId ?? null
    if (!fresh) return { result: 'known', editionId, braked: null }
    if (report.type === 'other') return { result: 'unknown', editionId, braked: null }
    if (!subject) {
      const applied = report.notice !== null && (await markNoticeReported(trx, report.notice, report))
      return { result: applied ? 'applied' : 'unknown', editionId, braked: null }
    }
    if (subject.state === 'planned' || subject.state === 'unknown') await markAccounted(trx, subject, report)
    const fate = FATE_OF[report.type]
    if (fate) await raiseFate(trx, subject, fate)
    const reason = SUPPRESSION_OF[report.type] ?? (await softBounceReason(trx, subject, report.type))
    if (reason) await ensureSuppression(trx, await hashReported(trx, report, subject.addressHash), reason, report.at)
    if (report.type === 'complained') await markUnsubscribed(trx, subject.subscriberPublicId)
    const harmful = report.type === 'complained' || report.type === 'hard-bounce'
    const harm = harmful ? await findHarm(trx, subject.editionId) : null
    if (harm) await markBraked(trx, subject.editionId, harm)
    return { result: 'applied', editionId, braked: harm }
  })
}

/** Forgets reports that can no longer be repeated, the oldest first, so many at a time. */
export async function pruneEvents(db: Kysely<Database>): Promise<void> {
  await sql`
    delete from events where id in (
      select id from events
      where received_at < now() - make_interval(days => ${PLAIN_KEPT_DAYS})
        and (type in ('sent', 'delayed', 'delivered', 'other') or received_at < now() - make_interval(days => ${GRAVE_KEPT_DAYS}))
      order by received_at limit ${PRUNE_MAX}
    )`.execute(db)
}

/**
 * Keeps a report with what it is about, in one statement. `fresh` is false when it was kept before.
 */
async function insertEvent(
  trx: Transaction<Database>,
  { id, type, delivery, at }: Report,
): Promise<{ subject: Subject | undefined; fresh: boolean }> {
  const { rows } = await sql<Subject & { fresh: boolean }>`
    with subject as (
      select d.edition_id as "editionId", d.subscriber_id as "subscriberId", s.public_id as "subscriberPublicId",
        s.address_hash as "addressHash", d.state, d.batch_id as "batchId"
      from deliveries d join subscribers s on s.id = d.subscriber_id where d.public_id = ${delivery}::uuid
    ), kept as (
      insert into events (id, type, edition_id, subscriber_id, at)
      select ${id}, ${type}, "editionId", "subscriberId", ${at}::timestamptz from (select 1) one left join subject on true
      on conflict do nothing returning id
    )
    select subject.*, exists (select from kept) as fresh from (select 1) one left join subject on true`.execute(trx)
  const { fresh, ...subject } = rows[0] as Subject & { fresh: boolean }
  return { subject: subject.editionId === null ? undefined : subject, fresh }
}

async function raiseFate(trx: Transaction<Database>, { editionId, subscriberId }: Subject, fate: Fate): Promise<void> {
  await sql`
    update deliveries set fate = ${fate}
    where edition_id = ${editionId} and subscriber_id = ${subscriberId} and ${isLowerSql(fate)}`.execute(trx)
}

/**
 * Notes that the provider did accept a mail of which we had no answer. Its address stays until the
 * whole batch is accounted for, since a repeat of the request needs the same bytes; then the batch
 * is settled.
 */
async function markAccounted(
  trx: Transaction<Database>,
  { editionId, subscriberId, batchId }: Subject,
  { providerId }: Report,
): Promise<void> {
  // The batch before its deliveries, as everywhere: of two last members at once, the second must
  // see the first.
  const { rows } = await sql<{ members: number[] }>`
    select members from batches where id = ${batchId} and state in ('attempting', 'unknown') for update`.execute(trx)
  await sql`
    update deliveries set state = 'submitted', reason = null, provider_id = ${providerId}, changed_at = clock_timestamp()
    where edition_id = ${editionId} and subscriber_id = ${subscriberId} and state in ('planned', 'unknown')`.execute(
    trx,
  )
  const members = rows[0]?.members
  if (members === undefined) return
  const { rows: open } = await sql`
    select from deliveries d join unnest(${members}::int[]) as m(subscriber_id) using (subscriber_id)
    where d.edition_id = ${editionId} and d.state in ('planned', 'unknown') limit 1`.execute(trx)
  if (open.length > 0) return
  await sql`update batches set state = 'settled', reason = null where id = ${batchId}`.execute(trx)
  await emptyAddresses(trx, editionId, members)
}

async function softBounceReason(
  trx: Transaction<Database>,
  { subscriberId }: Subject,
  type: ReportType,
): Promise<SuppressionReason | null> {
  if (type !== 'soft-bounce') return null
  // By the provider's clock and both ways, so that an older bounce that arrives last counts as
  // well.
  const { rows } = await sql`
    select from events a join events z on z.subscriber_id = a.subscriber_id and z.type = 'soft-bounce' and not z.lifted
      and z.at - a.at between make_interval(days => ${SOFT_BOUNCES.spanDays}) and make_interval(days => ${SOFT_BOUNCES.withinDays})
    where a.subscriber_id = ${subscriberId} and a.type = 'soft-bounce' and not a.lifted
      and (select count(distinct e.edition_id) from events e
        where e.subscriber_id = a.subscriber_id and e.type = 'soft-bounce' and not e.lifted and e.at between a.at and z.at
      ) >= ${SOFT_BOUNCES.editions}
    limit 1`.execute(trx)
  return rows.length > 0 ? 'bounce' : null
}
