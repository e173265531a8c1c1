// Who is due for which edition, by the database's clock. A line-up says in which order they are
// planned and holds nothing; a slice of it, one transaction, asks everything anew of its readers
// and lays them out in planned_readers, for planning.ts. The tables that it works with are in
// work-tables.ts.
//
// A slice reads large tables by key alone, whatever PostgreSQL knows of a fresh edition, or expects
// of an hour that no clock showed when it last looked: `offset 0` keeps it from turning a look-up
// into a join that reads all of them, or into one by another index.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { type Edition, isStoppedSql } from '../../edition/edition.ts'
import { isStoppedByHandSql } from '../../edition/stop.ts'
import { OPEN_CUTOFFS } from '../../edition/store.ts'
import {
  firstHourSql,
  hourOnDaySql,
  lastHourSql,
  localDateSql,
  nextHourWithoutGapSql,
  weeklyHourSql,
  weekOfSql,
} from '../../subscriber/calendar.ts'
import { WELCOME_WEEK_DAYS } from '../../subscriber/store.ts'
import { takesInSql } from '../merging.ts'
import { markOvertaken } from '../sending/ledger.ts'
import { isFreshSql } from '../sending/transitions.ts'
import { holdSharedClocks, moveClocks, SHARED_CLOCK_MAX } from './clocks.ts'
import { insertWithheld } from './planning.ts'
import { createWorkTable } from './work-tables.ts'

/** What planning goes by: see Round. */
export interface PlanClock {
  latenessMs: number
  cutoffMinutes: number
}

/** Who is due: everybody of a shared clock, and readers by an hour of their own. */
export interface DueReaders {
  clocks: readonly number[]
  ids: readonly number[]
}

/** Hours are reckoned once a rhythm, not once a reader. */
const RHYTHMS = sql`select distinct cadence, weekday, hour, zone`
const hasRhythm = (reader: string, rhythm: string) =>
  sql<boolean>`(${sql.join(
    ['cadence', 'weekday', 'hour', 'zone'].map(
      (each) => sql`${sql.ref(`${rhythm}.${each}`)} = ${sql.ref(`${reader}.${each}`)}`,
    ),
    sql` and `,
  )})`

/** Most readers of one line-up: 8 MB of ids. */
const LINE_UP_MAX = 1_000_000

/**
 * Lists the shared clocks that have come to their hour, with how many go by each, and by an hour of
 * their own the readers whose hour has come, the longest-waiting first, and within it by their
 * choices: readers of one slice then share selections, those they had and those they get. `left`:
 * who is not subscribed any more, and whose own clock still runs.
 */
export async function listDueReaders(
  db: Kysely<Database>,
  clock: PlanClock,
): Promise<{ clocks: { id: number; members: number }[]; ids: number[]; left: number[] }> {
  const { rows: clocks } = await sql<{ id: number; members: number }>`
    select k.id, k.members from shared_clocks k
    where k.next_due_at <= round_now() and not ${isAwaitingSql('k', 'k', clock)} order by k.next_due_at, k.id`.execute(
    db,
  )
  const { rows } = await sql<{ ids: number[] | null; left: number[] | null }>`
    select array_agg(r.id order by r.next_due_at, r.preferences_id, r.id) filter (where r.consent = 'confirmed') as ids,
      array_agg(r.id) filter (where r.consent <> 'confirmed') as left
    from (
      select s.id, c.next_due_at, s.preferences_id, s.consent
      from reader_clocks c cross join lateral (select * from subscribers s where s.id = c.subscriber_id offset 0) s
      where c.next_due_at <= round_now() and not ${isAwaitingSql('c', 's', clock)}
      order by c.next_due_at limit ${LINE_UP_MAX}
    ) r`.execute(db)
  return { clocks, ids: rows[0]?.ids ?? [], left: rows[0]?.left ?? [] }
}

/** Lists whom claimAllReaders would lay out, by their choices; with `only`, that address alone. */
export async function listAllReaders(db: Kysely<Database>, edition: Planned, only: string | null): Promise<number[]> {
  const { rows } = await sql<{ ids: number[] | null }>`
    select array_agg(s.id order by s.preferences_id, s.id) as ids from subscribers s
    where ${mayGetSql('s', edition.kind)} ${only === null ? sql`` : sql`and s.address = ${only}`}
      and not exists (select from deliveries d where d.edition_id = ${edition.id} and d.subscriber_id = s.id)`.execute(
    db,
  )
  return rows[0]?.ids ?? []
}

/**
 * Lays out those of `due` whose chosen hour has come, each with the newest edition that waits for
 * them, and moves their clocks on, which are held until then; whose own clock somebody is moving at
 * this moment is left for the next line-up. What waited longer than `latenessMs` is withheld as
 * late, what a newer one overtook as merged. Who has just confirmed (`welcome`) gets the newest
 * that is frozen and not pruned, however old, of the archive too. A week that still waits for who
 * has turned to days goes first: nothing else brings its papers. The digest takes the local date
 * of this moment: after an outage that is not the date of the hour. Returns the editions to plan
 * and how many readers were looked at.
 */
export async function claimDueReaders(
  trx: Transaction<Database>,
  { latenessMs, cutoffMinutes, sliceSize }: PlanClock & { sliceSize: number },
  due: DueReaders,
): Promise<{ editionIds: number[]; readers: number }> {
  const held = await holdSharedClocks(trx, due.clocks)
  await createWorkTable(trx, 'due_readers')
  const reader = sql`s.id, s.preferences_id, s.cadence, s.weekday, s.hour, s.zone, s.silence, s.paused_until, s.address_hash, s.consent`
  await sql`
    insert into due_readers (id, preferences_id, cadence, waiting_since, zone, silence, welcome, hour_at, next_hour_at, barred, local_date,
      taken, shared_clock_id, is_own, has_left, stays, joins)
    with held as materialized (
      select ${reader}, greatest(c.waiting_since, k.waiting_since) as waiting_since, false as welcome, k.next_due_at, k.id as shared_clock_id,
        (k.cadence, k.weekday, k.hour, k.zone) = (s.cadence, s.weekday, s.hour, s.zone) as fits
      from shared_clocks k
      cross join lateral (select * from reader_clocks c where c.shared_clock_id = k.id and c.next_due_at is null offset 0) c
      cross join lateral (select * from subscribers s where s.id = c.subscriber_id offset 0) s
      where k.id = any(${held}::int[])
      union all
      select ${reader}, c.waiting_since, c.welcome, c.next_due_at, null, false
      from unnest(${[...due.ids]}::int[]) i(id)
      cross join lateral (
        select * from reader_clocks c where c.subscriber_id = i.id offset 0 for update skip locked
      ) c
      cross join lateral (select * from subscribers s where s.id = c.subscriber_id offset 0) s
      where c.next_due_at <= round_now() and s.consent = 'confirmed' and not ${isAwaitingSql('c', 's', { latenessMs, cutoffMinutes })}
    ), waiting_weeks as materialized (
      select e.id from editions e
      where e.kind = 'weekly' and e.state = 'frozen' and not (${isStoppedSql('e')} or ${isStoppedByHandSql('e')})
        and exists (select from batches b where b.edition_id = e.id and ${isFreshSql('b')} offset 0)
    ), rhythms as materialized (
      select r.*, ${nextHourWithoutGapSql('r', { after: sql`r.after`, since: sql`r.last_hour_at`, cutoffMinutes })} as next_hour_at
      from (
        select r.*, ${localDateSql('r', sql`round_now()`)} as local_date, ${lastHourReachedSql('r')} as last_hour_at, ${behindTodaySql('r')} as after
        from (${RHYTHMS}, ${weeklyClockSql('held')} as weekly_at from held) r
      ) r
    )
    select h.id, h.preferences_id, h.cadence, h.waiting_since, h.zone, h.silence, h.welcome,
      case when h.welcome then h.next_due_at else r.last_hour_at end as hour_at, r.next_hour_at,
      h.consent <> 'confirmed' or coalesce(h.paused_until >= r.local_date, false)
        or exists (select from suppressions x where x.address_hash = h.address_hash offset 0) as barred,
      r.local_date, t.taken, h.shared_clock_id, h.shared_clock_id is null as is_own, h.consent <> 'confirmed' as has_left,
      h.fits and not t.taken and h.consent = 'confirmed' as stays, h.shared_clock_id is null and not t.taken as joins
    from held h join rhythms r on ${hasRhythm('h', 'r')} and r.weekly_at is not distinct from ${weeklyClockSql('h')} cross join lateral (
      select exists (select from deliveries d where d.subscriber_id = h.id and d.local_date = r.local_date offset 0)
        or exists (select from notes n where n.subscriber_id = h.id and n.local_date = r.local_date offset 0)
        or h.cadence <> 'weekly' and exists (
          select from waiting_weeks w
          cross join lateral (select * from deliveries d where d.edition_id = w.id and d.subscriber_id = h.id offset 0) d
          cross join lateral (select * from batches b where b.id = d.batch_id offset 0) b
          where d.state = 'planned' and d.local_date < r.local_date and ${isFreshSql('b')}
        ) as taken offset 0
    ) t`.execute(trx)
  await sql`analyze due_readers`.execute(trx)
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
          select n.id from editions n
          where n.kind = e.kind and n.state = 'frozen' and n.pruned_at is null order by n.date desc limit 1
        )
        when e.kind = 'daily' then e.frozen_at > r.waiting_since and e.frozen_at <= r.hour_at
        else e.frozen_at > r.waiting_since and e.date = ${weekOfSql(sql`r.hour_at`, cutoffMinutes)}
      end
    where not r.barred and not r.taken
      and not exists (select from deliveries d where d.edition_id = e.id and d.subscriber_id = r.id offset 0)`.execute(
    trx,
  )
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
  const readers = await moveClocks(trx, held, Math.min(SHARED_CLOCK_MAX, sliceSize))
  return { editionIds: await listPlannedEditions(trx), readers }
}

/**
 * Withholds as merged what was planned of editions and still waits, for quota or provider, once one
 * that takes it in is there for the same reader. A batch loses its lease by that: whoever was about
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
    older as materialized (
      select distinct e.id, e.kind, e.date from newest join editions e on ${takesInSql('newest', 'e')}
      where exists (select from batches b where b.edition_id = e.id and ${isFreshSql('b')} offset 0)
    )
    select b.id, e.id, d.subscriber_id
    from older e join newer n on ${takesInSql('n', 'e')}
    cross join lateral (
      select * from deliveries d where d.edition_id = e.id and d.subscriber_id = n.subscriber_id and d.state = 'planned' offset 0
    ) d
    cross join lateral (select * from batches b where b.id = d.batch_id and ${isFreshSql('b')} offset 0) b`.execute(trx)
  await sql`analyze overtaken`.execute(trx)
  await markOvertaken(trx, 'overtaken')
}

/** The edition that is planned for everyone. */
export type Planned = Pick<Edition, 'id' | 'kind' | 'cutoffAt'>

/**
 * Lays out those of `ids` who may get this edition now, whatever their hour: confirmed, of its
 * kind, not paused, not suppressed, without a delivery of it.
 */
export async function claimAllReaders(
  trx: Transaction<Database>,
  edition: Planned,
  ids: readonly number[],
): Promise<void> {
  await layOut(trx, allReadersSql(edition, ids))
}

/**
 * Returns the rows of planned_readers of those of `ids` who may get this edition now. The digest
 * counts for the local date on which the edition would have fallen due.
 */
export function allReadersSql(edition: Planned, ids: readonly number[]): RawBuilder<unknown> {
  return sql`
    with getting as materialized (
      select s.id, s.preferences_id, s.cadence, s.weekday, s.hour, s.zone from subscribers s
      where s.id = any(${[...ids]}::int[]) and ${mayGetSql('s', edition.kind)}
        and not exists (select from deliveries d where d.edition_id = ${edition.id} and d.subscriber_id = s.id offset 0)
    ), rhythms as materialized (
      select r.*, ${localDateSql('r', firstHourSql('r', sql`${edition.cutoffAt}::timestamptz`))} as local_date
      from (${RHYTHMS} from getting) r
    )
    select ${edition.id}::int as edition_id, g.id as subscriber_id, g.preferences_id, r.local_date
    from getting g join rhythms r on ${hasRhythm('g', 'r')}`
}

function mayGetSql(reader: string, kind: EditionKind): RawBuilder<boolean> {
  const s = sql.table(reader)
  return sql<boolean>`(${s}.consent = 'confirmed' and (${s}.cadence = 'weekly') = ${kind === 'weekly'}
    and (${s}.paused_until is null or ${s}.paused_until < ${localDateSql(reader, sql`round_now()`)})
    and not exists (select from suppressions x where x.address_hash = ${s}.address_hash offset 0))`
}

/** The hour at which the clock of a weekly reader stands: it may be on another day than theirs. */
function weeklyClockSql(reader: string): RawBuilder<Date> {
  const r = sql.table(reader)
  return sql<Date>`case when ${r}.cadence = 'weekly' then ${r}.next_due_at end`
}

/** Behind what rhythm `r` has its next hour: of a week that came on another day, not the same. */
function behindTodaySql(rhythm: string): RawBuilder<Date> {
  const r = sql.table(rhythm)
  const today = hourOnDaySql(localDateSql(rhythm, sql`round_now()`), sql`${r}.hour`, sql`${r}.zone`)
  return sql<Date>`case when ${r}.cadence = 'weekly' then greatest(round_now(), ${today}) else round_now() end`
}

/**
 * Returns the SQL of the last hour of rhythm `r`. Whose hour is a cut-off waits for what freezes
 * then, and for them it is not over before that.
 */
function lastHourReachedSql(rhythm: string): RawBuilder<Date> {
  const r = sql.table(rhythm)
  return sql<Date>`case when ${r}.cadence = 'weekly' then ${weeklyHourSql(rhythm, sql`${r}.weekly_at`)} else (
    select coalesce((
      select greatest(e.frozen_at, hour.at) from editions e
      where e.kind = 'daily' and e.cutoff_at = hour.at and e.state = 'frozen'
    ), hour.at)
    from (select ${lastHourSql(rhythm, sql`round_now()`)} as at) hour
  ) end`
}

/**
 * Tells whether a reader whose clock has come to its hour has yet to see made what they would get
 * then: it freezes seconds after its cut-off, or when an outage is over. Weekly readers wait for
 * the week of their hour until it would be late, instead of losing it; daily ones, whose hour is
 * the very cut-off, for its edition as long as their day lasts, instead of getting it a day after
 * everybody else. Of clock `c` and its reader `s`, or of a shared clock.
 */
function isAwaitingSql(clock: string, reader: string, { cutoffMinutes, latenessMs }: PlanClock): RawBuilder<boolean> {
  const isShared = clock === reader
  const c = sql.table(clock)
  const welcome = isShared ? sql`false` : sql`${c}.welcome`
  const lastHour = lastHourSql(reader, sql`round_now()`)
  const hour = sql`case when ${welcome} then ${c}.next_due_at else ${weeklyHourSql(reader, sql`${c}.next_due_at`)} end`
  // Most clocks are at the hour that they were set to, and no other has come since.
  const ofDay = sql`case when ${c}.next_due_at > round_now() - interval '20 hours' then ${c}.next_due_at else ${lastHour} end`
  return sql<boolean>`case when ${isShared ? sql`${c}.cadence = 'weekly'` : sql`${c}.weekly`} then (
    select h.at > round_now() - make_interval(secs => ${latenessMs / 1000}) and not exists (
      select from editions e where e.kind = 'weekly' and e.state in ('frozen', 'empty')
        and e.date between h.week - case when ${welcome} then ${sql.lit(WELCOME_WEEK_DAYS)} else 0 end and h.week
    )
    from (select hour.at, ${weekOfSql(sql`hour.at`, cutoffMinutes)} as week from (select ${hour} as at) hour) h
  ) else not ${welcome} and (
    select hour.at in (${OPEN_CUTOFFS}) and ${localDateSql(reader, sql`hour.at`)} = ${localDateSql(reader, sql`round_now()`)}
    from (select ${ofDay} as at) hour
  ) end`
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
