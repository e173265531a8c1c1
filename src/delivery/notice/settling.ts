// What became of a notice's request. Every write but a provider's answer is fenced by the lease's
// epoch. Whatever is settled, or unknown for good, holds nothing personal any more.
import { type Kysely, sql, type UpdateObject } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { standingSql } from '../delivery.ts'
import type { MailOutcome } from '../provider/provider.ts'
import type { ClaimedNotice } from './ledger.ts'

const EMPTIED = { address: null, sealed: null } as const
/** As long as the limits of an address count. */
const ORPHANS_KEPT_DAYS = 30

/**
 * Records the provider's word. Not fenced: an acceptance is true whoever heard it, and what is
 * settled stays as it is.
 */
export async function markNoticeSettled(
  db: Kysely<Database>,
  { id }: Pick<ClaimedNotice, 'id'>,
  outcome: MailOutcome,
): Promise<void> {
  const values =
    outcome.state === 'submitted'
      ? { state: outcome.state, reason: null, provider_id: outcome.providerId }
      : { state: outcome.state, reason: outcome.reason }
  await db
    .updateTable('notices')
    .set({ ...EMPTIED, ...values, changed_at: sql`clock_timestamp()` })
    .where('id', '=', id)
    // One that was given up as unknown may still be settled by a late answer.
    .where(sql<boolean>`state in ${standingSql}`)
    .execute()
}

/**
 * Puts a notice back that certainly was not accepted by this request; see settling.ts,
 * markDeferred.
 */
export async function markNoticeDeferred(
  db: Kysely<Database>,
  notice: ClaimedNotice,
  reason: string,
  waitMs: number,
): Promise<void> {
  const free = {
    state: 'deferred',
    mail_sha256: null,
    notice_version: null,
    idempotency_key: null,
    provider: null,
    first_attempt_at: null,
  } as const
  await write(db, notice, {
    ...(notice.fixed === null ? free : { state: 'unknown' as const }),
    reason,
    attempts: notice.attempts,
    next_attempt_at: inMs(waitMs),
  })
}

/**
 * Notes that a request may or may not have been accepted: the same bytes and key again after
 * `waitMs`, never again with null.
 */
export async function markNoticeUnknown(
  db: Kysely<Database>,
  notice: ClaimedNotice,
  reason: string,
  waitMs: number | null,
): Promise<void> {
  const forGood = waitMs === null
  await write(db, notice, {
    state: 'unknown',
    reason,
    next_attempt_at: forGood ? sql<Date>`'infinity'` : inMs(waitMs),
    ...(forGood ? EMPTIED : {}),
  })
}

/** Ends a notice that was never accepted anywhere and must not be sent. */
export async function markNoticeWithheld(db: Kysely<Database>, notice: ClaimedNotice, reason: string): Promise<void> {
  await write(db, notice, { state: 'withheld', reason, ...EMPTIED })
}

/**
 * Removes notices of nobody any more, once the limits of an address no longer count them. Returns
 * how many.
 */
export async function pruneNotices(db: Kysely<Database>): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notices where subscriber_id is null and address is null
      and issued_at < clock_timestamp() - make_interval(days => ${ORPHANS_KEPT_DAYS})`.execute(db)
  return Number(numAffectedRows)
}

async function write(
  db: Kysely<Database>,
  { id, epoch }: ClaimedNotice,
  values: UpdateObject<Database, 'notices'>,
): Promise<void> {
  await db
    .updateTable('notices')
    .set({ ...values, changed_at: sql`clock_timestamp()` })
    .where('id', '=', id)
    .where('lease_epoch', '=', epoch)
    .where(sql<boolean>`state in ${standingSql}`)
    .execute()
}

function inMs(waitMs: number) {
  return sql<Date>`clock_timestamp() + make_interval(secs => ${waitMs / 1000})`
}
