// Where a reader's wish to leave is taken: into the journal first, then into the database. Where
// the database cannot take it now, it follows as soon as it can, from here or from the journal when
// a process next starts.
import type { Handles } from '../../database/client.ts'
import { followClock } from '../../database/clock.ts'
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { SECOND_MS } from '../../time.ts'
import { getAddressKey, markUnsubscribed } from '../store.ts'
import type { Journal } from './journal.ts'
import { identify, isLeaving, markLeft } from './readers.ts'
import { hashReader, type NoteWish, type Wish, type Wished } from './wish.ts'

export interface WishDesk {
  /**
   * Ends a subscription. `kept`: the wish is safe in the journal and follows. Rejects when neither
   * the journal nor the database took it. `readAt`: the database's time when it last said that they
   * are here, where it could be asked. The wish came after that, whatever clock has moved.
   */
  leave(publicId: string, readAt?: Date): Promise<'left' | 'kept'>
  /**
   * Brings whatever was kept into the database, before anything newer of the same readers. Rejects
   * when it cannot take it yet.
   */
  bring(): Promise<void>
  /** Rejects when the journal could keep no wish now. */
  check(): Promise<void>
  /** Notes what the database has or is about to have. */
  note: NoteWish
  close(): Promise<void>
}

const RETRY_MS = SECOND_MS

/** Opens the desk. It needs the database once, for its clock and its key. */
export async function openWishDesk(
  { db, pageDb }: Pick<Handles, 'db' | 'pageDb'>,
  journal: Journal,
  logger: Logger,
): Promise<WishDesk> {
  const key = await getAddressKey(db)
  const clock = await followClock(db)
  let waiting: Wish[] = []
  let timer: NodeJS.Timeout | undefined
  let bringing: Promise<void> = Promise.resolve()

  function wishOf({ kind, publicId, addressHash, reason = null, at = clock.now() }: Wished): Wish {
    const reader = publicId === undefined ? null : hashReader(key, publicId)
    return { at, kind, reader, address: addressHash?.toString('hex') ?? null, reason }
  }

  async function bringAll(): Promise<void> {
    // More may come while these are brought.
    const wishes = [...waiting]
    if (wishes.length === 0) return
    const readers = await markLeft(db, await identify(db, key, wishes.filter(isLeaving)))
    waiting = waiting.filter((wish) => !wishes.includes(wish))
    logger.info({ event: 'journal.applied', wishes: wishes.length, readers }, 'wishes of the journal were brought in')
  }
  function bring(): Promise<void> {
    const next = bringing.then(bringAll)
    bringing = next.catch(() => {})
    return next
  }
  function follow(): void {
    timer ??= setTimeout(async () => {
      timer = undefined
      await bring().catch(() => {})
      if (waiting.length > 0) follow()
    }, RETRY_MS)
    timer.unref()
  }

  return {
    async leave(publicId, readAt) {
      const noted = wishOf({ kind: 'left', publicId })
      const wish = readAt !== undefined && readAt > noted.at ? { ...noted, at: readAt } : noted
      const kept = await journal.keep(wish).then(
        () => true,
        () => false,
      )
      try {
        await markUnsubscribed(pageDb, publicId)
        return 'left'
      } catch (error) {
        if (!kept) throw error
        logger.warn({ event: 'journal.kept', reason: describeError(error) }, 'a reader left by the journal')
        waiting.push(wish)
        follow()
        return 'kept'
      }
    },
    bring,
    check: journal.check,
    note: (wished) => journal.keep(wishOf(wished)).catch(() => {}),
    async close() {
      clearTimeout(timer)
      clock.close()
      await bringing
    },
  }
}
