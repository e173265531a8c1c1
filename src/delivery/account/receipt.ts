// The receipt: whether somebody who has left may still get one more digest, and until when. Nothing
// that is not on it can come: a mark sees everybody who left before it began, and one that may have
// begun earlier is on it.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { REPLAY_MS } from '../provider/replay.ts'
import { LEASE_MS } from '../sending/once.ts'
import { isFreshSql, isUnaccountedSql, isUnsettledSql } from '../sending/transitions.ts'

/**
 * `none`: no more comes. `under-way`: one may arrive, until `until` at the latest; null where no
 * end is known. `unanswered`: one may have gone, and is not sent again.
 */
export type Receipt = { kind: 'none' } | { kind: 'under-way'; until: Date | null } | { kind: 'unanswered' }

interface UnderWay {
  provider: string | null
  firstAttemptAt: Date | null
  /** When the lease or the wait is over; null for never. */
  nextAttemptAt: Date | null
  now: Date
}

/** Returns a subscriber's receipt (by row id) as of now: ask once the leaving is committed. */
export async function getReceipt(db: Kysely<Database>, subscriberId: number): Promise<Receipt> {
  // What is claimed and not marked may be in the middle of its mark. A claim lasts a lease at most,
  // so what waits for longer is in nobody's hands.
  const { rows } = await sql<UnderWay>`
    select b.provider, b.first_attempt_at as "firstAttemptAt", nullif(b.next_attempt_at, 'infinity') as "nextAttemptAt",
      round_clock() as now
    from deliveries d join batches b on b.id = d.batch_id
    where d.subscriber_id = ${subscriberId} and ${isUnaccountedSql('d')} and ${isUnsettledSql('b')}
      and (not ${isFreshSql('b')} or b.lease_epoch > 0 and b.next_attempt_at > round_clock()
        and b.next_attempt_at <= round_clock() + make_interval(secs => ${LEASE_MS / 1000}))`.execute(db)
  const moving = rows.filter(({ nextAttemptAt }) => nextAttemptAt !== null)
  if (moving.length === 0) return { kind: rows.length > 0 ? 'unanswered' : 'none' }
  const ends = moving.map(endOf)
  const known = ends.filter((end) => end !== null)
  if (known.length < ends.length) return { kind: 'under-way', until: null }
  return { kind: 'under-way', until: new Date(Math.max(...known.map((end) => end.getTime()))) }
}

/** Counts the members of an edition's marked requests who have left since. */
export async function getHeldLeavers(db: Kysely<Database>, editionId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from batches b
    join deliveries d on d.edition_id = b.edition_id and d.batch_id = b.id and ${isUnaccountedSql('d')}
    join subscribers s on s.id = d.subscriber_id and s.consent <> 'confirmed'
    where b.edition_id = ${editionId} and ${isUnsettledSql('b')} and not ${isFreshSql('b')}`.execute(db)
  return rows[0]?.count ?? 0
}

/** Returns when an email under way is settled at the latest, null where that cannot be said. */
function endOf({ provider, firstAttemptAt, nextAttemptAt, now }: UnderWay): Date | null {
  const replayMs = REPLAY_MS[provider as keyof typeof REPLAY_MS] ?? null
  // Its provider is named by the mark that may be going on.
  if (replayMs === null || !Number.isFinite(replayMs)) return null
  const repeatedUntil = (firstAttemptAt ?? now).getTime() + replayMs
  return new Date(Math.max(repeatedUntil, nextAttemptAt?.getTime() ?? 0))
}

/** Says a receipt to its reader, in their zone. */
export function receiptInWords(receipt: Receipt, zone: string): string {
  switch (receipt.kind) {
    case 'none':
      return 'No digest is on its way to you.'
    case 'unanswered':
      return 'One digest may have gone out before, as its delivery was never answered. It is not sent again.'
    case 'under-way': {
      const latest = receipt.until === null ? '' : `, and until ${momentIn(receipt.until, zone)} at the latest`
      return `One more digest is on its way and may still arrive: within seconds normally${latest}. It is the last.`
    }
  }
}

function momentIn(at: Date, timeZone: string): string {
  const shown = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, hour: '2-digit', minute: '2-digit', weekday: 'long', day: 'numeric', month: 'long' },
  } as const)
  const part = Object.fromEntries(shown.formatToParts(at).map(({ type, value }) => [type, value]))
  return `${part.hour}:${part.minute} on ${part.weekday}, ${part.day} ${part.month} (${timeZone})`
}
