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
  /** How many hold everything that was asked for: they come first, the others hold much of it. */
  whole: number
}

/** Signs of the private use area: outside text is cleaned of them before anything is marked. */
export const MATCH = { start: '\ue000', stop: '\ue001' } as const

/** A question of this many characters holds more words than anybody remembers of a title. */
export const WORDS_MAX_CHARACTERS = 200

const MARKS = `StartSel=${MATCH.start}, StopSel=${MATCH.stop}`
const EXCERPT = `${MARKS}, MaxFragments=2, MinWords=12, MaxWords=28, FragmentDelimiter=" … "`
/** What a word counts in names, abstracts, keywords and titles, each time that it is there. */
const WEIGHTS = sql.lit('{0.1, 0.2, 0.4, 1.0}')
/** How often, beside what is held and where. */
const OFTEN = sql.lit(6)
/** A word of asking, beside one that is asked for. */
const ASKING = sql.lit(0.2)
/** A question of three parts is a sentence: where fewer papers hold all of it, others follow. */
const SENTENCE_PARTS = 3
const FEW = 5
/** So much of a question's weight, as far as any paper holds it, the others must hold. */
const SHARE = sql.lit(0.3)
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
 * keywords for it, then abstracts, then names. Where none or few hold all of a sentence, those
 * follow that hold much of it, a rare word being more than a common one. Words of asking ("best way
 * to") need not be held. Quotes ask for a phrase, `or` and `-` mean what they do elsewhere; topics
 * are found under their other names too. Words that say nothing alone find nothing. An arXiv id
 * among the words is looked for first; the words count where no paper has it.
 */
export async function listFound(db: Kysely<Database>, words: string, namesOf: NamesOf, page: Page): Promise<Findings> {
  const question = readQuestion(words.slice(0, WORDS_MAX_CHARACTERS), namesOf)
  const query = await readQuery(db, question)
  if (question.arxivId !== null) {
    const named = await listMatches(db, [withId(question.arxivId)], query, 'any', page)
    if (named.found.length > 0) return { ...named, whole: named.total }
  }
  const { parts, each, all, any } = query
  if (parts.length === 0) return { total: 0, more: false, found: [], whole: 0 }
  const listWhole = (part: Page) => listMatches(db, [titled(all), holding(all)], query, 'all', part)
  const whole = await listWhole(page)
  // Past the end nothing tells how many there are.
  const isPast = whole.total === 0 && page.offset > 0
  const { total } = isPast ? await listWhole({ limit: 1, offset: 0 }) : whole
  if (parts.length === 1 || (total > 0 && parts.length < SENTENCE_PARTS) || total >= FEW) return whole
  // Each part has its own candidates: a rare word is found however common the others are.
  return listMatches(db, [titled(any), ...each.map(holding)], query, 'much', page)
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

/**
 * Lists the papers that meet a condition and hold all of a question, much of it or, for `any`,
 * whatever they hold. For `much` the conditions are one of titles and one for each part.
 */
async function listMatches(
  db: Kysely<Database>,
  conditions: readonly Condition[],
  { parts, asking, any, typed, names }: Query,
  least: 'all' | 'much' | 'any',
  page: Page,
): Promise<Findings> {
  // One more than are weighed tells that there are more; ids begin with the month of a paper.
  const newest = conditions.map((condition, at) => {
    return sql`(select p.id, ${sql.lit(at)} as condition from papers p where ${condition('p')}
      order by p.id desc limit ${WEIGHED_MAX + 1})`
  })
  const isHeld = {
    all: sql`held.whole`,
    // A word that no paper holds is missed by nobody.
    much: sql`held.weight >= ${SHARE} * (
      select sum(weight) from part where wanted and at in (select condition from newest))`,
    any: sql`true`,
  }
  const { rows } = await sql<
    Omit<Found, 'paper'> & { total: number; whole: number; more: boolean; id: string; facts: unknown }
  >`
    with newest as materialized (${sql.join(newest, sql` union all `)}),
    matching as materialized (
      select p.id, p.words, ts_filter(p.words, '{a}') as title, ts_filter(p.words, '{a,b}') as named,
        ts_filter(p.words, '{a,b,c}') as said
      from papers p where p.id in (select id from newest)
    ),
    latest as materialized (select p.words from papers p order by p.id desc limit ${WEIGHED_MAX}),
    part as materialized (
      select a.query, a.at, a.wanted, shared.rarity * case when a.wanted then 1 else ${ASKING} end as weight
      from (
        select query::tsquery as query, at, at <= ${parts.length} as wanted
        from unnest(${[...parts, ...asking]}::text[]) with ordinality u(query, at)
      ) a
      cross join lateral (
        select ln((count(*) + 1) / (count(*) filter (where l.words @@ a.query) + 0.5))::float8 as rarity from latest l
      ) shared
    ),
    scored as (
      select m.id, listed.date, held.whole, case when held.whole then held.place end as place,
        coalesce(held.score, 0) + ${OFTEN} * (ts_rank(${WEIGHTS}, m.words, ${any}::tsquery)
          + ts_rank(${WEIGHTS}, m.words, ${typed}::tsquery)) as score
      from matching m
      cross join lateral (select max(date) as date from listings l where l.paper_id = m.id) listed
      cross join lateral (
        select count(*) filter (where wanted) = ${parts.length} as whole, max(place) filter (where wanted) as place,
          sum(weight) filter (where wanted) as weight,
          sum(weight * case place when 0 then 1 when 1 then 0.8 when 2 then 0.6 else 0.5 end) as score
        from (
          select wanted, weight, case when m.title @@ query then 0 when m.named @@ query then 1
            when m.said @@ query then 2 else 3 end as place
          from part where m.words @@ query
        ) placed
      ) held
      where listed.date is not null and ${isHeld[least]}
    ),
    found as (
      select *, count(*) over () as total, count(*) filter (where whole) over () as wholes from scored
      order by whole desc, place, score desc, date desc, id limit ${page.limit} offset ${page.offset}
    )
    select p.id, p.facts, f.date as "listedOn", v.upvotes, v.comments, frozen.upvotes as "frozenUpvotes", f.total,
      f.wholes as whole, exists (select from newest group by condition having count(*) > ${WEIGHED_MAX}) as more,
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
    order by f.whole desc, f.place, f.score desc, f.date desc, f.id`.execute(db)
  return {
    total: rows[0]?.total ?? 0,
    whole: rows[0]?.whole ?? 0,
    more: rows[0]?.more ?? false,
    found: rows.map(({ total: _, whole: __, more: ___, id, facts, ...found }) => ({
      ...found,
      paper: readPaper(id, facts),
    })),
  }
}

function headline(paper: string, fact: 'title' | 'abstract', marked: string, options: string) {
  const facts = sql.ref(`${paper}.facts`)
  const text = sql`translate(coalesce(${facts}->>${sql.lit(fact)}, ''), ${MATCH.start + MATCH.stop}, '')`
  const query = sql`coalesce(${sql.ref(`${marked}.query`)}, ''::tsquery)`
  return sql<string>`coalesce(ts_headline('pg_catalog.english', ${text}, ${query}, ${options}), '')`
}
