// What the sweep clears away, and what it keeps of it: links whose time is over, sign-ups that
// nobody confirmed, what an erasure had to leave for a day, and how much was sent on days that are
// over. It must never touch a row that something still waits for.

import { pruneEvents } from '../delivery/feedback/feedback.ts'
import { pruneHostPaces } from '../delivery/provider/host-paces.ts'
import { ensureSentDays } from '../delivery/sending/good-name.ts'
import { pruneNotices, pruneSealed } from '../delivery/sending/ledger.ts'
import { prunePending } from '../subscriber/consent.ts'
import { pruneCredentials } from '../subscriber/credential.ts'
import { WISH_KEPT_MS } from '../subscriber/journal/wish.ts'
import { pruneSpent } from '../subscriber/spent.ts'
import { pruneLifted } from '../subscriber/suppression.ts'
import { DAY_MS } from '../time.ts'
import type { Round } from './round.ts'

/** Removes what has had its time, by the database's clock. Safe to repeat at any moment. */
export async function sweepAway({ db, logger }: Pick<Round, 'db' | 'logger'>): Promise<void> {
  const credentials = await pruneCredentials(db)
  const pending = await prunePending(db)
  await pruneSpent(db)
  await pruneSealed(db)
  await pruneEvents(db)
  // A day longer than any file of the journal.
  await pruneLifted(db, WISH_KEPT_MS + 2 * DAY_MS)
  await ensureSentDays(db)
  await pruneHostPaces(db)
  const notices = await pruneNotices(db)
  if (credentials + pending + notices > 0) {
    logger.debug({ event: 'swept', credentials, pending, notices }, 'what had its time was removed')
  }
}
