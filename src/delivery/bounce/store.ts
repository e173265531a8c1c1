// The one row about the mailbox: who reads it, when it was last read, and since when it cannot be.
import { type Kysely, sql } from 'kysely'
import { inMs } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { MINUTE_MS } from '../../time.ts'

/** Whoever reads the mailbox and says nothing for so long has gone, in milliseconds. */
const READER_LEASE_MS = 3 * MINUTE_MS

export interface MailboxState {
  readAt: Date | null
  /** Since when every attempt failed, and how the last one did; null while it is read. */
  failedSince: Date | null
  failure: string | null
  /** Messages ever: applied, and passed over as nothing of ours. */
  applied: number
  passedOver: number
}

/** Claims the mailbox for a reader, or keeps the claim. Returns false while another has it. */
export async function claimMailbox(db: Kysely<Database>, reader: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into bounce_mailboxes as m (name, reader, leased_until) values ('mailbox', ${reader}, ${inMs(READER_LEASE_MS)})
    on conflict (name) do update set reader = excluded.reader, leased_until = excluded.leased_until
      where m.reader = excluded.reader or m.leased_until <= round_clock()`.execute(db)
  return Number(numAffectedRows) > 0
}

/** Gives the mailbox back, so that another reader need not wait for the lease's end. */
export async function pruneMailboxClaim(db: Kysely<Database>, reader: string): Promise<void> {
  await db
    .updateTable('bounce_mailboxes')
    .set({ leased_until: sql`round_clock()` })
    .where('reader', '=', reader)
    .execute()
}

/** Notes that the mailbox was read to its end, and what was in it. */
export async function markMailboxRead(
  db: Kysely<Database>,
  { applied, passedOver }: Pick<MailboxState, 'applied' | 'passedOver'>,
): Promise<void> {
  await sql`
    update bounce_mailboxes set read_at = round_clock(), failed_since = null, failure = null,
      applied = applied + ${applied}, passed_over = passed_over + ${passedOver}`.execute(db)
}

/** Notes that the mailbox could not be read. */
export async function markMailboxFailed(db: Kysely<Database>, failure: string): Promise<void> {
  await sql`
    update bounce_mailboxes set failure = ${failure}, failed_since = coalesce(failed_since, round_clock())`.execute(db)
}

/** Returns undefined where no mailbox was ever read, or none is named any more. */
export async function findMailbox(db: Kysely<Database>): Promise<MailboxState | undefined> {
  return db
    .selectFrom('bounce_mailboxes')
    .select(['read_at as readAt', 'failed_since as failedSince', 'failure', 'applied', 'passed_over as passedOver'])
    .executeTakeFirst()
}

/** Forgets the mailbox: the host names none any more. */
export async function pruneMailbox(db: Kysely<Database>): Promise<void> {
  await db.deleteFrom('bounce_mailboxes').execute()
}

/**
 * Returns the address that the reader of a delivery has now, null for one who was erased, undefined
 * where it is no delivery.
 */
export async function findCurrentAddress(db: Kysely<Database>, publicId: string): Promise<string | null | undefined> {
  const { rows } = await sql<{ address: string | null }>`
    select s.address from deliveries d join subscribers s on s.id = d.subscriber_id
    where d.public_id = ${publicId}`.execute(db)
  return rows[0]?.address
}
