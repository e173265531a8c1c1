// The past as it is looked through: months, neighbours and what was published. Reads only.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { EditionKind, EditionState } from '../database/states.ts'
import type { EditionDate } from '../source/paper.ts'

/** A date of the archive in one line. */
export interface ArchiveDay {
  date: EditionDate
  state: EditionState
  reason: string | null
  incomplete: boolean
  /** Ranked papers once frozen, listed ones before. */
  papers: number
  /** Of the paper that stands first; null while nothing is fixed. */
  firstTitle: string | null
  /** Whether a weekly edition ends with it. */
  weekly: boolean
}

/** A frozen edition that holds papers. */
export interface Published {
  id: number
  date: EditionDate
  kind: EditionKind
  frozenAt: Date
}

/** Lists the daily editions of a month (`YYYY-MM`), newest first. */
export async function listMonth(db: Kysely<Database>, month: string): Promise<ArchiveDay[]> {
  const first = `${month}-01`
  const { rows } = await sql<ArchiveDay>`
    select e.date, e.state, e.reason, e.incomplete, first.title as "firstTitle",
      case when e.state = 'frozen'
        then (select count(*) from edition_papers p where p.edition_id = e.id and p.section = 'ranked')
        else (select count(*) from listings l where l.date = e.date) end as papers,
      exists (select from editions w where w.date = e.date and w.kind = 'weekly' and w.state = 'frozen') as weekly
    from editions e
    left join lateral (
      select paper->>'title' as title from edition_papers p
      where p.edition_id = e.id and p.section = 'ranked' order by position limit 1
    ) first on true
    where e.kind = 'daily' and e.date >= ${first}::date and e.date < ${first}::date + interval '1 month'
    order by e.date desc`.execute(db)
  return rows
}

/**
 * Returns the nearest months before and after a month that hold editions, and the newest of all;
 * null where there is none.
 */
export async function findMonths(
  db: Kysely<Database>,
  month: string,
): Promise<{ earlier: string | null; later: string | null; newest: string | null }> {
  const first = `${month}-01`
  const { rows } = await sql<{ earlier: string | null; later: string | null; newest: string | null }>`
    select to_char(max(date) filter (where date < ${first}::date), 'YYYY-MM') as earlier,
      to_char(min(date) filter (where date >= ${first}::date + interval '1 month'), 'YYYY-MM') as later,
      to_char(max(date), 'YYYY-MM') as newest
    from editions where kind = 'daily'`.execute(db)
  return rows[0] ?? { earlier: null, later: null, newest: null }
}

/**
 * Returns the nearest daily editions before and after a date that are not empty; null where there
 * is none.
 */
export async function findNeighbours(
  db: Kysely<Database>,
  date: EditionDate,
): Promise<{ earlier: EditionDate | null; later: EditionDate | null }> {
  const { rows } = await sql<{ earlier: EditionDate | null; later: EditionDate | null }>`
    select max(date) filter (where date < ${date}::date) as earlier, min(date) filter (where date > ${date}::date) as later
    from editions where kind = 'daily' and state <> 'empty'`.execute(db)
  return rows[0] ?? { earlier: null, later: null }
}

/** Lists those of the dates that have a daily edition, whatever its state. */
export async function listKnown(db: Kysely<Database>, dates: readonly EditionDate[]): Promise<EditionDate[]> {
  const rows = await db
    .selectFrom('editions')
    .select('date')
    .where('kind', '=', 'daily')
    .where('date', 'in', [...dates])
    .execute()
  return rows.map(({ date }) => date)
}

/**
 * Lists the newest `limit` frozen editions that hold ranked papers, of the named kinds, newest
 * first.
 */
export async function listPublished(
  db: Kysely<Database>,
  kinds: readonly EditionKind[],
  limit: number,
): Promise<Published[]> {
  const { rows } = await sql<Published>`
    select id, date, kind, frozen_at as "frozenAt" from editions e
    where state = 'frozen' and frozen_at is not null and kind in (${sql.join(kinds)})
      and exists (select from edition_papers p where p.edition_id = e.id and p.section = 'ranked')
    order by date desc, kind limit ${limit}`.execute(db)
  return rows
}

/** Editions that may still change by themselves are among the newest. */
const CHANGING = 40

/**
 * Returns a text that is another one as soon as anything was collected, frozen, held or released.
 * An old date that is ranked anew shows with the next look at any date.
 */
export async function getArchiveVersion(db: Kysely<Database>): Promise<string> {
  const { rows } = await sql<{ version: string | null }>`
    select concat((select max(c.id) from collections c), ' ', (
      select md5(string_agg(concat_ws(',', n.id, n.state, n.reason, n.frozen_at, n.incomplete, n.archive), ';' order by n.id))
      from (select e.* from editions e order by e.date desc limit ${sql.lit(CHANGING)}) n
    )) as version`.execute(db)
  return rows[0]?.version ?? ''
}
