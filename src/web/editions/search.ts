// The page of what a search found. What was typed is shown again as text and goes nowhere else but
// into the database's own reader of search words; matches are marked here, part by part, never by
// markup from outside.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { paperLinks } from '../../digest/links.ts'
import { cleanLine, cleanText } from '../../digest/text/text.ts'
import { authorLine, counted, longDate } from '../../digest/words.ts'
import { type Found, listFound, MATCH, WORDS_MAX_CHARACTERS } from '../../source/search.ts'
import { publicAnswer } from '../page/caching.ts'
import { definePage, type Pages } from '../page/pages.ts'
import { pathOf } from './edition.ts'

/** A part of a text, found or not. */
interface FoundPart {
  text: string
  marked: boolean
}

/** What was searched for and found. */
interface SearchValues {
  /** As it was typed. */
  words: string
  /** How much was found, or why nothing. */
  summary: string
  papers: {
    title: FoundPart[]
    paperUrl: string
    authors: string
    excerpt: FoundPart[]
    date: string
    datePath: string
  }[]
  /** '' at either end. */
  earlierPath: string
  laterPath: string
}

export const searchPage = definePage<SearchValues>('search')

interface SearchOptions {
  db: Kysely<Database>
  pages: Pages
  /** See wordsFrom. */
  words: string
}

const PAPERS_A_PAGE = 20
/** Whoever has turned so many pages needs other words. */
const PAGES_MAX = 50

/** Returns what somebody typed as one clean line; '' for nothing. */
export function wordsFrom(text: string | undefined): string {
  return cleanLine((text ?? '').slice(0, WORDS_MAX_CHARACTERS))
}

/** Answers with the papers that hold the words, best match first, a page of them by `?page=`. */
export async function showFound(c: Context, { db, pages, words }: SearchOptions): Promise<Response> {
  const page = pageFrom(c.req.query('page'))
  const { total, found } = await listFound(db, words, { limit: PAPERS_A_PAGE, offset: (page - 1) * PAPERS_A_PAGE })
  const pathTo = (other: number) => `${pages.base}/editions?q=${encodeURIComponent(words)}&page=${other}`
  const last = Math.min(PAGES_MAX, Math.ceil(total / PAPERS_A_PAGE))
  const values: SearchValues = {
    words,
    summary: summaryOf(total, found.length, page),
    papers: found.map((paper) => paperValues(paper, pages.base)),
    earlierPath: page > 1 ? pathTo(page - 1) : '',
    laterPath: page < last ? pathTo(page + 1) : '',
  }
  // Every question would be a page of its own to an index.
  c.header('X-Robots-Tag', 'noindex')
  const body = pages.render(searchPage, { title: `Search: ${words}` }, values)
  return publicAnswer(c, { body, type: 'text/html' })
}

function pageFrom(text: string | undefined): number {
  const page = /^\d{1,3}$/.test(text ?? '') ? Number(text) : 1
  return Math.min(PAGES_MAX, Math.max(1, page))
}

function summaryOf(total: number, shown: number, page: number): string {
  if (total === 0 && page > 1) return 'There is nothing more.'
  if (total === 0) return 'Nothing found. Try fewer words, or others.'
  if (total <= PAPERS_A_PAGE) return `${counted(total, 'paper')} found.`
  const first = (page - 1) * PAPERS_A_PAGE + 1
  return `${first}–${first + shown - 1} of ${counted(total, 'paper')} found.`
}

function paperValues({ paper, listedOn, title, excerpt }: Found, base: string): SearchValues['papers'][number] {
  return {
    title: markMatches(paper.title, title),
    paperUrl: paperLinks(paper)?.paper ?? '',
    authors: cleanText(authorLine(paper.authors)),
    excerpt: markMatches(withoutSigns(excerpt), excerpt),
    date: longDate(listedOn),
    datePath: base + pathOf(listedOn, 'daily'),
  }
}

/**
 * Cuts a text, cleaned, where words stand that matched. The words are taken from the signed text
 * and looked for anew, as cleaning reads LaTeX out and would trip over signs inside it.
 */
export function markMatches(text: string, signed: string): FoundPart[] {
  const clean = cleanText(text)
  const inside = new RegExp(`${MATCH.start}([^${MATCH.stop}]+)${MATCH.stop}`, 'g')
  const words = new Set([...signed.matchAll(inside)].map(([, word]) => (word as string).normalize('NFC')))
  if (words.size === 0) return [{ text: clean, marked: false }]
  const longestFirst = [...words].sort((a, b) => b.length - a.length).map(escapePattern)
  const found = new RegExp(`(?<![\\p{L}\\p{N}])(${longestFirst.join('|')})(?![\\p{L}\\p{N}])`, 'gu')
  return clean
    .split(found)
    .map((part, index) => ({ text: part, marked: index % 2 === 1 }))
    .filter((part) => part.text !== '')
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

function withoutSigns(signed: string): string {
  return signed.replaceAll(MATCH.start, '').replaceAll(MATCH.stop, '')
}
