// Where a reader's wish to leave is taken: into the journal first, then into the database. Where
// the database cannot take it now, it follows as soon as it can, from here or from the files of
// this host when a process next starts.
import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Handles } from '../../database/client.ts'
import { followClock } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { SECOND_MS } from '../../time.ts'
import { getAddressKey, markUnsubscribed } from '../store.ts'
import type { Journal } from './journal.ts'
import { hashReader, type Wish } from './wish.ts'

export interface WishDesk {
  /**
   * Ends a subscription. `kept`: the wish is safe in the journal and follows. Rejects when neither
   * the journal nor the database took it.
   */
  leave(publicId: string): Promise<'left' | 'kept'>
  /**
   * Brings whatever was kept into the database, before anything newer of the same readers. Rejects
   * when it cannot take it yet.
   */
  bring(): Promise<void>
  close(): Promise<void>
}

const RETRY_MS = SECOND_MS
/** How far two clocks may be apart: in doubt, the reader has left. */
const DOUBT_MS = SECOND_MS
const BLOCK_BYTES = 64

/**
 * Opens the desk: whatever the journal has is in the database by then. It needs the database once,
 * for its clock and its key.
 */
export async function openWishDesk(
  { db, pageDb }: Pick<Handles, 'db' | 'pageDb'>,
  journal: Journal,
  logger: Logger,
): Promise<WishDesk> {
  const key = await getAddressKey(db)
  const clock = await followClock(db)
  const recalled = await markLeft(db, key, await journal.list())
  if (recalled > 0)
    logger.info({ event: 'journal.applied', readers: recalled }, 'wishes of the journal were brought in')
  let waiting: Wish[] = []
  let timer: NodeJS.Timeout | undefined
  let bringing: Promise<void> = Promise.resolve()

  async function bringAll(): Promise<void> {
    const wishes = waiting
    if (wishes.length === 0) return
    await markLeft(db, key, wishes)
    waiting = waiting.filter((wish) => !wishes.includes(wish))
    logger.info({ event: 'journal.applied', readers: wishes.length }, 'wishes of the journal were brought in')
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
    async leave(publicId) {
      const wish: Wish = {
        at: clock.now(),
        kind: 'left',
        reader: hashReader(key, publicId),
        address: null,
        reason: null,
      }
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
    async close() {
      clearTimeout(timer)
      clock.close()
      await bringing
    },
  }
}

/**
 * Ends the subscriptions of those who wished to leave, unless they confirmed later. Repeating it
 * changes nothing. Returns how many ended.
 */
export async function markLeft(db: Kysely<Database>, key: Buffer, wishes: readonly Wish[]): Promise<number> {
  const leaving = wishes.filter(({ kind, reader }) => reader !== null && (kind === 'left' || kind === 'complained'))
  if (leaving.length === 0) return 0
  const [inner, outer] = [0x36, 0x5c].map((pad) => padded(key, pad))
  // HMAC-SHA-256 of every public id, as hashReader makes it: the hashes lead to nobody by an index.
  const { numAffectedRows } = await sql`
    with wished as (
      select decode(w->>'reader', 'hex') as reader, max((w->>'at')::timestamptz) as at
      from jsonb_array_elements(${JSON.stringify(leaving)}::jsonb) w group by 1
    )
    update subscribers s set consent = 'unsubscribed', next_due_at = null, left_at = w.at, changed_at = round_now()
    from wished w
    where s.consent <> 'unsubscribed' and s.address is not null
      and sha256(${outer}::bytea || sha256(${inner}::bytea || convert_to(s.public_id::text, 'UTF8'))) = w.reader
      and greatest(s.created_at, s.confirmed_at) <= w.at + make_interval(secs => ${DOUBT_MS / 1000})`.execute(db)
  return Number(numAffectedRows)
}

function padded(key: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES)
  const short = key.length > BLOCK_BYTES ? createHash('sha256').update(key).digest() : key
  short.copy(block)
  return block.map((byte) => byte ^ pad) as Buffer
}
