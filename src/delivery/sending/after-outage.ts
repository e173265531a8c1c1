// After an outage of the database every host first brings the wishes to leave that it took
// meanwhile: until then nothing is marked.
import type { Kysely } from 'kysely'
import type { Outage } from '../../database/outage.ts'
import type { Database } from '../../database/schema.ts'
import { LaterError } from '../../errors.ts'
import { type Claimed, markReleased, type Subject } from './once.ts'

/**
 * Gives back what is not marked yet, and throws when to come again, as long as the wishes of an
 * outage come first.
 */
export async function demandSettled<Facts>(
  { db, outage }: { db: Kysely<Database>; outage?: Pick<Outage, 'settlingMs'> | undefined },
  subject: Subject<Facts>,
  claimed: Claimed,
): Promise<void> {
  const settlingMs = outage?.settlingMs() ?? 0
  if (settlingMs === 0) return
  await markReleased(db, subject, claimed)
  throw new LaterError('the database was away: the wishes to leave of every host come first', settlingMs)
}
