// Applies one message of the mailbox: what it says, of the mail whose address it came to. Without a
// genuine address, and without a report that is known as one, nothing is changed.
import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { type BounceHome, findBounceClaims, isSentTo } from '../../subscriber/bounce-address.ts'
import type { NoteWish } from '../../subscriber/journal/wish.ts'
import type { LinkKeys } from '../../subscriber/token.ts'
import { type Effect, markReported } from '../feedback/feedback.ts'
import type { Report } from '../provider/report.ts'
import { type Reading, readBounce } from './reading.ts'
import { chooseSaid, type Said } from './said.ts'
import { findCurrentAddress } from './store.ts'

export interface BounceParts {
  db: Kysely<Database>
  linkKeys: LinkKeys
  home: BounceHome
  /** Hears of whom a report bars, before that is committed. */
  note?: NoteWish
}

/** A message as the mailbox has it. */
export interface BounceMessage {
  /** Its beginning, headers first. */
  source: Buffer
  /** When it came in, by the mailbox's clock. */
  arrivedAt: Date
}

export interface AppliedBounce {
  /**
   * `applied`, or `known` when it came before; otherwise nothing was changed, and why:
   * `unaddressed` without a genuine address that is still valid, `unknown` when its mail is none of
   * ours any more.
   */
  result: 'applied' | 'known' | 'unknown' | 'unaddressed' | 'auto-reply' | 'no-report' | 'unreadable'
  type: Said['type'] | null
  effect: Effect | null
}

/** Reads a message and applies it. Rejects only when the database does not take it. */
export async function applyBounce(parts: BounceParts, message: BounceMessage): Promise<AppliedBounce> {
  const reading = await readBounce(message.source)
  if (reading.said.length === 0) {
    return { result: reading.kind as AppliedBounce['result'], type: null, effect: null }
  }
  const report = await toReport(parts, reading, message.arrivedAt)
  if (report === undefined) return { result: 'unaddressed', type: null, effect: null }
  const effect = await markReported(parts.db, report, parts.note)
  return { result: effect.result, type: report.type as Said['type'], effect }
}

/** Returns undefined where no address of ours is in it, or more than one. */
async function toReport(
  { db, linkKeys, home }: BounceParts,
  { said, fingerprint, addressed, whole }: Reading,
  at: Date,
): Promise<Report | undefined> {
  // Where it was sent counts before what it holds: a report may return a mail that held another's.
  const sentTo = findBounceClaims(linkKeys, home, addressed, at)
  const [claim, ...others] = sentTo.length > 0 ? sentTo : findBounceClaims(linkKeys, home, whole, at)
  if (claim === undefined || others.length > 0) return undefined
  const isOurs = (address: string) => isSentTo(linkKeys, claim, address)
  const chosen = chooseSaid(said, isOurs)
  if (chosen === undefined) return undefined
  const now = await findCurrentAddress(db, claim.publicId)
  // Whoever is named must be who was written to: a report may name anybody.
  const address = [now, ...said.flatMap(({ recipients }) => recipients)].find((each) => each && isOurs(each)) ?? null
  const hasMoved = typeof now === 'string' && address === null
  return {
    id: `bounce ${createHash('sha256').update(`${claim.publicId} ${fingerprint}`).digest('hex').slice(0, 32)}`,
    type: hasMoved ? withoutSuppression(chosen.type) : chosen.type,
    // Public ids are random: only one of the two is there.
    delivery: claim.publicId,
    notice: claim.publicId,
    providerId: null,
    address,
    at,
  }
}

/**
 * The reader has another address by now, and the one that bounced is not known any more: nobody can
 * be barred for it.
 */
function withoutSuppression(type: Said['type']): Report['type'] {
  return type === 'hard-bounce' || type === 'soft-bounce' ? 'failed' : type
}
