// Reads what the Daily Papers API says, as text, into listings: the one place that knows its field
// names. It never throws on what it reads: a bad row is set aside with a reason, an answer of
// another shape is refused with one.
import * as z from 'zod'
import { instantOf, paperFrom } from './outside-paper.ts'
import type { Answer, EditionDate, Listing, SetAside } from './paper.ts'
import { refuseWeight } from './weight.ts'

/** Rows the API gives when nobody asks for a number: a list of exactly this length may be cut. */
export const DEFAULT_PAGE = 50
/** Most rows the API gives at once. */
export const LARGEST_PAGE = 100
/** Of a file, that somebody has put together; a busy month has under a thousand. */
const ROWS_MAX = 10_000

type Rows = Extract<Answer, { kind: 'rows' }>
/** One answer of the API, before anyone knows whether it was the last one. */
export type Page = Omit<Rows, 'ended'> | Extract<Answer, { kind: 'refused' }>

/** PostgreSQL's integer ends here. */
const COUNT_MAX = 2_147_483_647

const count = z.int().min(0).max(COUNT_MAX)
/**
 * An optional field of another type than expected is as good as missing: it must not cost the row.
 */
const text = z.string().nullish().catch(null)
/** Of what may be a million: each is read where it is used, since a refusal of zod's is slow. */
const many = z.array(z.unknown()).nullish().catch(null)
const organization = z
  .union([z.string(), z.object({ name: text, fullname: text }).transform((found) => found.fullname || found.name)])
  .nullish()
  .catch(null)

const record = z.object(
  {
    title: text,
    summary: text,
    numComments: count.nullish().catch(null),
    organization,
    paper: z.object(
      {
        id: z.string('the paper has no id'),
        title: text,
        summary: text,
        ai_summary: text,
        ai_keywords: many,
        authors: many,
        organization,
        // Missing votes are none; unreadable ones would rank the paper falsely, so they cost the
        // row.
        upvotes: z.nullish(
          z.int('upvotes is not a whole number').min(0, 'upvotes is negative').max(COUNT_MAX, 'upvotes is too large'),
        ),
        publishedAt: text,
        submittedOnDailyAt: text,
        withdrawnAt: text,
        githubRepo: text,
        githubStars: count.nullish().catch(null),
        projectPage: text,
      },
      'the row holds no paper',
    ),
  },
  'the row is not an object',
)

/**
 * Reads the text of one answer to the question for `date`. A row's day is the UTC date of
 * `submittedOnDailyAt`, and `date` itself where that is missing. `offset` is the index of the first
 * row in the whole answer.
 */
export function parseDailyPapers(body: string, date: EditionDate, offset = 0): Page {
  const json = body.replace(/^\uFEFF/, '').trim()
  if (json === '') return refused('The answer is empty')
  if (json.startsWith('<')) return refused('The answer is an HTML page, not JSON')
  const tooHeavy = refuseWeight(json)
  if (tooHeavy !== undefined) return refused(tooHeavy)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return refused(looksLikePython(json) ? 'The answer is Python text, not JSON' : 'The answer is not JSON')
  }
  return parseRecords(value, date, offset)
}

/**
 * Puts a paper that an answer lists twice at its first place, with the higher votes and comments.
 */
export function mergeListings(listings: readonly Listing[]): Listing[] {
  const byId = new Map<string, Listing>()
  for (const listing of listings) {
    const first = byId.get(listing.paper.id)
    const upvotes = Math.max(first?.upvotes ?? 0, listing.upvotes)
    const comments = Math.max(first?.comments ?? 0, listing.comments)
    byId.set(listing.paper.id, { ...(first ?? listing), upvotes, comments })
  }
  return [...byId.values()]
}

function parseRecords(value: unknown, date: EditionDate, offset: number): Page {
  if (!Array.isArray(value)) return refused(nameShape(value))
  if (value.length > ROWS_MAX) return refused(`The answer has ${value.length} rows, more than any list of papers`)
  const wrong = value.every((row) => typeof row !== 'object' || row === null || Array.isArray(row))
  if (wrong && value.length > 0) return refused(nameList(value))
  const listings: Listing[] = []
  const setAside: SetAside[] = []
  const otherDates: Record<EditionDate, number> = {}
  for (const [position, row] of value.entries()) {
    const found = parseRow(row)
    const day = typeof found === 'string' ? date : (found.submittedAt?.slice(0, 10) ?? date)
    if (typeof found === 'string') setAside.push({ index: offset + position, reason: found })
    else if (day === date) listings.push(found)
    else otherDates[day] = (otherDates[day] ?? 0) + 1
  }
  return { kind: 'rows', listings: mergeListings(listings), setAside, length: value.length, otherDates }
}

/** Returns the listing that a row states, or the reason why there is none. */
function parseRow(row: unknown): Listing | string {
  const parsed = record.safeParse(row)
  if (!parsed.success) return describeIssue(parsed.error)
  const { paper: stated, ...outer } = parsed.data
  const paper = paperFrom({
    arxivId: stated.id,
    title: stated.title || outer.title || '',
    abstract: stated.summary || outer.summary,
    summary: stated.ai_summary,
    authors: stated.authors?.flatMap(shownName),
    organization: stated.organization || outer.organization,
    keywords: stated.ai_keywords?.filter((keyword) => typeof keyword === 'string'),
    codeUrl: stated.githubRepo,
    codeStars: stated.githubStars,
    projectUrl: stated.projectPage,
    // The outer publishedAt is this one shifted by some hours: often a day off.
    publishedAt: stated.publishedAt,
    withdrawnAt: stated.withdrawnAt,
  })
  if (paper === null) return 'The paper has no title'
  // A key made from the title would turn into another paper as soon as the source states the id
  // again.
  if (paper.arxivId === null) return 'The paper has no valid arXiv id'
  return {
    paper,
    upvotes: stated.upvotes ?? 0,
    comments: outer.numComments ?? 0,
    submittedAt: instantOf(stated.submittedOnDailyAt),
  }
}

/** Whoever is hidden, or may be, is not named. */
function shownName(author: unknown): string[] {
  if (typeof author !== 'object' || author === null) return []
  const { name, hidden = null } = author as Record<string, unknown>
  return typeof name === 'string' && name !== '' && (hidden === null || hidden === false) ? [name] : []
}

function describeIssue(error: z.ZodError): string {
  const message = error.issues[0]?.message ?? 'the row cannot be read'
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}`
}

function refused(reason: string): Extract<Answer, { kind: 'refused' }> {
  return { kind: 'refused', reason }
}

function nameShape(value: unknown): string {
  if (typeof value !== 'object' || value === null) {
    return `The answer is ${value === null ? 'null' : `a ${typeof value}`}, not a list of papers`
  }
  const list = Object.entries(value).find(([, inner]) => Array.isArray(inner))
  if (list === undefined) return 'The answer is an object, not a list of papers'
  const inside = (list[1] as unknown[]).some(looksLikePython) ? 'a list of Python text' : 'a list'
  return `The answer is an object around ${inside}, not a list of papers`
}

function nameList(rows: readonly unknown[]): string {
  if (rows.some(looksLikePython)) return 'The answer is a list of Python text, not of papers'
  const kinds = new Set(rows.map((row) => (row === null ? 'nulls' : Array.isArray(row) ? 'lists' : `${typeof row}s`)))
  return `The answer is a list of ${[...kinds].join(' and ')}, not of papers`
}

/** Its first key is within them. */
const PYTHON_UNITS = 200

function looksLikePython(value: unknown): boolean {
  return typeof value === 'string' && /^[[{(\s]*'[^']*'\s*:/.test(value.slice(0, PYTHON_UNITS))
}
