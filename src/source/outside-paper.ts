// Makes a Paper out of facts that a source stated, whatever that source calls them. Nothing
// uncleaned gets past here.
import { arxivIdOf, codeUrlOf, projectUrlOf } from './outside-link.ts'
import { ABSTRACT_MAX, cleanText, NAME_MAX, SUMMARY_MAX, TITLE_MAX, withoutThought } from './outside-text.ts'
import type { Paper } from './paper.ts'

/** Keywords kept a paper: sources give about ten; the rest would be noise. */
const KEYWORDS_MAX = 50

type Stated<T> = T | null | undefined

/** What a source stated about a paper, uncleaned; everything but the title may be missing. */
export interface OutsidePaper {
  arxivId?: Stated<string>
  title: string
  abstract?: Stated<string>
  /** The source's own one-sentence summary. */
  summary?: Stated<string>
  /** Only the authors that may be shown. */
  authors?: Stated<readonly string[]>
  /** Their number alone, where it names nobody. */
  authorCount?: Stated<number>
  organization?: Stated<string>
  keywords?: Stated<readonly string[]>
  codeUrl?: Stated<string>
  codeStars?: Stated<number>
  projectUrl?: Stated<string>
  publishedAt?: Stated<string>
  withdrawnAt?: Stated<string>
}

/** Cleans what a source stated about a paper. Returns null when no title is left. */
export function paperFrom(stated: OutsidePaper): Paper | null {
  const title = cleanText(stated.title, TITLE_MAX)
  if (title === '') return null
  const arxivId = arxivIdOf(stated.arxivId)
  const codeUrl = codeUrlOf(stated.codeUrl)
  const authors = cleanNames(stated.authors).map(closed)
  return {
    id: paperIdOf(arxivId, title),
    arxivId,
    title,
    // Titles are never a model's: one that plays with the tags keeps them.
    abstract: cleanText(withoutThought(stated.abstract ?? ''), ABSTRACT_MAX),
    summary: cleanText(withoutThought(stated.summary ?? ''), SUMMARY_MAX),
    authors,
    authorCount: authors.length > 0 ? null : (stated.authorCount ?? null),
    organization: cleanText(stated.organization ?? '', NAME_MAX) || null,
    keywords: [...new Set(cleanNames(stated.keywords))].slice(0, KEYWORDS_MAX),
    codeUrl,
    // Stars of a repository that is not linked would be a number about nothing.
    codeStars: codeUrl === null ? null : (stated.codeStars ?? null),
    projectUrl: projectUrlOf(stated.projectUrl),
    publishedAt: instantOf(stated.publishedAt),
    withdrawnAt: instantOf(stated.withdrawnAt),
  }
}

/**
 * Returns the key of a paper: its arXiv id where that is valid, else `title:` and the title in
 * plain lower case.
 */
export function paperIdOf(arxivId: string | null, title: string): string {
  const valid = arxivIdOf(arxivId)
  if (valid !== null) return valid
  // Joiners came to be kept later than these keys were made.
  const plain = title
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\u200c\u200d]/g, '')
  // Spelling of spaces, dashes and quotes differs from one copy of a title to the next; letters and
  // digits do not.
  const words = plain.replace(/[^\p{L}\p{M}\p{N}]+/gu, ' ').trim()
  return `title:${words || cleanText(title, TITLE_MAX)}`
}

/**
 * Returns an instant as ISO 8601 in UTC, or null when `text` is none. A time without a zone is
 * taken as UTC.
 */
export function instantOf(text: string | null | undefined): string | null {
  const stamp = text?.trim() ?? ''
  if (!/^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|$)/.test(stamp)) return null
  const zoned = stamp.length === 10 || /(?:Z|[+-]\d{2}:?\d{2})$/i.test(stamp) ? stamp : `${stamp}Z`
  const milliseconds = Date.parse(zoned)
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString()
}

/** Names of groups lose their full stop to a space on arXiv: `GLM-4. 5 Team`, `Sand. ai`. */
function closed(name: string): string {
  return name.replace(/(?<=\d)\. (?=\d)|(?<=\p{Ll}{2})\. (?=(?:ai|com|org|io)\b)/gu, '.')
}

function cleanNames(names: Stated<readonly string[]>): string[] {
  return (names ?? []).map((name) => cleanText(name, NAME_MAX)).filter((name) => name !== '')
}
