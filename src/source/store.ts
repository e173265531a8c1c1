// Rows of papers, of looks at a date (collections) and of the votes they found. Rows are only
// added: the history is what ranking reads.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { KeptLook } from './guard.ts'
import { type EditionDate, type Listing, type Paper, readPaper, type SetAside } from './paper.ts'

/** Rows set aside that a look keeps with their reasons: far more than one ever had. */
const SET_ASIDE_KEPT = 200

export interface Collection {
  date: EditionDate
  source: string
  verdict: 'complete' | 'held' | 'empty' | 'refused'
  reason: string | null
  listed: number
  collectedAt: Date
}

/** A paper under a date with its newest votes. */
export interface ListedPaper {
  paper: Paper
  listedOn: EditionDate
  upvotes: number
  comments: number
  submittedAt: string | null
}

/**
 * Keeps one look at a date: papers as they now read, votes as history, the first `submittedAt` for
 * good.
 */
export async function insertCollection(
  trx: Transaction<Database>,
  look: Omit<Collection, 'collectedAt' | 'listed'> & {
    listings: readonly Listing[]
    setAside: number
    /** Which they are; small: held for nothing but how few papers there are. */
    kept?: { setAside: readonly SetAside[]; small: boolean }
  },
): Promise<void> {
  const rows = look.kept?.setAside.slice(0, SET_ASIDE_KEPT) ?? []
  const { id } = await trx
    .insertInto('collections')
    .values({
      date: look.date,
      source: look.source,
      verdict: look.verdict,
      reason: look.reason,
      listed: look.listings.length,
      set_aside: look.setAside,
      ...(rows.length > 0 && {
        set_aside_at: rows.map(({ index }) => index),
        set_aside_reasons: rows.map(({ reason }) => reason),
      }),
      ...(look.kept?.small && { small: true }),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  if (look.listings.length > 0) await writeListings(trx, { id, date: look.date }, look.listings)
}

async function writeListings(
  trx: Transaction<Database>,
  { id, date }: { id: number; date: EditionDate },
  listings: readonly Listing[],
): Promise<void> {
  const rows = JSON.stringify(listings)
  await sql`
    insert into papers (id, facts)
    select l->'paper'->>'id', l->'paper' from jsonb_array_elements(${rows}::jsonb) l order by 1
    on conflict (id) do update set facts = papers.facts || excluded.facts, changed_at = round_now()
      where papers.facts <> papers.facts || excluded.facts`.execute(trx)
  await sql`
    insert into listings (date, paper_id, submitted_at)
    select ${date}, l->'paper'->>'id', (l->>'submittedAt')::timestamptz from jsonb_array_elements(${rows}::jsonb) l
    on conflict do nothing`.execute(trx)
  await sql`
    insert into votes (collection_id, date, paper_id, upvotes, comments)
    select ${id}, ${date}, l->'paper'->>'id', (l->>'upvotes')::int, (l->>'comments')::int
    from jsonb_array_elements(${rows}::jsonb) l`.execute(trx)
}

/** Returns the last look at a date, undefined when there was none. */
export async function findLastCollection(db: Kysely<Database>, date: EditionDate): Promise<Collection | undefined> {
  const row = await db
    .selectFrom('collections')
    .select(['date', 'source', 'verdict', 'reason', 'listed', 'collected_at as collectedAt'])
    .where('date', '=', date)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row as Collection | undefined
}

/**
 * Lists the rows that the last answered look at a date set aside, the first 200 of them; none where
 * that look was taken before they were kept.
 */
export async function listSetAside(db: Kysely<Database>, date: EditionDate): Promise<SetAside[]> {
  const row = await db
    .selectFrom('collections')
    .select(['set_aside_at', 'set_aside_reasons'])
    .where('date', '=', date)
    .where((eb) => eb.or([eb('verdict', '<>', 'refused'), eb('set_aside', '>', 0)]))
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.set_aside_at.map((index, at) => ({ index, reason: row.set_aside_reasons[at] ?? '' })) ?? []
}

/** Lists the looks at a date since a moment, newest first, each with the ids that it found. */
export async function listLooks(db: Kysely<Database>, date: EditionDate, since: Date): Promise<KeptLook[]> {
  const { rows } = await sql<{ at: Date; small: boolean; ids: string[] }>`
    select c.collected_at as at, c.small,
      array(select v.paper_id from votes v where v.date = c.date and v.collection_id = c.id) as ids
    from collections c where c.date = ${date} and c.collected_at >= ${since}
    order by c.id desc`.execute(db)
  return rows
}

/**
 * Lists when each of these dates was last looked at, whatever came of it; dates never looked at are
 * missing.
 */
export async function listLastLooks(
  db: Kysely<Database>,
  dates: readonly EditionDate[],
): Promise<Map<EditionDate, Date>> {
  if (dates.length === 0) return new Map()
  const rows = await db
    .selectFrom('collections')
    .select((eb) => ['date', eb.fn.max('collected_at').as('at')])
    .where('date', 'in', [...dates])
    .groupBy('date')
    .execute()
  return new Map(rows.map((row) => [row.date, row.at]))
}

/** Lists how long ago each verdict was last given, for any date: that of the last look first. */
export async function listLookAges(db: Kysely<Database>): Promise<{ verdict: string; ageSeconds: number }[]> {
  const { rows } = await sql<{ verdict: string; ageSeconds: number }>`
    select l.verdict, extract(epoch from round_clock() - l.collected_at)::float8 as "ageSeconds"
    from (select distinct on (c.verdict) c.verdict, c.collected_at, c.id from collections c order by c.verdict, c.id desc) l
    order by l.id desc`.execute(db)
  return rows
}

/**
 * Lists how many papers the last 20 non-empty working days before `date` held, newest first: what
 * the guard's norm is made of.
 */
export async function listWorkingDayCounts(db: Kysely<Database>, date: EditionDate): Promise<number[]> {
  const rows = await sql<{ listed: number }>`
    select count(*) as listed from listings
    where date < ${date} and date > ${date}::date - 90 and extract(isodow from date) < 6
    group by date order by date desc limit 20`.execute(db)
  return rows.rows.map((row) => Number(row.listed))
}

/**
 * Lists every paper ever listed under these dates, with the newest votes that any look found up to
 * `until`; what was first listed after it is left out. A paper of two dates comes once for each.
 */
export async function listPapers(
  db: Kysely<Database>,
  dates: readonly EditionDate[],
  until: Date | null = null,
): Promise<ListedPaper[]> {
  if (dates.length === 0) return []
  const { rows } = await sql<
    Omit<ListedPaper, 'submittedAt' | 'paper'> & { submittedAt: Date | null; id: string; facts: unknown }
  >`
    select p.id, p.facts, l.date as "listedOn", l.submitted_at as "submittedAt", v.upvotes, v.comments
    from listings l
    join papers p on p.id = l.paper_id
    join lateral (
      select upvotes, comments from votes v join collections c on c.id = v.collection_id
      where v.date = l.date and v.paper_id = l.paper_id
        and (${until}::timestamptz is null or c.collected_at <= ${until}::timestamptz)
      order by v.collection_id desc limit 1
    ) v on true
    where l.date in (${sql.join(dates)})`.execute(db)
  return rows.map(({ id, facts, ...row }) => ({
    ...row,
    paper: readPaper(id, facts),
    submittedAt: row.submittedAt?.toISOString() ?? null,
  }))
}

/** Removes the votes of a date but those of each paper's last look. */
export async function pruneVotes(db: Kysely<Database>, date: EditionDate): Promise<void> {
  await sql`
    delete from votes v using (
      select w.paper_id, max(w.collection_id) as last from votes w where w.date = ${date} group by w.paper_id
    ) kept
    where v.date = ${date} and v.paper_id = kept.paper_id and v.collection_id < kept.last`.execute(db)
}
