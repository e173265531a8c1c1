// When a digest goes that was put off: by what its reader has chosen since, as rationing.ts will
// find it when the batch wakes, which keeps the hour of then until that.
import { type RawBuilder, sql } from 'kysely'
import { firstHourSql, hourOnDaySql, localDateSql } from '../../subscriber/calendar.ts'

/** A worker's lease, or its wait for the next ration, ends sooner: that is nobody's hour. */
const PAUSE_MAX_MINUTES = 5

/**
 * Returns the SQL of the moment at which a digest goes that was put off, null where none is known.
 * A week goes on any day; and no hour comes before the day of UTC with which a quota is new.
 */
export function putOffHourSql(batch: string, delivery: string, reader: string): RawBuilder<Date | null> {
  const [d, s] = [sql.table(delivery), sql.table(reader)]
  const at = sql`${sql.table(batch)}.next_attempt_at`
  return sql<Date | null>`case when ${at} > round_now() + make_interval(mins => ${sql.lit(PAUSE_MAX_MINUTES)}) and ${at} < 'infinity' then (
    select case when ${localDateSql(reader, sql`${d}.issued_at`)} >= day.local then ${at}
      when hour.at > ${at} or rhythm.cadence = 'working-days' and extract(isodow from day.local) > 5 then ${firstHourSql('rhythm', at)}
      when hour.at > round_now() then greatest(hour.at, date_trunc('day', ${at}, 'UTC'))
      else ${at} end
    from (select ${localDateSql(reader, at)} as local) day
    cross join lateral (select ${hourOnDaySql(sql`day.local`, sql`${s}.hour`, sql`${s}.zone`)} as at) hour
    cross join (select case ${s}.cadence when 'weekly' then 'daily' else ${s}.cadence end as cadence, ${s}.weekday, ${s}.hour, ${s}.zone) rhythm
  ) end`
}
