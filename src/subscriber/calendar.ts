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

/** Returns the SQL of a reader's first chosen local hour at or after a moment. */
export function firstHourSql(reader: string, from: RawBuilder<unknown>): RawBuilder<Date> {
  return nextHourSql(reader, sql`(${from} - interval '1 microsecond')`)
}

/** Returns the SQL of a reader's last chosen local hour at or before a moment. */
export function lastHourSql(reader: string, before: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`(select max(chosen.at) from ${chosenHours(reader, before, -REACH_DAYS, 1)} chosen where chosen.at <= ${before})`
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
    select ${hourOnDaySql(sql`day.local`, column('hour'), column('zone'))} as at
    from (
      select (${around} at time zone ${column('zone')})::date + step as local
      from generate_series(${sql.lit(from)}, ${sql.lit(to)}) step
    ) day
    where case ${column('cadence')}
      when 'daily' then true
      when 'working-days' then extract(isodow from day.local) <= 5
      else extract(isodow from day.local) = ${column('weekday')}
    end
  )`
}
