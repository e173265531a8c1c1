// The brake: stops an edition in flight that does harm, before the rest of it goes out. What it has
// judged once, and the operator has lifted, it does not judge again.

import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { grouped } from '../../digest/text/words.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import type { EditionKey } from '../../edition/stop.ts'
import { markStopped } from '../../edition/store.ts'
import { REPORTS_MIN } from './glance.ts'
import { markHastened } from './parts.ts'
import { isUnsettledSql } from './transitions.ts'

/** Below this a share says little: one complaint among a hundred readers is one reader. */
export const SUBMITTED_MIN = 1_000
/** Providers warn at 0.1 % complaints; one harmed reader in so many submitted. */
const ONE_COMPLAINT_IN = 1_000
/** 2 % hard bounces. */
const ONE_BOUNCE_IN = 50
/** So many whole batches rejected for the same reason are no accident of addresses. */
const REJECTED_BATCHES = 3

/**
 * Returns why an edition must stop: too many complaints or hard bounces among what was submitted;
 * null when it may go on.
 */
export async function findHarm(db: Kysely<Database>, editionId: number): Promise<string | null> {
  const { rows } = await sql<{ complaints: number; bounces: number; since: Date | null; moves: boolean | null }>`
    select e.resumed_at as since,
      count(distinct v.subscriber_id) filter (where v.type = 'complained') as complaints,
      count(distinct v.subscriber_id) filter (where v.type = 'hard-bounce') as bounces,
      (e.stopped_reason is null or e.stopped_until is not null) and ${isInFlightSql('e')} as moves
    from editions e
    left join events v on v.edition_id = e.id and v.type in ('hard-bounce', 'complained')
      and v.received_at > coalesce(e.resumed_at, '-infinity')
    where e.id = ${editionId} group by e.id`.execute(db)
  const { complaints = 0, bounces = 0, since = null, moves = false } = rows[0] ?? {}
  if (!moves || complaints + bounces < REPORTS_MIN) return null
  // Counting stops where neither share could be reached any more: a large edition is never counted
  // whole for this.
  const enough = Math.max(SUBMITTED_MIN, complaints * ONE_COMPLAINT_IN, bounces * ONE_BOUNCE_IN)
  const { rows: counts } = await sql<{ count: number }>`
    select count(*) as count from (
      select from deliveries where edition_id = ${editionId} and state = 'submitted'
        and changed_at > coalesce(${since}::timestamptz, '-infinity') limit ${enough + 1}
    ) d`.execute(db)
  const submitted = counts[0]?.count ?? 0
  if (submitted < SUBMITTED_MIN) return null
  if (complaints * ONE_COMPLAINT_IN >= submitted) return sentenceOf(complaints, 'complaint', submitted)
  if (bounces * ONE_BOUNCE_IN >= submitted) return sentenceOf(bounces, 'hard bounce', submitted)
  return null
}

/**
 * Returns why an edition must stop: nothing of it is accepted, and always for the same reason; null
 * when it may go on.
 */
export async function findRejection(db: Kysely<Database>, editionId: number, reason: string): Promise<string | null> {
  const { rows } = await sql`
    select from editions e
    where e.id = ${editionId}
      and (select count(distinct d.batch_id) from deliveries d
        where d.edition_id = e.id and d.state = 'rejected' and d.reason = ${reason}
          and d.changed_at > coalesce(e.resumed_at, '-infinity')) >= ${REJECTED_BATCHES}
      and not exists (select from deliveries d where d.edition_id = e.id and d.state = 'submitted'
        and d.changed_at > coalesce(e.resumed_at, '-infinity'))`.execute(db)
  return rows.length > 0 ? `every mail is rejected: ${reason}` : null
}

/** How the reason begins for which a brake stopped an edition. */
const BRAKE_WORD = 'brake: '

/** Lists the editions in flight that nothing has stopped by itself. */
export async function listInFlight(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select e.id from editions e where e.state = 'frozen' and not e.archive
      and (e.stopped_reason is null or e.stopped_until is not null) and ${isInFlightSql('e')} order by e.id`.execute(db)
  return rows.map(({ id }) => id)
}

/** Returns the day (UTC) on which an operator last lifted a brake, null when none ever did. */
export async function getLiftedOn(db: Kysely<Database>): Promise<string | null> {
  const { rows } = await sql<{ day: string | null }>`
    select (max(e.resumed_at) at time zone 'UTC')::date::text as day from editions e`.execute(db)
  return rows[0]?.day ?? null
}

/** Stops an edition until the operator resumes it. */
export async function markBraked(db: Kysely<Database>, editionId: number, why: string): Promise<void> {
  await markStopped(db, editionId, `${BRAKE_WORD}${why}`, null)
}

/** What was lifted: editions that had stopped by themselves, and providers that were out. */
export interface Lifted {
  editions: (EditionKey & { reason: string })[]
  providers: { name: string; reason: string }[]
}

/**
 * Lifts what stopped an edition by itself (all of them with null), and every provider's stop with
 * it: batches may go at once, whatever they waited for. Those that are permanently unknown stay as
 * they are. Returns what was still in force.
 */
export async function markResumed(db: Kysely<Database>, editionId: number | null): Promise<Lifted> {
  return db.isTransaction
    ? resume(db as Transaction<Database>, editionId)
    : db.transaction().execute((trx) => resume(trx, editionId))
}

async function resume(trx: Transaction<Database>, editionId: number | null): Promise<Lifted> {
  const { rows: stopped } = await sql<EditionKey & { id: number; reason: string; inForce: boolean }>`
    with stopped as (
      select id, stopped_reason, ${isStoppedSql('x')} is true as in_force from editions x
      where x.stopped_reason is not null and (${editionId}::int is null or x.id = ${editionId}::int) for update
    )
    update editions e set stopped_reason = null, stopped_until = null,
      resumed_at = case when e.stopped_reason like ${`${BRAKE_WORD}%`} then round_clock() else e.resumed_at end
    from stopped s where e.id = s.id
    returning e.id, e.date, e.kind, s.stopped_reason as reason, s.in_force is true as "inForce"`.execute(trx)
  const { rows: providers } = await sql<{ name: string; reason: string; inForce: boolean }>`
    delete from providers returning name, stopped_reason as reason,
      (stopped_until is null or stopped_until > round_clock()) is true as "inForce"`.execute(trx)
  // An edition need not be stopped for its batches to wait: for a quota, or a provider that was
  // out.
  for (const id of editionId === null ? await listDeferredEditions(trx) : [editionId]) await markHastened(trx, id)
  return {
    editions: stopped
      .filter(({ inForce }) => inForce)
      .map(({ date, kind, reason }) => ({ date, kind, reason }))
      .sort((a, b) => (a.date < b.date ? 1 : -1)),
    providers: providers.filter(({ inForce }) => inForce).map(({ name, reason }) => ({ name, reason })),
  }
}

async function listDeferredEditions(trx: Transaction<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select distinct b.edition_id as id from batches b where ${isUnsettledSql('b')} order by 1`.execute(trx)
  return rows.map(({ id }) => id)
}

/** Something waits, or readers further west have not had their hour yet. */
function isInFlightSql(edition: string): RawBuilder<boolean> {
  const e = sql.table(edition)
  return sql<boolean>`(${e}.frozen_at > round_now() - interval '1 day' or exists (
    select from batches b where b.edition_id = ${e}.id and ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity'))`
}

function sentenceOf(count: number, what: string, submitted: number): string {
  const share = ((count / submitted) * 100).toFixed(2)
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'} of ${grouped(submitted)} submitted (${share} %)`
}
