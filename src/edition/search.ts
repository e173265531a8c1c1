// Finds papers by what is said of them: title, keywords, abstract, authors, organisation, arXiv id.
// Takes whatever somebody typed: nothing of it can fail, and nothing found is marked up here beyond
// two signs that no clean text holds.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import { type EditionDate, type Paper, readPaper } from '../source/paper.ts'
import { type NamesOf, type Query, type Question, queryOf, readQuestion, spellingsOf } from './question.ts'

export interface Found {
  paper: Paper
  /** The newest date under which it is listed: its page shows it. */
  listedOn: EditionDate
  /** The newest that are known. */
  upvotes: number
  comments: number
  /** When the order of that date was fixed; null where it is not, or did not hold the paper. */
  frozenUpvotes: number | null
  /**
   * The part of the abstract that matches best, every match between the signs of `MATCH`; so is the
   * whole title.
   */
  title: string
  excerpt: string
}

export interface Findings {
  total: number
  /** Whether there are more than were looked at. */
  more: boolean
  found: Found[]
  /** Whether no paper holds everything that was asked for, and these hold half of it or more. */
  partial: boolean
}

/** Signs of the private use area: outside text is cleaned of them before anything is marked. */
export const MATCH = { start: '\ue000', stop: '\ue001' } as const

/** A question of this many characters holds more words than anybody remembers of a title. */
export const WORDS_MAX_CHARACTERS = 200

const MARKS = `StartSel=${MATCH.start}, StopSel=${MATCH.stop}`
const EXCERPT = `${MARKS}, MaxFragments=2, MinWords=12, MaxWords=28, FragmentDelimiter=" … "`
/** What a word counts in names, abstracts, keywords and titles. */
const WEIGHTS = sql.lit('{0.1, 0.2, 0.4, 1.0}')
/** Of a question that no paper answers in full, so much must be held. */
const PARTIAL_SHARE = 0.5
/**
 * To weigh a paper is to read all of its words: of those that hold a question so many are weighed,
 * the newest, and as many of those that hold it in their titles.
 */
const WEIGHED_MAX = 1_000

interface Page {
  limit: number
  offset: number
}

/**
 * Lists the papers that answer a question, best match first, and how many there are in all, as far
 * as they are looked at: those that hold it in their title come before those that need their
 * keywords for it, then abstracts, then names. Quotes ask for a phrase, `or` and `-` mean what they
 * do elsewhere; topics are found under their other names too. Words that say nothing alone find
 * nothing.
 */
export async function listFound(db: Kysely<Database>, words: string, namesOf: NamesOf, page: Page): Promise<Findings> {
  const question = readQuestion(words.slice(0, WORDS_MAX_CHARACTERS), namesOf)
  const query = await readQuery(db, question)
  if (question.arxivId !== null) {
    const named = await listMatches(db, [withId(question.arxivId)], query, 0, page)
    if (named.found.length > 0) return { ...named, partial: false }
  }
  const { parts, each, all, any } = query
  if (parts.length === 0) return { total: 0, more: false, found: [], partial: false }
  const whole = await listMatches(db, [titled(all), holding(all)], query, parts.length, page)
  const isPastEnd = page.offset > 0 && whole.total === 0
  if (whole.total > 0 || parts.length === 1 || (isPastEnd && (await holdsAny(db, query)))) {
    return { ...whole, partial: false }
  }
  // Each part has its own candidates: a rare word is found however common the others are.
  const least = Math.ceil(parts.length * PARTIAL_SHARE)
  return { ...(await listMatches(db, [titled(any), ...each.map(holding)], query, least, page)), partial: true }
}

/** What must be true of a paper, by the alias that it has in a statement. */
type Condition = (paper: string) => RawBuilder<unknown>

function withId(id: string): Condition {
  return (paper) => sql`${sql.ref(`${paper}.id`)} = ${id}`
}

function holding(query: string): Condition {
  return (paper) => sql`${sql.ref(`${paper}.words`)} @@ ${query}::tsquery`
}

/** Held by its title: an index of its own tells. */
function titled(query: string): Condition {
  return (paper) =>
    sql`ts_filter(${sql.ref(`${paper}.words`)}, '{a}') @@ ${query}::tsquery and ${holding(query)(paper)}`
}

/** Tells whether a paper holds all of a question. */
async function holdsAny(db: Kysely<Database>, { all }: Query): Promise<boolean> {
  // Apart from its limit: for one row PostgreSQL reads the papers in turn until it meets one.
  const { rows } = await sql`
    with found as materialized (select p.id from papers p where p.words @@ ${all}::tsquery)
    select from found limit 1`.execute(db)
  return rows.length > 0
}

/** Lets the database read every spelling once, into the words as it keeps them. */
async function readQuery(db: Kysely<Database>, question: Question): Promise<Query> {
  const spellings = spellingsOf(question)
  const { rows } = await sql<{ stemmed: string; plain: string }>`
    select coalesce(phraseto_tsquery('pg_catalog.english', s.text)::text, '') as stemmed,
      coalesce(phraseto_tsquery('pg_catalog.simple', s.plain)::text, '') as plain
    from unnest(${spellings.map(({ text }) => text)}::text[], ${spellings.map(({ plain }) => plain)}::text[])
      with ordinality s(text, plain, at) order by s.at`.execute(db)
  return queryOf(
    question,
    new Map(spellings.map(({ text }, index) => [text, rows[index] ?? { stemmed: '', plain: '' }])),
  )
}

/** Lists the papers that meet a condition and hold at least so many parts of a question. */
async function listMatches(
  db: Kysely<Database>,
  conditions: readonly Condition[],
  { parts, any, typed, names }: Query,
  least: number,
  page: Page,
): Promise<Omit<Findings, 'partial'>> {
  const holds = (weights: string) => sql`ts_filter(m.words, ${sql.lit(weights)}) @@ part::tsquery`
  // One more than are weighed tells that there are more; ids begin with the month of a paper.
  const newest = conditions.map((condition, at) => {
    return sql`(select p.id, ${sql.lit(at)} as condition from papers p where ${condition('p')}
      order by p.id desc limit ${WEIGHED_MAX + 1})`
  })
  const { rows } = await sql<Omit<Found, 'paper'> & { total: number; more: boolean; id: string; facts: unknown }>`
    with newest as materialized (${sql.join(newest, sql` union all `)}),
    matching as materialized (
      select p.id, p.words from papers p where p.id in (select id from newest)
    ),
    scored as (
      select m.id, listed.date, held.parts, held.place,
        ts_rank(${WEIGHTS}, m.words, ${any}::tsquery) + ts_rank(${WEIGHTS}, m.words, ${typed}::tsquery) as score
      from matching m
      cross join lateral (select max(date) as date from listings l where l.paper_id = m.id) listed
      cross join lateral (
        select count(*) as parts, max(case when ${holds('{a}')} then 0 when ${holds('{a,b}')} then 1
          when ${holds('{a,b,c}')} then 2 else 3 end) as place
        from unnest(${parts}::text[]) part where m.words @@ part::tsquery
      ) held
      where listed.date is not null and held.parts >= ${least}
    ),
    found as (
      select *, count(*) over () as total from scored
      order by parts desc, place, score desc, date desc, id limit ${page.limit} offset ${page.offset}
    )
    select p.id, p.facts, f.date as "listedOn", v.upvotes, v.comments, frozen.upvotes as "frozenUpvotes", f.total,
      exists (select from newest group by condition having count(*) > ${WEIGHED_MAX}) as more,
      ${headline('p', 'title', 'marked', `${MARKS}, HighlightAll=true`)} as title,
      ${headline('p', 'abstract', 'marked', EXCERPT)} as excerpt
    from found f join papers p on p.id = f.id
    -- Other names of a topic are marked only where what was typed is not there.
    cross join lateral (
      select case when p.words @@ ${typed}::tsquery then ${typed}
        else (select string_agg(name, ' | ') from unnest(${names}::text[]) name where p.words @@ name::tsquery)
        end::tsquery as query
    ) marked
    cross join lateral (
      select upvotes, comments from votes v where v.date = f.date and v.paper_id = f.id
      order by v.collection_id desc limit 1
    ) v
    left join lateral (
      select ep.upvotes from edition_papers ep join editions e on e.id = ep.edition_id
      where ep.paper_id = f.id and ep.section = 'ranked' and e.date = f.date and e.kind = 'daily' and e.state = 'frozen'
    ) frozen on true
    order by f.parts desc, f.place, f.score desc, f.date desc, f.id`.execute(db)
  return {
    total: rows[0]?.total ?? 0,
    more: rows[0]?.more ?? false,
    found: rows.map(({ total: _, more: __, id, facts, ...found }) => ({ ...found, paper: readPaper(id, facts) })),
  }
}

function headline(paper: string, fact: 'title' | 'abstract', marked: string, options: string) {
  const facts = sql.ref(`${paper}.facts`)
  const text = sql`translate(coalesce(${facts}->>${sql.lit(fact)}, ''), ${MATCH.start + MATCH.stop}, '')`
  const query = sql`coalesce(${sql.ref(`${marked}.query`)}, ''::tsquery)`
  return sql<string>`coalesce(ts_headline('pg_catalog.english', ${text}, ${query}, ${options}), '')`
}
