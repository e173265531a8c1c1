// Never twice, written once: whose papers a reader had, and which editions they missed, read from
// the ledger. Planning reads it as it stands; explain as it stood when a digest was planned, from
// the moments that the rows keep. `d` is the alias of a delivery, `at` SQL of a timestamptz.
import { type RawBuilder, sql } from 'kysely'
import { LATE_PAPERS } from '../edition/place.ts'

/**
 * Tells whether delivery `d` counts as had: it may have reached its reader. Rejected and withheld
 * ones give their papers back; as of `at`, only if they had been given up by then.
 */
export function isHadSql(d: string, at?: RawBuilder<Date>): RawBuilder<boolean> {
  const column = columnOf(d)
  const is = sql<boolean>`${column('state')} in ('planned', 'submitted', 'unknown')`
  if (!at) return is
  return sql<boolean>`(${is} or (${column('issued_at')} is not null and ${column('changed_at')} > ${at}))`
}

/**
 * Returns the SQL of a relation (subscriber_id, ours): the positions of `own` (a relation with
 * position and the id of a paper in `paper`) that `readers` (with subscriber_id) had in digests
 * which only the emails tell of. As a rule there is none.
 */
export function recoveredSql(
  own: RawBuilder<unknown>,
  paper: string,
  readers: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`
    select r.subscriber_id, own.position as ours
    from recovered_papers x join ${own} own on ${sql.ref(`own.${paper}`)} = x.paper_id
    join (${readers}) r on r.subscriber_id = x.subscriber_id`
}

/**
 * Returns the SQL of a relation (subscriber_id, dates): the days whose late papers an edition
 * offers to each of `readers` (SQL of a relation with subscriber_id), missed since the last day
 * that was not. Who missed none is not in it.
 */
export function missedDatesSql(
  editionId: number,
  readers: RawBuilder<unknown>,
  at?: RawBuilder<Date>,
): RawBuilder<unknown> {
  const own = { date: sql`(select date from editions where id = ${editionId})`, late: lateOfSql(editionId) }
  return missedBeforeSql(own, readers, at)
}

/**
 * The same for an edition that is not made yet: `date` is SQL of its date, `late` of the first date
 * whose late papers it offers, null where it offers none.
 */
export function missedBeforeSql(
  { date, late }: { date: RawBuilder<unknown>; late: RawBuilder<unknown> },
  readers: RawBuilder<unknown>,
  at?: RawBuilder<Date>,
): RawBuilder<unknown> {
  const missed = isMissedSql('d', at)
  return sql`
    select past.subscriber_id, array(
      select day from unnest(past.missed) day where day > coalesce(past.reached, '-infinity') order by day
    ) as dates
    from (
      select d.subscriber_id, array_agg(e.date) filter (where ${missed}) as missed,
        max(e.date) filter (where not ${missed}) as reached
      from editions e cross join (${readers}) r
      cross join lateral (
        select * from deliveries d where d.edition_id = e.id and d.subscriber_id = r.subscriber_id offset 0
      ) d
      where e.kind = 'daily' and e.date < ${date} and e.date >= ${late}
      group by 1 having bool_or(${missed})
    ) past`
}

function lateOfSql(editionId: number): RawBuilder<unknown> {
  return sql`(select min(p.listed_on) from edition_papers p where p.edition_id = ${editionId} and ${isOfferedLateSql('p')})`
}

/** Tells isOfferedLate of a row `p` with section and rank_before. */
export function isOfferedLateSql(p: string): RawBuilder<boolean> {
  const column = columnOf(p)
  return sql<boolean>`(${column('section')} = 'late' or (${column('section')} = 'rising' and ${column('rank_before')} <= ${sql.lit(LATE_PAPERS)}))`
}

/**
 * Tells whether the edition of delivery `d` never went to its reader, being too old or overtaken by
 * a newer one: the next digest makes up for it with its late papers.
 */
function isMissedSql(d: string, at?: RawBuilder<Date>): RawBuilder<boolean> {
  const column = columnOf(d)
  const is = sql<boolean>`(${column('state')} = 'withheld' and ${column('reason')} in ('late', 'merged'))`
  if (!at) return is
  // What was never planned was withheld by a plan, in the second that its digests were issued.
  const since = sql`case when ${column('issued_at')} is null then date_trunc('second', ${column('changed_at')}) else ${column('changed_at')} end`
  return sql<boolean>`(${is} and ${since} <= ${at})`
}

function columnOf(alias: string): (name: string) => RawBuilder<unknown> {
  return (name) => sql.ref(`${alias}.${name}`)
}
