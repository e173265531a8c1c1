// Whom a coming edition will find, when, and what they had of its papers: what the plan will lay
// out, asked beforehand by queries that lock nothing and write nothing.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { History } from '../../digest/choosing/selection.ts'
import type { Place } from '../../edition/place.ts'
import type { EditionKey } from '../../edition/stop.ts'
import { firstHourSql, localDateSql, weekOfSql } from '../../subscriber/calendar.ts'
import { READER_HOURS } from '../../subscriber/clock.ts'
import { type Choices, openChoices } from '../../subscriber/preferences.ts'
import { isHadSql, isOfferedLateSql, missedBeforeSql, recoveredSql } from '../never-twice.ts'
import { isFreshSql, isPutOffSql } from '../sending/transitions.ts'
import { historyFrom, historySql } from './planning.ts'

/** What is older waits for nobody any more. */
const OLDER_DAYS = 30

/** Readers with the same choices, history, hour and zone. */
export interface ComingReaders {
  choices: Choices
  /** The same for all with the same choices and history. */
  key: string
  history: History
  /** Their first chosen hour at or after the cut-off. */
  at: Date
  zone: string
  count: number
}

export interface ComingAsk extends EditionKey {
  cutoffAt: Date
  cutoffMinutes: number
  places: readonly Pick<Place, 'position' | 'paper' | 'section' | 'listedOn' | 'rankBefore'>[]
  /** As `send` takes them: now, and whatever week a weekly reader's hour points to. */
  everyone: boolean
  /** One address alone; null: all. */
  only: string | null
}

/**
 * Lists the readers that an edition will find if it freezes at its cut-off: confirmed, of its kind,
 * not paused on that day, not suppressed, without a delivery of it.
 */
export async function listComingReaders(db: Kysely<Database>, ask: ComingAsk): Promise<ComingReaders[]> {
  const places = JSON.stringify(
    ask.places.map(({ position, paper, section, listedOn, rankBefore }) => ({
      position,
      paper: paper.id,
      section,
      listed: listedOn,
      rank_before: rankBefore,
    })),
  )
  const late = sql`(select min(own.listed) from own where ${isOfferedLateSql('own')})`
  const missed = missedBeforeSql({ date: sql`${ask.date}::date`, late }, sql`select subscriber_id from readers`)
  // In the words of the plan.
  const { rows } = await sql<ComingRow>`
    with own as materialized (
      select * from jsonb_to_recordset(${places}::jsonb) as p(position int, paper text, section text, listed date, rank_before int)
    ), readers as materialized (
      ${readersSql(ask)} and not r.paused and not r.suppressed
    ), width as (select repeat('0', coalesce(max(position), 0) + 1)::varbit as zeros from own),
    repeated as (
      select other.edition_id, other.position as theirs, own.position as ours
      from own join edition_papers other on other.paper_id = own.paper
    ), masks as (
      select s.edition_id, s.id as selection_id, bit_or(set_bit(width.zeros, repeated.ours, 1)) as mask
      from width cross join (select distinct edition_id from repeated) e
      cross join lateral (select s.edition_id, s.id, s.papers from selections s where s.edition_id = e.edition_id offset 0) s
      join repeated on repeated.edition_id = s.edition_id and repeated.theirs = any(s.papers)
      group by 1, 2
    ), had as (
      select t.subscriber_id, bit_or(t.mask) as mask
      from (
        select r.subscriber_id, masks.mask
        from (select distinct edition_id from masks) m cross join readers r
        join deliveries d on d.edition_id = m.edition_id and d.subscriber_id = r.subscriber_id and ${isHadSql('d')}
        join masks on masks.edition_id = d.edition_id and masks.selection_id = d.selection_id
        union all
        select e.subscriber_id, set_bit(width.zeros, e.ours, 1)
        from (${recoveredSql(sql`own`, 'paper', sql`select subscriber_id from readers`)}) e cross join width
      ) t group by 1
    ), missed as (${missed}), grouped as (
      select r.preferences_id, ${historySql(sql`coalesce(had.mask, width.zeros)`, sql`missed.dates`)} as history, r.hour_at as at,
        r.zone, count(*) as count
      from readers r cross join width left join missed on missed.subscriber_id = r.subscriber_id
      left join had on had.subscriber_id = r.subscriber_id
      group by 1, 2, 3, 4
    )
    select g.preferences_id, p.choices, g.history, g.at, g.zone, g.count
    from grouped g join preferences p on p.id = g.preferences_id order by g.at, g.zone`.execute(db)
  const read = openChoices()
  return rows.flatMap(({ history, at, zone, count, ...stored }) => {
    // Every rhythm has a next hour, and every reader a history.
    if (history === null || at === null) return []
    const key = `${stored.preferences_id} ${history}`
    return { choices: read(stored), key, history: historyFrom(history), at, zone, count }
  })
}

/** Whom an edition will not find, or finds with an older one still waiting. */
export interface ComingOthers {
  /** Paused on the day of their hour. */
  paused: number
  suppressed: number
  /** Older editions of the kind that wait for the same hour, and are merged into this one. */
  merged: number
}

/** Counts whom an edition will not find, and what it takes in on its way. */
export async function getComingOthers(db: Kysely<Database>, ask: Omit<ComingAsk, 'places'>): Promise<ComingOthers> {
  const { rows } = await sql<ComingOthers>`
    with readers as materialized (${readersSql(ask)})
    select count(*) filter (where r.paused) as paused, count(*) filter (where r.suppressed and not r.paused) as suppressed,
      coalesce(sum(older.count) filter (where not r.paused and not r.suppressed), 0)::int as merged
    from readers r cross join lateral (
      select count(*) as count from editions e
      left join deliveries d on d.edition_id = e.id and d.subscriber_id = r.subscriber_id
      left join batches b on b.id = d.batch_id
      where e.kind = ${ask.kind} and e.state = 'frozen' and not e.archive
        and e.date < ${ask.date}::date and e.date > ${ask.date}::date - ${sql.lit(OLDER_DAYS)}
        and case when d.edition_id is null then r.next_due_at >= ${ask.cutoffAt}::timestamptz and e.frozen_at > r.waiting_since
          else d.state = 'planned' and ${isFreshSql('b')} end
    ) older`.execute(db)
  return rows[0] as ComingOthers
}

/** Lists what a quota put off that goes before a coming edition takes it in, or in spite of it. */
export async function listPutOff(
  db: Kysely<Database>,
  { date, kind, cutoffAt }: EditionKey & { cutoffAt: Date },
): Promise<{ at: Date; emails: number }[]> {
  const { rows } = await sql<{ at: Date; emails: number }>`
    with m as materialized (
      select b.next_attempt_at as at, e.date, e.kind, s.cadence, s.weekday, s.hour, s.zone
      from batches b join editions e on e.id = b.edition_id cross join unnest(b.members) x(subscriber_id)
      cross join lateral (select * from subscribers s where s.id = x.subscriber_id offset 0) s
      where ${isFreshSql('b')} and ${isPutOffSql('b')}
    ), rhythms as materialized (
      select r.*, ${firstHourSql('r', sql`${cutoffAt}::timestamptz`)} as hour_at
      from (select distinct cadence, weekday, hour, zone from m) r
    )
    select m.at, count(*)::int as emails
    from m join rhythms r on (r.cadence, r.weekday, r.hour, r.zone) = (m.cadence, m.weekday, m.hour, m.zone)
    where m.kind <> ${kind} or (m.cadence = 'weekly') <> ${kind === 'weekly'}::boolean or m.date >= ${date}::date or m.at < r.hour_at
    group by m.at order by m.at`.execute(db)
  return rows
}

interface ComingRow {
  preferences_id: number
  choices: unknown
  history: string | null
  at: Date | null
  zone: string
  count: number
}

/** Everyone of the kind without a delivery of the edition, with the hour at which it is due. */
function readersSql({
  date,
  kind,
  cutoffAt,
  cutoffMinutes,
  everyone,
  only,
}: Omit<ComingAsk, 'places'>): RawBuilder<unknown> {
  const cutoff = sql`${cutoffAt}::timestamptz`
  const pointed =
    everyone || kind === 'daily' ? sql`true` : sql`${weekOfSql(sql`r.hour_at`, cutoffMinutes)} = ${date}::date`
  return sql`
    select * from (
      select h.*, coalesce(h.paused_until >= ${localDateSql('h', everyone ? sql`round_now()` : sql`h.hour_at`)}, false) as paused,
        exists (select from suppressions x where x.address_hash = h.address_hash) as suppressed
      from (
        select s.id as subscriber_id, s.preferences_id, s.zone, s.paused_until, s.address_hash, c.next_due_at, c.waiting_since,
          least(${firstHourSql('s', cutoff)}, case when c.weekly and c.next_due_at >= ${cutoff} then c.next_due_at end) as hour_at
        from subscribers s join ${READER_HOURS} c on c.subscriber_id = s.id
        where s.consent = 'confirmed' and (s.cadence = 'weekly') = ${kind === 'weekly'}::boolean
          and (${only}::text is null or s.address = ${only})
          and not exists (
            select from editions e join deliveries d on d.edition_id = e.id and d.subscriber_id = s.id
            where e.date = ${date}::date and e.kind = ${kind}
          )
      ) h
    ) r where ${pointed}`
}
