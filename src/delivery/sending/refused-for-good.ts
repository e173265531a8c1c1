// Follows a refusal that the next email would meet as well: of an address where nobody is, or that
// stands on a list of the provider's own. The reader is suppressed here too. A report that says so
// later does the same by itself (feedback/feedback.ts).
import { type Kysely, sql } from 'kysely'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { hashAddress } from '../../subscriber/subscriber.ts'
import { ensureSuppression } from '../../subscriber/suppression.ts'
import type { MailOutcome } from '../provider/provider.ts'

export interface Refused {
  /** Where the email was to go, as the claim read it. */
  address: string | null | undefined
  outcome: Extract<MailOutcome, { state: 'rejected' }>
  /** The digest that it was; a notice counts in no share. */
  digest?: { editionId: number; subscriberId: number }
}

/** How providers put it, in answers of their API and on SMTP. */
const LISTED =
  /\bsuppress(ed|ion)\b|\bmarked as inactive\b|\bpreviously (bounced|unsubscribed)\b|\bmarked your messages as spam\b/i

/** Suppresses the addresses that were refused for good. Safe to repeat. */
export async function followRefusals(db: Kysely<Database>, refused: readonly Refused[]): Promise<void> {
  for (const { address, outcome, digest } of refused) {
    const isListed = LISTED.test(outcome.reason)
    if (!address || !(isListed || outcome.isGone)) continue
    const now = await getNow(db)
    await ensureSuppression(db, hashAddress(await getAddressKey(db), address), isListed ? 'provider' : 'bounce', now)
    if (outcome.isGone && digest) await insertBounce(db, digest, now)
  }
}

/** Counts a digest as a hard bounce, in the shares and for the brake, once. */
async function insertBounce(
  db: Kysely<Database>,
  { editionId, subscriberId }: NonNullable<Refused['digest']>,
  at: Date,
): Promise<void> {
  await sql`
    insert into events (id, type, edition_id, subscriber_id, at)
    values (${`refused ${editionId} ${subscriberId}`}, 'hard-bounce', ${editionId}, ${subscriberId}, ${at}::timestamptz)
    on conflict do nothing`.execute(db)
}
