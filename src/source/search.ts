// Finds papers by the words of their titles and abstracts. Takes whatever somebody typed: nothing
// of it can fail, and nothing found is marked up here beyond two signs that no clean text holds.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import { type EditionDate, type Paper, readPaper } from './paper.ts'

export interface Found {
  paper: Paper
  /** The newest date under which it is listed. */
  listedOn: EditionDate
  /**
   * The part of the abstract that matches best, every match between the signs of `MATCH`; so is the
   * whole title.
   */
  title: string
  excerpt: string
}

/** Signs of the private use area: outside text is cleaned of them before anything is marked. */
export const MATCH = { start: '\ue000', stop: '\ue001' } as const

/** A question of this many characters holds more words than anybody remembers of a title. */
export const WORDS_MAX_CHARACTERS = 200

const MARKS = `StartSel=${MATCH.start}, StopSel=${MATCH.stop}`
const EXCERPT = `${MARKS}, MaxFragments=2, MinWords=12, MaxWords=28, FragmentDelimiter=" … "`

/**
 * Lists the papers that hold all of these words, best match first, and how many there are in all.
 * Quotes ask for a phrase, `or` and `-` mean what they do elsewhere; words that say nothing alone
 * find nothing.
 */
export async function listFound(
  db: Kysely<Database>,
  words: string,
  page: { limit: number; offset: number },
): Promise<{ total: number; found: Found[] }> {
  const asked = questionOf(words.slice(0, WORDS_MAX_CHARACTERS))
  const { rows } = await sql<Omit<Found, 'paper'> & { total: number; id: string; facts: unknown }>`
    with question as (select websearch_to_tsquery('pg_catalog.english', ${asked}) as words),
    found as (
      select p.facts, p.id, ts_rank(p.words, q.words) as score, newest.date, count(*) over () as total
      from question q join papers p on p.words @@ q.words
      cross join lateral (select max(date) as date from listings l where l.paper_id = p.id) newest
      where newest.date is not null
      order by score desc, newest.date desc, p.id limit ${page.limit} offset ${page.offset}
    )
    select f.id, f.facts, f.date as "listedOn", f.total,
      ${headlineSql('f', 'q', 'title', `${MARKS}, HighlightAll=true`)} as title,
      ${headlineSql('f', 'q', 'abstract', EXCERPT)} as excerpt
    from found f, question q order by f.score desc, f.date desc, f.id`.execute(db)
  return {
    total: rows[0]?.total ?? 0,
    found: rows.map(({ total: _, id, facts, ...found }) => ({ ...found, paper: readPaper(id, facts) })),
  }
}

/**
 * Returns the words and phrases that say something, each with its minus sign. PostgreSQL's reader
 * of such questions takes anything but a zero byte and signs heaped upon signs, which fill its
 * stack.
 */
function questionOf(typed: string): string {
  const parts = [...typed.matchAll(/(-*)(?:"([^"]*)"|([^\s"]+))/g)].map(([, minus, phrase, word = '']) => {
    const text = (phrase ?? word).replace(/\0|(?<![\p{L}\p{N}])-+/gu, ' ').trim()
    if (!/[\p{L}\p{N}]/u.test(text)) return ''
    return `${minus === '' ? '' : '-'}${phrase === undefined ? text : `"${text}"`}`
  })
  return parts.filter((part) => part !== '').join(' ')
}

/** Marks the words of `question` in a fact of `paper`. */
function headlineSql(paper: string, question: string, fact: 'title' | 'abstract', options: string) {
  const facts = sql.ref(`${paper}.facts`)
  const text = sql`translate(coalesce(${facts}->>${sql.lit(fact)}, ''), ${MATCH.start + MATCH.stop}, '')`
  return sql<string>`ts_headline('pg_catalog.english', ${text}, ${sql.ref(`${question}.words`)}, ${options})`
}
