// Follows a provider that refuses an address because it stands on a list of the provider's own: the
// next email would be refused as well, so that the reader is suppressed here too. A report of the
// provider does the same by itself (feedback/feedback.ts).
import type { Kysely } from 'kysely'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { hashAddress } from '../../subscriber/subscriber.ts'
import { ensureSuppression } from '../../subscriber/suppression.ts'

/** How providers put it, in answers of their API and on SMTP. */
const SUPPRESSED =
  /\bsuppress(ed|ion)\b|\bmarked as inactive\b|\bpreviously (bounced|unsubscribed)\b|\bmarked your messages as spam\b/i

/** Suppresses the addresses whose refusal names such a list. Safe to repeat. */
export async function followSuppressions(
  db: Kysely<Database>,
  refused: readonly { address: string | null | undefined; reason: string }[],
): Promise<void> {
  for (const { address, reason } of refused) {
    if (!address || !SUPPRESSED.test(reason)) continue
    await ensureSuppression(db, hashAddress(await getAddressKey(db), address), 'provider', await getNow(db))
  }
}
