// What RETENTION lets go of next: an old edition's personal facts. Who had which papers stays, and
// so do the accounts. Only reads; the ledger empties its rows.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKey } from '../../edition/stop.ts'
import { isForGoodSql, isUnaccountedSql, isUnsettledSql } from './transitions.ts'

/**
 * Finds the oldest edition that is past its time, holds something and waits for nothing, nor for
 * the operator's word: what is unknown can be looked up or sent again only while it is kept.
 */
export async function findPrunable(
  db: Kysely<Database>,
  retentionMs: number,
): Promise<(EditionKey & { id: number }) | undefined> {
  const { rows } = await sql<EditionKey & { id: number }>`
    select e.id, e.date, e.kind from editions e
    where e.pruned_at is null and e.state in ('frozen', 'empty')
      and e.date < (round_now() - make_interval(secs => ${retentionMs / 1000}))::date
      and not exists (
        select from batches b where b.edition_id = e.id and ${isUnsettledSql('b')} and (not ${isForGoodSql('b')} or exists (
          select from deliveries d
          where d.edition_id = e.id and d.subscriber_id = any(b.members) and ${isUnaccountedSql('d')}
        ))
      )
    order by e.date, e.kind limit 1`.execute(db)
  return rows[0]
}
