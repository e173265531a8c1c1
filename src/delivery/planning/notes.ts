// Days that bring a reader a short note instead of a digest: decided set-based while their hour is
// planned, one a local day, as a digest would be. What a note says is in note-words.ts; the mail
// itself is a notice.
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { localDateSql, weekOfSql } from '../../subscriber/calendar.ts'

export interface EarnedNote {
  subscriberId: number
  address: string
  kind: 'day' | 'filters'
  /** The edition that brought nothing; null where none was made. */
  editionId: number | null
  localDate: string
}

/**
 * Two weeks of a reader's own rhythm without a digest, counted from the first silent edition of its
 * kind.
 */
const SILENT_DAYS = { daily: 13, weekly: 7 }
/** Filters that left nothing are looked for among the editions of so many days. */
const LOOK_BACK_DAYS = 35

/**
 * Notes which of the readers whose hour has just been planned get nothing today: those who asked
 * for notes, and once, until a digest comes again, those whose filters left nothing for two weeks.
 * Call it after their deliveries are written, in the same transaction, and tell whether filters
 * left anybody nothing: as a rule they did not, and no delivery is looked at. Nobody gets one for a
 * day that is over, nor while a digest is on its way to them.
 */
export async function insertNotes(
  trx: Transaction<Database>,
  cutoffMinutes: number,
  isAnyFiltered: boolean,
): Promise<void> {
  const pointed = sql`(
    select e.id from editions e where e.kind = ${kindForSql('r')}
      and e.date = ${weekOfSql(sql`r.hour_at`, cutoffMinutes)}
  )`
  await sql`
    with filtered as (
      select p.subscriber_id, p.edition_id from planned_readers p
      join deliveries d on d.edition_id = p.edition_id and d.subscriber_id = p.subscriber_id and d.reason = 'filtered'
      where ${isAnyFiltered}::boolean
    ), last as (
      select f.subscriber_id, max(d.local_date) as digest from filtered f
      left join deliveries d on d.subscriber_id = f.subscriber_id and d.local_date is not null group by 1
    ), silent as (
      select l.subscriber_id, l.digest, min(${localDateSql('r', sql`d.changed_at`)}) as since
      from last l join due_readers r on r.id = l.subscriber_id
      join editions e on e.frozen_at > round_now() - make_interval(days => ${sql.lit(LOOK_BACK_DAYS)})
        and e.kind = ${kindForSql('r')}
      join deliveries d on d.edition_id = e.id and d.subscriber_id = l.subscriber_id and d.reason = 'filtered'
      where l.digest is null or ${localDateSql('r', sql`d.changed_at`)} > l.digest
      group by 1, 2
    ), long as (
      select s.subscriber_id from silent s join due_readers r on r.id = s.subscriber_id
      where r.local_date - s.since >= case r.cadence when 'weekly' then ${sql.lit(SILENT_DAYS.weekly)} else ${sql.lit(SILENT_DAYS.daily)} end
        and not exists (
          select from notes n where n.subscriber_id = r.id and n.kind = 'filters' and (s.digest is null or n.local_date > s.digest)
          offset 0
        )
    )
    insert into notes (subscriber_id, local_date, kind, edition_id)
    select r.id, r.local_date, case when long.subscriber_id is null then 'day' else 'filters' end,
      coalesce(filtered.edition_id, ${pointed})
    from due_readers r left join filtered on filtered.subscriber_id = r.id left join long on long.subscriber_id = r.id
    where not r.barred and not r.taken and not r.welcome and (r.silence = 'note' or long.subscriber_id is not null)
      and ${localDateSql('r', sql`r.hour_at`)} = r.local_date
      and not exists (
        select from deliveries d where d.subscriber_id = r.id
          and (d.local_date = r.local_date or (d.state = 'planned' and d.local_date > r.local_date - 7))
      )
    on conflict do nothing`.execute(trx)
}

/**
 * Takes up to `limit` notes that have no notice yet; the transaction that makes the notices marks
 * them. Who has left meanwhile gets none.
 */
export async function claimNotes(trx: Transaction<Database>, limit: number): Promise<EarnedNote[]> {
  const { rows } = await sql<Omit<EarnedNote, 'address'> & { address: string | null; reads: boolean }>`
    update notes n set noticed_at = round_clock()
    from (
      select subscriber_id, local_date from notes where noticed_at is null order by 1, 2 limit ${limit} for update skip locked
    ) mine join subscribers s on s.id = mine.subscriber_id
    where n.subscriber_id = mine.subscriber_id and n.local_date = mine.local_date
    returning n.subscriber_id as "subscriberId", s.address, n.kind, n.edition_id as "editionId", n.local_date as "localDate",
      s.consent = 'confirmed' and s.address is not null as reads`.execute(trx)
  return rows.flatMap(({ reads, address, ...note }) => (reads && address !== null ? { ...note, address } : []))
}

/** Which editions a reader of this cadence gets. */
function kindForSql(reader: string): RawBuilder<string> {
  return sql<string>`case ${sql.ref(`${reader}.cadence`)} when 'weekly' then 'weekly' else 'daily' end`
}
