// What the database has lost of its readers' wishes is brought in from the journal: at every start,
// since a restored copy that lacks no mark looks like any other, and before a held one goes on. The
// last wish of a reader counts, and in doubt the reader has left.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { Logger } from '../../logger.ts'
import type { Journal } from '../../subscriber/journal/journal.ts'
import {
  DOUBT_MS,
  identify,
  isLeaving,
  markLeft,
  markReturned,
  type ReadersWish,
} from '../../subscriber/journal/readers.ts'
import type { Wish } from '../../subscriber/journal/wish.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import {
  ensureSuppression,
  isGraver,
  type KnownSuppression,
  mapKnownSuppressions,
  pruneSuppressionOf,
  type SuppressionReason,
} from '../../subscriber/suppression.ts'
import { eraseSubscriber } from './erasure.ts'

/** What the database did not know yet. */
export interface Replayed {
  left: number
  returned: number
  erased: number
  /** Addresses that are, or are no longer, suppressed by what the journal says last. */
  suppressed: number
  lifted: number
}

/** Brings in what the journal has and the database has not, and says so in the log. */
export async function bringWishes(
  db: Kysely<Database>,
  journal: Pick<Journal, 'list'>,
  logger: Logger,
): Promise<Replayed> {
  const replayed = await replayWishes(db, await journal.list())
  if (Object.values(replayed).some((count) => count > 0))
    logger.info({ event: 'journal.applied', ...replayed }, 'wishes of the journal were brought in')
  return replayed
}

/**
 * Replays the journal's wishes (by time, as it lists them) beside whatever else runs. Repeating it
 * changes nothing, and a database that knows of them all stays as it is. Sign-ups, pauses and
 * changed choices are in no journal: they stay lost.
 */
export async function replayWishes(db: Kysely<Database>, wishes: readonly Wish[]): Promise<Replayed> {
  const own = await identify(db, await getAddressKey(db), wishes)
  const { leaving, returning, erasing } = lastWishes(own)
  // An erased reader who came back did so as somebody new: whoever the copy knows is erased.
  for (const { subscriberId, at } of erasing)
    await db.transaction().execute((trx) => eraseSubscriber(trx, subscriberId, { at }))
  const { suppressed, lifted } = await replaySuppressions(db, wishes)
  const left = await markLeft(db, leaving)
  return { left, returned: await markReturned(db, returning), erased: erasing.length, suppressed, lifted }
}

/** Sorts out whose last wish was what. */
function lastWishes(wishes: readonly ReadersWish[]) {
  const leaving = new Map<number, ReadersWish>()
  const returning = new Map<number, ReadersWish>()
  const erasing = new Map<number, ReadersWish>()
  for (const wish of wishes) {
    if (wish.kind === 'erased') erasing.set(wish.subscriberId, wish)
    else if (wish.kind === 'returned') returning.set(wish.subscriberId, wish)
    else if (isLeaving(wish)) leaving.set(wish.subscriberId, wish)
  }
  for (const [reader, back] of returning) {
    const gone = leaving.get(reader)
    if (gone && gone.at.getTime() + DOUBT_MS >= back.at.getTime()) returning.delete(reader)
    else leaving.delete(reader)
  }
  return { leaving: [...leaving.values()], returning: [...returning.values()], erasing: [...erasing.values()] }
}

async function replaySuppressions(
  db: Kysely<Database>,
  wishes: readonly Wish[],
): Promise<Pick<Replayed, 'suppressed' | 'lifted'>> {
  const ofAddresses = new Map<string, Wish[]>()
  for (const wish of wishes) {
    if (wish.address === null) continue
    const others = ofAddresses.get(wish.address)
    if (others) others.push(wish)
    else ofAddresses.set(wish.address, [wish])
  }
  const counts = { suppressed: 0, lifted: 0 }
  const known = await mapKnownSuppressions(db, [...ofAddresses.keys()])
  for (const [hex, here] of known) {
    const hash = Buffer.from(hex, 'hex')
    const word = lastWord(ofAddresses.get(hex) ?? [], here)
    if (word?.reason) {
      await ensureSuppression(db, hash, word.reason, word.at)
      counts.suppressed += 1
    } else if (word) {
      await db.transaction().execute((trx) => pruneSuppressionOf(trx, hash, word.at))
      counts.lifted += 1
    }
  }
  return counts
}

/**
 * Returns the wish about an address that the database has yet to follow: the gravest that bars it,
 * or what lifted that since. Undefined where there is none.
 */
function lastWord(wishes: readonly Wish[], here: KnownSuppression): Wish | undefined {
  let barred: (Wish & { reason: SuppressionReason }) | undefined
  let lifted: Wish | undefined
  let returned: Wish | undefined
  for (const wish of wishes) {
    const { at, kind, reason } = wish
    // What was lifted here since, on whatever host, counts as the journal's own.
    if (here.liftedAt !== null && at <= here.liftedAt) continue
    if (reason !== null) {
      if (!barred || !isGraver(barred.reason, reason)) barred = { ...wish, reason }
    } else if (kind === 'lifted') {
      barred = undefined
      lifted = wish
    } else if (kind === 'returned' && (!barred || barred.reason === 'erased')) {
      barred = undefined
      returned = wish
    }
  }
  if (barred) {
    // Whoever is there came, or moved there, by their own hand after they were erased.
    const isBack = barred.reason === 'erased' && here.isTaken
    return !isBack && isGraver(barred.reason, here.reason) ? barred : undefined
  }
  const lifting = here.reason === 'erased' ? (returned ?? lifted) : lifted
  // What bars it since is not what was lifted.
  return lifting && here.since !== null && here.since <= lifting.at ? lifting : undefined
}
