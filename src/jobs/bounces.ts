// Reads the mailbox of bounces for as long as a scheduler runs: one reader at a time over all of
// them, by a lease in PostgreSQL. What fails is noted, told, and tried again; it never ends the
// process.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { applyBounce, type BounceParts } from '../delivery/bounce/applying.ts'
import { type Mailbox, type MailboxSettings, openMailbox, reasonOf } from '../delivery/bounce/mailbox.ts'
import { claimMailbox, markMailboxFailed, markMailboxRead, pruneMailboxClaim } from '../delivery/bounce/store.ts'
import { toReason } from '../delivery/provider/outside.ts'
import type { Logger } from '../logger.ts'
import { MINUTE_MS, SECOND_MS } from '../time.ts'

export interface BounceReaderParts extends BounceParts {
  mailbox: MailboxSettings
  logger: Logger
  /** For tests. */
  open?: (settings: MailboxSettings) => Promise<Mailbox>
  /** How long after the first failure it is tried again; twice as long each time. */
  retryMs?: number
}

/** What one reading of the mailbox came to. */
export interface BouncesRead {
  /** Reports by type: what changed something, and repeats of what had. */
  applied: Record<string, number>
  known: number
  /** Messages by why nothing came of them. */
  passedOver: Record<string, number>
}

/** A new message is told at once where the server can; where it cannot, it is found after this. */
const LOOK_EVERY_MS = MINUTE_MS
/** Whoever has no lease asks for it again after this. */
const CLAIM_EVERY_MS = MINUTE_MS
const RETRY_MS = 5 * SECOND_MS
const RETRY_MOST_MS = 5 * MINUTE_MS

/** Starts to read. `close` ends it, within the time that a message takes. */
export function openBounceReader(parts: BounceReaderParts): { close(): Promise<void> } {
  const stop = new AbortController()
  const running = readOn(parts, randomUUID(), stop.signal)
  return {
    async close() {
      stop.abort()
      await running
    },
  }
}

async function readOn(parts: BounceReaderParts, reader: string, signal: AbortSignal): Promise<void> {
  const { db, logger } = parts
  let failures = 0
  while (!signal.aborted) {
    let waitMs = CLAIM_EVERY_MS
    try {
      if (await claimMailbox(db, reader)) {
        await readWhileClaimed(parts, reader, signal, () => {
          failures = 0
        })
      }
    } catch (error) {
      const reason = toReason(reasonOf(error))
      waitMs = Math.min((parts.retryMs ?? RETRY_MS) * 2 ** failures, RETRY_MOST_MS)
      failures += 1
      logger.warn({ event: 'bounces.failed', reason, retryMs: waitMs }, 'the mailbox of bounces could not be read')
      await markMailboxFailed(db, reason).catch(() => {})
    }
    await sleep(waitMs, undefined, { signal }).catch(() => {})
  }
  await pruneMailboxClaim(db, reader).catch(() => {})
}

/** Returns when another reader has the lease, or at the end. */
async function readWhileClaimed(
  parts: BounceReaderParts,
  reader: string,
  signal: AbortSignal,
  onRead: () => void,
): Promise<void> {
  const mailbox = await (parts.open ?? openMailbox)(parts.mailbox)
  try {
    while (!signal.aborted && (await claimMailbox(parts.db, reader))) {
      await readBounces(parts, mailbox, async () => {
        if (signal.aborted || !(await claimMailbox(parts.db, reader))) throw new StoppedError('another reads on')
      })
      onRead()
      await mailbox.wait(LOOK_EVERY_MS, signal)
    }
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error
  } finally {
    await mailbox.close()
  }
}

class StoppedError extends Error {}

/** Between two messages the lease is kept this often. */
const KEEP_EVERY_MS = 30 * SECOND_MS

/**
 * Applies whatever is in the mailbox. `mayGoOn` is asked now and then, and rejects where it may
 * not. Rejects when the mailbox or the database is away; what was applied by then was moved.
 */
export async function readBounces(
  parts: BounceParts & Pick<BounceReaderParts, 'logger'>,
  mailbox: Mailbox,
  mayGoOn: () => Promise<void> = async () => {},
): Promise<BouncesRead> {
  const read: BouncesRead = { applied: {}, known: 0, passedOver: {} }
  let keptAt = performance.now()
  await mailbox.readAll(async (message) => {
    if (performance.now() - keptAt > KEEP_EVERY_MS) {
      await mayGoOn()
      keptAt = performance.now()
    }
    const { result, type, effect } = await applyBounce(parts, message)
    parts.logger.debug({ event: 'bounce.read', result, type }, 'a message of the mailbox was read')
    if (effect?.braked) {
      const { editionId, braked: reason } = effect
      parts.logger.error({ event: 'edition.stopped', editionId, reason }, 'an edition was stopped by the brake')
    }
    if (result === 'applied' && type !== null) read.applied[type] = (read.applied[type] ?? 0) + 1
    else if (result === 'known') read.known += 1
    else read.passedOver[result] = (read.passedOver[result] ?? 0) + 1
    return result === 'applied' || result === 'known' ? 'applied' : 'others'
  })
  const [applied, passedOver] = [sum(read.applied), sum(read.passedOver)]
  await markMailboxRead(parts.db, { applied, passedOver })
  if (applied + passedOver + read.known > 0) {
    parts.logger.info({ event: 'bounces.read', ...read }, 'the mailbox of bounces was read')
  }
  return read
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0)
}
