// What a clock that ran ahead has done to days that had not come, once it is right again: a machine
// that woke with a wrong date, say. Editions were given up before their day, hours of readers lie
// beyond their next one, and nothing would look at any of it before the wrong time is reached.
import { sql } from 'kysely'
import { nextHourSql } from '../subscriber/calendar.ts'
import type { Round } from './round.ts'
import { getTickAgeMs } from './tick.ts'

/** A tick that lies so far ahead was no tick of this clock; smaller steps harm nothing. */
const SET_BACK_MS = 10 * 60_000

/**
 * Looks whether the database's clock was set back since the last tick, and mends what lies ahead:
 * an edition that was empty before its cut-off is open again, one that is frozen waits from now on,
 * looks were taken now at the latest, and everybody is asked at their next hour. Who has a delivery
 * of an edition has it, whatever waits.
 */
export async function mendClockBack({ db, logger }: Pick<Round, 'db' | 'logger'>): Promise<void> {
  const minutes = Math.round(-(await getTickAgeMs({ db })) / 60_000)
  if (minutes * 60_000 < SET_BACK_MS) return
  await db.transaction().execute(async (trx) => {
    await sql`update editions set state = 'open', reason = null where state = 'empty' and cutoff_at > round_now()`.execute(
      trx,
    )
    await sql`update editions set frozen_at = round_now() where frozen_at > round_now()`.execute(trx)
    await sql`update collections set collected_at = round_now() where collected_at > round_now()`.execute(trx)
    const nextOf = (row: string) => nextHourSql(row, sql`round_now()`)
    // What was frozen a moment ago waits for them; what they were asked about is in the ledger.
    const waitingOf = (row: string) => sql`least(${sql.ref(`${row}.waiting_since`)}, round_now() - interval '1 day')`
    await sql`
      update shared_clocks k set next_due_at = ${nextOf('k')}, waiting_since = ${waitingOf('k')}
      where k.next_due_at > ${nextOf('k')}`.execute(trx)
    await sql`
      update reader_clocks c set waiting_since = ${waitingOf('c')},
        next_due_at = case when c.next_due_at is null then null when c.welcome then round_now() else ${nextOf('s')} end
      from subscribers s where s.id = c.subscriber_id
        and (c.next_due_at > ${nextOf('s')} or c.waiting_since > round_now())`.execute(trx)
  })
  logger.error(
    { event: 'clock.set-back', minutes },
    'the clock of the database was set back: what lay ahead of it was taken back',
  )
}
