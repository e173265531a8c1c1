// When a digest falls due, as SQL on the database's clock: one clock decides, whatever machine
// asks. Time zone arithmetic is PostgreSQL's: a local hour that a clock change skips moves forward,
// one that it repeats counts once (the later). Each stays on its own local date, because a reader
// gets one digest a local date.
import { type RawBuilder, sql } from 'kysely'

/**
 * Days to look ahead or back so that every cadence finds one: a week, and a day for zone shifts.
 */
const REACH_DAYS = 8

/**
 * Returns the SQL of a reader's first chosen local hour after a moment. `reader` is the alias of a
 * row with cadence, weekday, hour and zone; `after` is SQL of a timestamptz.
 */
export function nextHourSql(reader: string, after: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`(select min(chosen.at) from ${chosenHours(reader, after, 0, REACH_DAYS)} chosen where chosen.at > ${after})`
}

/** By what a reader's next digest is found, beside their rhythm. */
export interface Awaited {
  /** SQL of a timestamptz: the next one comes behind it. */
  after: RawBuilder<unknown>
  /** SQL of the moment at which a weekly reader was last asked: the week of it is behind them. */
  since: RawBuilder<unknown>
  /** SQL of the hour that they were to have, which counts where no day closes the gap. */
  planned?: RawBuilder<unknown>
  cutoffMinutes: number
}

/**
 * Returns the SQL of a reader's next hour, such that no day falls between two weeks: where their
 * next chosen hour would come more than a week of editions behind the last one, as after a move to
 * another weekday or where the clocks change at the cut-off, it is their hour of the last day that
 * closes the gap, and where that day's is over, the hour that was planned.
 */
export function nextHourWithoutGapSql(
  reader: string,
  { after, since, planned, cutoffMinutes }: Awaited,
): RawBuilder<Date> {
  const reached = sql`${weekOfSql(since, cutoffMinutes)} + 7`
  return sql<Date>`(
    select case when ${sql.ref(`${reader}.cadence`)} <> 'weekly' or ${weekOfSql(sql`chosen.at`, cutoffMinutes)} <= ${reached} then chosen.at
      else coalesce((
        select max(each.at) from ${hoursOfDays(reader, after, 0, REACH_DAYS)} each
        where each.at > ${after} and each.at < chosen.at and ${weekOfSql(sql`each.at`, cutoffMinutes)} <= ${reached}
      ), least(${planned ?? sql`null`}, chosen.at)) end
    from (select ${nextHourSql(reader, after)} as at) chosen
  )`
}

/** Returns the SQL of a reader's first chosen local hour at or after a moment. */
export function firstHourSql(reader: string, from: RawBuilder<unknown>): RawBuilder<Date> {
  return nextHourSql(reader, sql`(${from} - interval '1 microsecond')`)
}

/** Returns the SQL of a reader's last chosen local hour at or before a moment. */
export function lastHourSql(reader: string, before: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`(select max(chosen.at) from ${chosenHours(reader, before, -REACH_DAYS, 1)} chosen where chosen.at <= ${before})`
}

/**
 * Returns the SQL of the hour that a weekly reader's clock, which stands at `at`, has come to: that
 * one, which may be on another day than theirs, or after an outage the last chosen one. Whoever was
 * passed over for six days has had no other since.
 */
export function weeklyHourSql(reader: string, at: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`case when ${at} > round_now() - interval '6 days' then ${at} else greatest(${at}, ${lastHourSql(reader, sql`round_now()`)}) end`
}

/** Returns the SQL of the reader's local date at a moment. */
export function localDateSql(reader: string, at: RawBuilder<unknown>): RawBuilder<string> {
  return sql<string>`(${at} at time zone ${sql.ref(`${reader}.zone`)})::date`
}

/**
 * Returns the SQL of the last date whose cut-off is at or before a reader's hour: the week that a
 * weekly reader gets then.
 */
export function weekOfSql(hour: RawBuilder<unknown>, cutoffMinutes: number): RawBuilder<string> {
  return sql<string>`(((${hour} - make_interval(mins => ${cutoffMinutes})) at time zone 'UTC')::date - 1)`
}

/**
 * Returns the SQL of the moment at which a local day has its hour: exactly one, on that day. The
 * hour of a day that a zone left out altogether is that of the day after. `day` is SQL of a date,
 * `hour` and `zone` of columns.
 */
export function hourOnDaySql(day: RawBuilder<unknown>, hour: RawBuilder<unknown>, zone: RawBuilder<unknown>) {
  // Where clocks skip the last hour of a day (Nuuk), forward would be tomorrow: that hour comes an
  // hour early instead.
  return sql<Date>`(
    select case when ${hour} = 23 and (moment.at at time zone ${zone})::date > ${day}
      and ((moment.at - interval '1 hour') at time zone ${zone})::date = ${day} then moment.at - interval '1 hour' else moment.at end
    from (select (${day} + make_interval(hours => ${hour})) at time zone ${zone} as at) moment
  )`
}

function chosenHours(reader: string, around: RawBuilder<unknown>, from: number, to: number): RawBuilder<unknown> {
  const column = (name: string) => sql.ref(`${reader}.${name}`)
  return sql`(
    select hour.at from ${hoursOfDays(reader, around, from, to)} hour
    where case ${column('cadence')}
      when 'daily' then true
      when 'working-days' then extract(isodow from hour.day) <= 5
      else extract(isodow from hour.day) = ${column('weekday')}
    end
  )`
}

/** A reader's hour on each of the days around a moment, whatever their cadence. */
function hoursOfDays(reader: string, around: RawBuilder<unknown>, from: number, to: number): RawBuilder<unknown> {
  const column = (name: string) => sql.ref(`${reader}.${name}`)
  return sql`(
    select day.local as day, ${hourOnDaySql(sql`day.local`, column('hour'), column('zone'))} as at
    from (
      select (${around} at time zone ${column('zone')})::date + step as local
      from generate_series(${sql.lit(from)}, ${sql.lit(to)}) step
    ) day
  )`
}
