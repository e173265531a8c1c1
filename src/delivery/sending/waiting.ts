// What waits of batches or notices, for whoever queues it. Only reads.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { Subject } from './subject.ts'
import { isUnsettledSql } from './transitions.ts'

/** Lists what nobody works on and may be attempted now, the longest-waiting first. */
export async function listWaiting(db: Kysely<Database>, subject: Subject, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select u.id from ${sql.table(subject.table)} u
    where ${isUnsettledSql('u')} and u.next_attempt_at <= round_clock() and not ${subject.isHeldSql('u')}
    order by u.next_attempt_at limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
}
