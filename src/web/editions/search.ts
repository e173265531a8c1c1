// The page of what a search found. What was typed is shown again as text and goes nowhere else but
// into the database's own reader of search words. Each paper leads to the page on which it stands.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { BusyError, unavailabilityOf } from '../../database/unavailable.ts'
import { sentenceOf } from '../../digest/sentence/sentence.ts'
import { cleanLine } from '../../digest/text/text.ts'
import { counted, grouped, longDate } from '../../digest/text/words.ts'
import type { Topics } from '../../digest/topics/topics.ts'
import { type Findings, type Found, listFound, WORDS_MAX_CHARACTERS } from '../../edition/search.ts'
import type { Paper } from '../../source/paper.ts'
import { publicAnswer } from '../page/caching.ts'
import { definePage, type Pages } from '../page/pages.ts'
import { pathOf } from './edition.ts'
import { type FoundPart, markExcerpt, markMatches, markPeople } from './marking.ts'
import { anchorOf, type PaperFacts, paperFacts, type VoteValues, voteValues } from './paper-values.ts'

/** A paper that was found. */
interface FoundValues extends Omit<PaperFacts, 'people'>, VoteValues {
  titleParts: FoundPart[]
  people: FoundPart[]
  excerpt: FoundPart[]
  /** Where it stands, on the page of a date. */
  path: string
  date: string
}

/** What was searched for and found. */
interface SearchValues {
  /** As it was typed. */
  words: string
  /** How much was found, or why nothing. */
  summary: string
  papers: FoundValues[]
  /** '' at either end. */
  earlierPath: string
  laterPath: string
}

export const searchPage = definePage<SearchValues>('search')

export interface SearchOptions {
  db: Kysely<Database>
  pages: Pages
  /** What topics are also called. */
  topics: Topics
}

const PAPERS_A_PAGE = 20
/** Whoever has turned so many pages needs other words. */
const PAGES_MAX = 50

/** Returns what somebody typed as one clean line; '' for nothing. */
export function wordsFrom(text: string | undefined): string {
  return cleanLine((text ?? '').slice(0, WORDS_MAX_CHARACTERS))
}

/**
 * Answers with the papers that hold the words (see wordsFrom), best match first, a page of them by
 * `?page=`.
 */
export async function showFound(c: Context, { db, pages, topics }: SearchOptions, words: string): Promise<Response> {
  const page = pageFrom(c.req.query('page'))
  const part = { limit: PAPERS_A_PAGE, offset: (page - 1) * PAPERS_A_PAGE }
  const findings = await listFound(db, words, (phrase) => topics.namesOf(phrase), part).catch((error: unknown) => {
    // It is the question that took too long, and not the wait before it.
    if (error instanceof BusyError || unavailabilityOf(error) !== 'busy') throw error
    return undefined
  })
  // Every question would be a page of its own to an index.
  c.header('X-Robots-Tag', 'noindex')
  if (findings === undefined) return c.html(pages.render(searchPage, { title: 'Search' }, tooBroad(words)), 503)
  const pathTo = (other: number) => `${pages.base}/editions?q=${encodeURIComponent(words)}&page=${other}`
  const last = Math.min(PAGES_MAX, Math.ceil(findings.total / PAPERS_A_PAGE))
  const values: SearchValues = {
    words,
    summary: summaryOf(findings, page),
    papers: findings.found.map((paper) => foundValues(paper, words, pages.base)),
    earlierPath: page > 1 ? pathTo(page - 1) : '',
    laterPath: page < last ? pathTo(page + 1) : '',
  }
  const body = pages.render(searchPage, { title: `Search: ${words}` }, values)
  return publicAnswer(c, { body, type: 'text/html' })
}

/** The database's time for one question was over. */
function tooBroad(words: string): SearchValues {
  const summary = 'This search took too long. Try more telling words, or put a phrase in quotes.'
  return { words, summary, papers: [], earlierPath: '', laterPath: '' }
}

function pageFrom(text: string | undefined): number {
  const page = /^\d{1,3}$/.test(text ?? '') ? Number(text) : 1
  return Math.min(PAGES_MAX, Math.max(1, page))
}

function summaryOf({ total, more, found, whole }: Findings, page: number): string {
  if (total === 0 && page > 1) return 'There is nothing more.'
  if (total === 0) return 'Nothing found. Try fewer or different words.'
  const first = (page - 1) * PAPERS_A_PAGE + 1
  const range = `${first}–${first + found.length - 1} of `
  const missing = whole === 0 ? 'No paper has all of these words. ' : ''
  if (more) {
    const best = grouped(Math.min(total, PAGES_MAX * PAPERS_A_PAGE))
    return `${missing}${range}the best ${best} among very many. Add a word to narrow them down.`
  }
  const papers = `${total <= PAPERS_A_PAGE ? '' : range}${counted(total, 'paper')}`
  if (whole === total) return `${papers} found.`
  return whole === 0
    ? `${missing}${papers} with some of them.`
    : `${papers} found, the first ${whole === 1 ? 'one' : whole} with all of these words.`
}

function foundValues(found: Found, words: string, base: string): FoundValues {
  const { paper, listedOn, title, excerpt, frozenUpvotes } = found
  const isVoted = found.upvotes > 0 || (frozenUpvotes ?? 0) > 0
  const votes = voteValues(frozenUpvotes, found)
  return {
    ...paperFacts(paper),
    ...(isVoted ? votes : { ...votes, votes: '', votesWhen: '', votesNow: '' }),
    titleParts: markMatches(paper.title, title),
    people: markPeople(paper, words),
    excerpt: excerptOf(paper, markExcerpt(paper.abstract, excerpt)),
    path: `${base}${pathOf(listedOn, 'daily')}#${anchorOf(paper)}`,
    date: longDate(listedOn),
  }
}

/** Where the abstract has none of the words, its beginning says less than the paper's sentence. */
function excerptOf(paper: Paper, excerpt: FoundPart[]): FoundPart[] {
  const sentence = sentenceOf(paper)
  if (sentence === '' || excerpt.some(({ marked }) => marked)) return excerpt
  return [{ text: sentence, marked: false }]
}
