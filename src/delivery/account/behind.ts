// Editions that are not done with: stopped, held back past their cut-off, or with emails that still
// wait or stay unknown. Never writes.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionState } from '../../database/states.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import { type EditionKey, isStoppedByHandSql } from '../../edition/stop.ts'
import { isForGoodSql, isUnaccountedSql, isUnsettledSql } from '../sending/transitions.ts'

/** An edition that is not done with, and why. */
export interface Behind extends EditionKey {
  state: EditionState
  /** Why it is held. */
  reason: string | null
  /** Why it stopped by itself, null where it did not. */
  stoppedReason: string | null
  /** When it goes on by itself, null where only the operator's word lifts its stop. */
  stoppedUntil: Date | null
  /** The operator has stopped it, by itself or with all digests. */
  stoppedByHand: boolean
  /** Emails that still wait. */
  waiting: number
  /** Emails that are unknown for good and undecided: see resolve. */
  unresolved: number
}

/** An edition that nothing has ranked so long after its cut-off is left behind. */
const UNRANKED_MINUTES = 60

/** Lists every edition that is not done with, the newest first. */
export async function listBehind(db: Kysely<Database>): Promise<Behind[]> {
  const { rows } = await sql<Behind>`
    select e.date, e.kind, e.state, e.reason,
      case when ${isStoppedSql('e')} then e.stopped_reason end as "stoppedReason",
      case when ${isStoppedSql('e')} then e.stopped_until end as "stoppedUntil",
      ${isStoppedByHandSql('e')} and (b.waiting > 0 or exists (select from stops s where s.date = e.date and s.kind = e.kind))
        as "stoppedByHand", b.waiting, b.unresolved
    from editions e cross join lateral (
      select coalesce(sum(cardinality(b.members)) filter (where not ${isForGoodSql('b')}), 0)::int as waiting,
        (select count(*) from batches u join deliveries d on d.edition_id = u.edition_id and d.subscriber_id = any(u.members)
          and ${isUnaccountedSql('d')} where u.edition_id = e.id and ${isForGoodSql('u')}) as unresolved
      from batches b where b.edition_id = e.id and ${isUnsettledSql('b')}
    ) b
    where ${isStoppedSql('e')} or b.waiting > 0 or b.unresolved > 0
      or exists (select from stops s where s.date = e.date and s.kind = e.kind)
      or (e.state in ('open', 'held') and not e.archive
        and e.cutoff_at < round_clock() - make_interval(mins => ${sql.lit(UNRANKED_MINUTES)}))
    order by e.date desc, e.kind`.execute(db)
  return rows
}

/**
 * Counts what is marked and not settled, of one edition or of all with null: requests that may be
 * under way or are to be repeated. A stop lets them finish.
 */
export async function getUnderWay(
  db: Kysely<Database>,
  edition: EditionKey | null,
): Promise<{ requests: number; emails: number }> {
  const { rows } = await sql<{ requests: number; emails: number }>`
    select count(*) as requests, coalesce(sum(cardinality(b.members)), 0)::int as emails
    from batches b join editions e on e.id = b.edition_id
    where ${isUnsettledSql('b')} and b.recipe_sha256 is not null and not ${isForGoodSql('b')}
      and (${edition === null}::boolean or (e.date = ${edition?.date ?? null}::date and e.kind = ${edition?.kind ?? null}::text))`.execute(
    db,
  )
  return rows[0] as { requests: number; emails: number }
}
