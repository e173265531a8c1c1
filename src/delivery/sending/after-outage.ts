// After an outage of the database every host first brings the wishes to leave that it took
// meanwhile: until then nothing is marked.
import { type Kysely, sql } from 'kysely'
import { type Outage, SETTLING_MS } from '../../database/outage.ts'
import type { Database } from '../../database/schema.ts'
import { LaterError } from '../../errors.ts'
import { SECOND_MS } from '../../time.ts'
import { BEAT_EVERY_MS } from './heartbeats.ts'
import { markReleased } from './once.ts'
import type { Claimed, Subject } from './subject.ts'

/** Far above the minute between two ticks: nobody has, or nobody could. */
const SILENT_SECONDS = 90
/** A beat that is so late was missed: its process is dead, or comes back at any moment. */
const LATE_SECONDS = (1.5 * BEAT_EVERY_MS) / SECOND_MS

/**
 * Lets the wishes of every host come first where this process has not seen the outage itself,
 * because it starts right after it: PostgreSQL has just come up, no scheduler has ticked for longer
 * than they do, or a process that should be heard is not.
 */
export async function settleAtStart(db: Kysely<Database>, outage: Pick<Outage, 'settle'>): Promise<void> {
  const { rows } = await sql<{ up: number; silent: boolean }>`
    select coalesce((extract(epoch from round_clock() - pg_postmaster_start_time()) * 1000)::float8, 0) as up,
      exists (
        select from ticks t where t.name = 'tick' and t.at < round_clock() - make_interval(secs => ${sql.lit(SILENT_SECONDS)})
      ) or exists (
        select from heartbeats h where h.beat_at < round_clock() - make_interval(secs => ${sql.lit(LATE_SECONDS)})
      ) as silent`.execute(db)
  const { up = SETTLING_MS, silent = false } = rows[0] ?? {}
  if (silent) outage.settle(SETTLING_MS)
  else if (up >= 0 && up < SETTLING_MS) outage.settle(SETTLING_MS - up)
}

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
