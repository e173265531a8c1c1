// Who is due for which edition, by the database's clock. Lays the readers out in planned_readers,
// for planning.ts; the tables that it works with are in work-tables.ts.
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { lastHourSql, localDateSql, nextHourSql, weekOfSql } from '../../subscriber/calendar.ts'
import { WELCOME_WEEK_DAYS } from '../../subscriber/store.ts'
import { markOvertaken } from '../sending/ledger.ts'
import { isFreshSql } from '../sending/transitions.ts'
import { insertWithheld } from './planning.ts'
import { createWorkTable } from './work-tables.ts'

/** Most readers that one transaction plans: bounds memory and the time that locks are held. */
const READERS_A_ROUND = 200_000

/**
 * Lays out the readers whose chosen hour has come, each with the newest edition that waits for
 * them, and moves their clocks on. What waited longer than `latenessMs` is withheld as late, what a
 * newer one overtook as merged. Who has just confirmed (`welcome`) gets the newest that is frozen,
 * however old, of the archive too. The digest takes the local date of this moment: after an outage
 * that is not the date of the hour. Returns the editions to plan and how many readers were looked
 * at.
 */
export async function claimDueReaders(
  trx: Transaction<Database>,
  { latenessMs, cutoffMinutes }: { latenessMs: number; cutoffMinutes: number },
): Promise<{ editionIds: number[]; readers: number }> {
  await createWorkTable(trx, 'due_readers')
  await sql`
    insert into due_readers (id, preferences_id, cadence, waiting_since, zone, silence, welcome, hour_at, barred, local_date, taken)
    select h.*, exists (select from deliveries d where d.subscriber_id = h.id and d.local_date = h.local_date)
      or exists (select from notes n where n.subscriber_id = h.id and n.local_date = h.local_date) as taken
    from (
      select r.*, ${localDateSql('r', sql`round_now()`)} as local_date from (
        select s.id, s.preferences_id, s.cadence, s.waiting_since, s.zone, s.silence, s.welcome,
          case when s.welcome then s.next_due_at else ${lastHourSql('s', sql`round_now()`)} end as hour_at,
          coalesce(s.paused_until >= ${localDateSql('s', sql`round_now()`)}, false)
            or exists (select from suppressions x where x.address_hash = s.address_hash) as barred
        from (
          select * from subscribers c where consent = 'confirmed' and next_due_at <= round_now()
            and not (cadence = 'weekly' and ${isWeekAwaitedSql('c', cutoffMinutes, latenessMs)})
          order by next_due_at limit ${READERS_A_ROUND} for update skip locked
        ) s
      ) r
    ) h`.execute(trx)
  await createWorkTable(trx, 'waiting_editions')
  await sql`
    insert into waiting_editions (subscriber_id, edition_id, preferences_id, local_date, late, age)
    select r.id as subscriber_id, e.id as edition_id, r.preferences_id, r.local_date,
      not r.welcome and case when e.kind = 'daily' then e.frozen_at else r.hour_at end
        < round_now() - make_interval(secs => ${latenessMs / 1000}) as late,
      row_number() over (partition by r.id order by e.date desc) as age
    from due_readers r
    join editions e on e.state = 'frozen' and (r.welcome or not e.archive)
      and e.kind = case r.cadence when 'weekly' then 'weekly' else 'daily' end
      and case
        when r.welcome then e.id = (
          select n.id from editions n where n.kind = e.kind and n.state = 'frozen' order by n.date desc limit 1
        )
        when e.kind = 'daily' then e.frozen_at > r.waiting_since and e.frozen_at <= r.hour_at
        else e.frozen_at > r.waiting_since and e.date = ${weekOfSql(sql`r.hour_at`, cutoffMinutes)}
      end
    where not r.barred and not r.taken
      and not exists (select from deliveries d where d.edition_id = e.id and d.subscriber_id = r.id)`.execute(trx)
  await insertWithheld(
    trx,
    sql`select edition_id, subscriber_id, case when late then 'late' else 'merged' end from waiting_editions where late or age > 1`,
  )
  await mergeOvertaken(trx)
  await layOut(
    trx,
    sql`
      select edition_id, subscriber_id, preferences_id, local_date from waiting_editions where age = 1 and not late`,
  )
  const moved = await sql`
    update subscribers s set next_due_at = ${nextHourSql('s', sql`round_now()`)}, welcome = false,
      waiting_since = case when r.taken then s.waiting_since else greatest(s.waiting_since, r.hour_at) end
    from due_readers r where s.id = r.id`.execute(trx)
  return { editionIds: await listPlannedEditions(trx), readers: Number(moved.numAffectedRows ?? 0) }
}

/**
 * Withholds as merged what was planned of older editions and still waits, for quota or provider,
 * once a newer one is there for the same reader. A batch loses its lease by that: whoever was about
 * to mark it builds it again without them.
 */
async function mergeOvertaken(trx: Transaction<Database>): Promise<void> {
  // As a rule nothing waits of older editions, and this looks at no reader at all.
  await createWorkTable(trx, 'overtaken')
  await sql`
    insert into overtaken (batch_id, edition_id, subscriber_id)
    with newer as (
      select w.subscriber_id, n.kind, n.date from waiting_editions w join editions n on n.id = w.edition_id
      where w.age = 1 and not w.late
    ), newest as materialized (select kind, max(date) as date from newer group by 1),
    waiting as materialized (
      select b.id as batch_id, b.edition_id, e.kind, e.date, m.subscriber_id
      from newest join editions e on e.kind = newest.kind and e.date < newest.date join batches b on b.edition_id = e.id
      cross join unnest(b.members) m(subscriber_id)
      where ${isFreshSql('b')}
    )
    select s.batch_id, s.edition_id, s.subscriber_id
    from waiting s join newer n on n.subscriber_id = s.subscriber_id and n.kind = s.kind and n.date > s.date`.execute(
    trx,
  )
  await sql`analyze overtaken`.execute(trx)
  await markOvertaken(trx, 'overtaken')
}

/**
 * Lays out everyone who may get this edition now, whatever their hour: confirmed, of its kind, not
 * paused, not suppressed, without a delivery of it. The digest counts for the local date on which
 * the edition would have fallen due.
 */
export async function claimAllReaders(
  trx: Transaction<Database>,
  edition: { id: number; kind: EditionKind; cutoffAt: Date },
  only: string | null,
): Promise<void> {
  await layOut(
    trx,
    sql`
      select ${edition.id}::int, s.id, s.preferences_id,
        ${localDateSql('s', nextHourSql('s', sql`${edition.cutoffAt}::timestamptz`))}
      from subscribers s
      where s.consent = 'confirmed' and (s.cadence = 'weekly') = ${edition.kind === 'weekly'}
        and (${only}::text is null or s.address = ${only})
        and not coalesce(s.paused_until >= ${localDateSql('s', sql`round_now()`)}, false)
        and not exists (select from suppressions x where x.address_hash = s.address_hash)
        and not exists (select from deliveries d where d.edition_id = ${edition.id} and d.subscriber_id = s.id)`,
  )
}

/**
 * Tells whether a weekly reader has yet to see the week of their hour made: it freezes minutes
 * after its cut-off, or when an outage is over, and until it would be late they wait for it instead
 * of losing their week.
 */
function isWeekAwaitedSql(reader: string, cutoffMinutes: number, latenessMs: number): RawBuilder<boolean> {
  const r = sql.table(reader)
  const hour = sql`case when ${r}.welcome then ${r}.next_due_at else ${lastHourSql(reader, sql`round_now()`)} end`
  return sql<boolean>`(
    select h.at > round_now() - make_interval(secs => ${latenessMs / 1000}) and not exists (
      select from editions e where e.kind = 'weekly' and e.state in ('frozen', 'empty')
        and e.date between h.week - case when ${r}.welcome then ${sql.lit(WELCOME_WEEK_DAYS)} else 0 end and h.week
    )
    from (select hour.at, ${weekOfSql(sql`hour.at`, cutoffMinutes)} as week from (select ${hour} as at) hour) h
  )`
}

async function layOut(trx: Transaction<Database>, readers: RawBuilder<unknown>): Promise<void> {
  await createWorkTable(trx, 'planned_readers')
  await sql`insert into planned_readers (edition_id, subscriber_id, preferences_id, local_date) ${readers}`.execute(trx)
  await sql`analyze planned_readers`.execute(trx)
}

async function listPlannedEditions(trx: Transaction<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select distinct edition_id as id from planned_readers order by 1`.execute(
    trx,
  )
  return rows.map((row) => row.id)
}
