// What a restored copy has lost of its readers' wishes is brought in from the journal, before a
// held edition of it goes on. The last wish of a reader counts, and in doubt the reader has left.
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { DOUBT_MS, listReaderIds, markLeft, markReturned } from '../../subscriber/journal/readers.ts'
import type { Wish } from '../../subscriber/journal/wish.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { ensureSuppression, pruneSuppressionOf, SUPPRESSION_REASONS } from '../../subscriber/suppression.ts'
import { eraseSubscriber } from './erasure.ts'

/** What a copy did not know yet. */
export interface Replayed {
  left: number
  returned: number
  erased: number
  /** Addresses that are, or are no longer, suppressed by what the journal says last. */
  suppressed: number
  lifted: number
}

/**
 * Replays the journal's wishes (by time, as it lists them) in one transaction. Repeating it changes
 * nothing. Sign-ups, pauses and changed choices are in no journal: they stay lost.
 */
export async function replayWishes(db: Kysely<Database>, wishes: readonly Wish[]): Promise<Replayed> {
  return db.transaction().execute(async (trx) => {
    const key = await getAddressKey(trx)
    const { leaving, returning, erasing } = lastWishes(wishes)
    // An erased reader who came back did so as somebody new: whoever the copy knows is erased.
    const ids = await listReaderIds(trx, key, erasing)
    for (const id of ids) await eraseSubscriber(trx, id)
    const { suppressed, lifted } = await replaySuppressions(trx, wishes)
    const returned = await markReturned(trx, key, returning)
    return { left: await markLeft(trx, key, leaving), returned, erased: ids.length, suppressed, lifted }
  })
}

/** Sorts out whose last wish was what. */
function lastWishes(wishes: readonly Wish[]): { leaving: Wish[]; returning: Wish[]; erasing: string[] } {
  const leaving = new Map<string, Wish>()
  const returning = new Map<string, Wish>()
  const erasing = new Set<string>()
  for (const wish of wishes) {
    if (wish.reader === null) continue
    if (wish.kind === 'erased') erasing.add(wish.reader)
    else if (wish.kind === 'returned') returning.set(wish.reader, wish)
    else if (wish.kind === 'left' || wish.kind === 'complained') leaving.set(wish.reader, wish)
  }
  for (const [reader, back] of returning) {
    const gone = leaving.get(reader)
    if (gone && gone.at.getTime() + DOUBT_MS >= back.at.getTime()) returning.delete(reader)
    else leaving.delete(reader)
  }
  return { leaving: [...leaving.values()], returning: [...returning.values()], erasing: [...erasing] }
}

async function replaySuppressions(
  trx: Transaction<Database>,
  wishes: readonly Wish[],
): Promise<Pick<Replayed, 'suppressed' | 'lifted'>> {
  const barred = new Map<string, Wish | null>()
  for (const wish of wishes) {
    if (wish.address === null) continue
    if (wish.reason !== null) barred.set(wish.address, graver(barred.get(wish.address) ?? wish, wish))
    else if (wish.kind === 'lifted') barred.set(wish.address, null)
    else if (wish.kind === 'returned' && barred.get(wish.address)?.reason === 'erased') barred.set(wish.address, null)
  }
  const counts = { suppressed: 0, lifted: 0 }
  for (const [hex, wish] of barred) {
    const hash = Buffer.from(hex, 'hex')
    if (wish?.reason) {
      await ensureSuppression(trx, hash, wish.reason, wish.at)
      counts.suppressed += 1
    } else {
      await pruneSuppressionOf(trx, hash)
      counts.lifted += 1
    }
  }
  return counts
}

/** A lighter reason replaces no graver one. */
function graver(before: Wish, after: Wish): Wish {
  const gravity = ({ reason }: Wish) => (reason === null ? -1 : SUPPRESSION_REASONS.indexOf(reason))
  return gravity(after) >= gravity(before) ? after : before
}
