// What a provider reports of a mail, kept and applied in one transaction. Nothing here depends on
// the order of arrival: fates only rise, suppressions only grow graver, and a report that came
// before counts once.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { DeliveryState, ReportType } from '../../database/states.ts'
import type { NoteWish } from '../../subscriber/journal/wish.ts'
import { markUnsubscribed } from '../../subscriber/store.ts'
import { ensureSuppression, type SuppressionReason } from '../../subscriber/suppression.ts'
import { FATE_OF, hashReported, type Report, SUPPRESSION_OF } from '../provider/report.ts'
import { findHarm, markBraked } from '../sending/brake.ts'
import { markAccounted, raiseFate } from '../sending/ledger.ts'
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
  publicId: string
  subscriberPublicId: string
  addressHash: Buffer
  state: DeliveryState
  batchId: number | null
}

/**
 * Keeps a report and applies it. A repeat, whatever came between, changes nothing. `note` hears of
 * whom it bars, before that is committed.
 */
export async function markReported(db: Kysely<Database>, report: Report, note?: NoteWish): Promise<Effect> {
  return db.transaction().execute(async (trx) => {
    const { subject, fresh } = await insertEvent(trx, report)
    const editionId = subject?.editionId ?? null
    if (!fresh) return { result: 'known', editionId, braked: null }
    if (report.type === 'other') return { result: 'unknown', editionId, braked: null }
    if (!subject) {
      const applied = report.notice !== null && (await markNoticeReported(trx, report.notice, report, note))
      return { result: applied ? 'applied' : 'unknown', editionId, braked: null }
    }
    if (subject.state === 'planned' || subject.state === 'unknown') await markAccounted(trx, subject, report.providerId)
    const fate = FATE_OF[report.type]
    if (fate) await raiseFate(trx, 'deliveries', subject.publicId, fate)
    const reason = SUPPRESSION_OF[report.type] ?? (await softBounceReason(trx, subject, report.type))
    const complained = report.type === 'complained'
    if (reason) {
      const addressHash = await hashReported(trx, report, subject.addressHash)
      const publicId = complained ? subject.subscriberPublicId : undefined
      await note?.({ kind: complained ? 'complained' : 'suppressed', publicId, addressHash, reason })
      await ensureSuppression(trx, addressHash, reason, report.at)
    }
    if (complained) await markUnsubscribed(trx, subject.subscriberPublicId)
    const harmful = complained || report.type === 'hard-bounce'
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
      where received_at < round_now() - make_interval(days => ${PLAIN_KEPT_DAYS})
        and (type in ('sent', 'delayed', 'delivered', 'other') or received_at < round_now() - make_interval(days => ${GRAVE_KEPT_DAYS}))
      order by received_at limit ${PRUNE_MAX}
    )`.execute(db)
}

/**
 * Keeps a report with what it is about, in one statement. `fresh` is false when it was kept before.
 * Of a delivery's soft bounces only the earliest is kept: editions are what counts, and whoever has
 * a mail can write any number of reports about it. Of other types each is kept: a reader who came
 * back may complain about the same mail once more.
 */
async function insertEvent(
  trx: Transaction<Database>,
  { id, type, delivery, at }: Report,
): Promise<{ subject: Subject | undefined; fresh: boolean }> {
  const { rows } = await sql<Found & { fresh: boolean }>`
    with subject as (
      select d.edition_id as "editionId", d.subscriber_id as "subscriberId", d.public_id as "publicId", s.public_id as "subscriberPublicId",
        s.address_hash as "addressHash", d.state, d.batch_id as "batchId"
      from deliveries d join subscribers s on s.id = d.subscriber_id where d.public_id = ${delivery}::uuid
    ), before as (
      select e.id from subject join events e on e.subscriber_id = "subscriberId" and e.edition_id = "editionId"
      where e.type = 'soft-bounce' and ${type}::text = 'soft-bounce' order by e.at limit 1
    ), moved as (
      update events e set at = ${at}::timestamptz from before where e.id = before.id and e.at > ${at}::timestamptz
      returning e.id
    ), kept as (
      insert into events (id, type, edition_id, subscriber_id, at)
      select ${id}, ${type}, "editionId", "subscriberId", ${at}::timestamptz from (select 1) one left join subject on true
      where not exists (select from before)
      on conflict do nothing returning id
    )
    select subject.*, exists (select from kept) or exists (select from moved) as fresh
    from (select 1) one left join subject on true`.execute(trx)
  const { fresh, ...found } = rows[0] as (typeof rows)[0]
  return { subject: isSubject(found) ? found : undefined, fresh }
}

/** All of a subject, or nothing of any. */
type Found = { [Key in keyof Subject]: Subject[Key] | null }

function isSubject(found: Found): found is Subject {
  const { batchId: _, ...facts } = found
  return Object.values(facts).every((fact) => fact !== null)
}

async function softBounceReason(
  trx: Transaction<Database>,
  { subscriberId }: Subject,
  type: ReportType,
): Promise<SuppressionReason | null> {
  if (type !== 'soft-bounce') return null
  // By the provider's clock and both ways, so that an older bounce that arrives last counts as
  // well; in one pass, since an older database may hold any number of reports of each edition.
  const { rows } = await sql`
    select from (
      select at, first_value(at) over recent as since, count(*) over recent as editions
      from (
        select min(at) as at from events
        where subscriber_id = ${subscriberId} and type = 'soft-bounce' and not lifted group by edition_id
      ) bounced
      window recent as (order by at range between make_interval(days => ${SOFT_BOUNCES.withinDays}) preceding and current row)
    ) seen
    where editions >= ${SOFT_BOUNCES.editions} and at - since >= make_interval(days => ${SOFT_BOUNCES.spanDays})
    limit 1`.execute(trx)
  return rows.length > 0 ? 'bounce' : null
}
