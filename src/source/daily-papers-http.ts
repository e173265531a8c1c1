// The Daily Papers API as a source: asks for one date, page by page, with pauses. It never asks
// without a date, because the API would then answer with the newest papers of several days.
import { UsageError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { type AskingOptions, ask, pauseFor } from './asking.ts'
import { DEFAULT_PAGE, LARGEST_PAGE, mergeListings, type Page, parseDailyPapers } from './daily-papers-answer.ts'
import type { Answer, EditionDate, Source } from './paper.ts'

const API_PATH = '/api/daily_papers'
/**
 * Pages read at most: twenty times the fullest day, so that a server which never ends does not hold
 * us.
 */
const PAGES_MAX = 20
/**
 * A whole date, pages, repeats and waits together: the longest waits of one page, and twenty pages
 * that come slowly.
 */
const READING_MS = 5 * 60_000
const NOT_FOLLOWED = 'another host is not followed; name it in SOURCE if it is the one'
/** Breath between two pages of one date. */
const PAGE_PAUSE_MS = 500

type Rows = Extract<Page, { kind: 'rows' }>

export interface DailyPapersHttpOptions extends AskingOptions {
  /** The server's address, with or without `/api/daily_papers`. */
  baseUrl: string
  /**
   * How we introduce ourselves; by default name and version. `userAgentFor` adds an address for
   * complaints.
   */
  userAgent?: string
  /** How long a date may take, in milliseconds; five minutes unless told. */
  readingMs?: number
}

/**
 * Opens the API at `baseUrl` as a source named after its host. Throws a UsageError when that is no
 * http(s) address.
 */
export function openDailyPapersHttp(options: DailyPapersHttpOptions): Source {
  const endpoint = endpointOf(options.baseUrl)
  const headers = { accept: 'application/json', 'user-agent': options.userAgent ?? userAgentFor() }
  return {
    name: endpoint.host,
    async read(date, signal) {
      const deadline = new AbortController()
      const late = new Error(`${endpoint.host} did not give a whole date in time`)
      const timer = setTimeout(() => deadline.abort(late), options.readingMs ?? READING_MS)
      const within = signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal
      try {
        return await readPages(date, within)
      } finally {
        clearTimeout(timer)
      }
    },
  }

  async function readPages(date: EditionDate, signal: AbortSignal): Promise<Answer> {
    const pages: Rows[] = []
    while (pages.length < PAGES_MAX) {
      if (pages.length > 0) await (options.pause ?? pauseFor)(PAGE_PAUSE_MS, signal)
      const page = await readPage(pages)
      if (page.kind === 'refused') return page
      const known = new Set(idsOf(pages))
      pages.push(page)
      // A page of exactly the default length says nothing: a server may cut there whatever limit
      // it was asked for.
      if (page.length !== DEFAULT_PAGE && page.length !== LARGEST_PAGE) return answerOf(pages, true)
      // A server that ignores `p`, or `date`, would answer like this for ever.
      if (!idsOf([page]).some((id) => !known.has(id))) break
    }
    return answerOf(pages, false)

    async function readPage(before: readonly Rows[]): Promise<Page> {
      const number = before.length
      const url = new URL(endpoint)
      url.search = new URLSearchParams({ date, limit: `${LARGEST_PAGE}`, p: `${number}` }).toString()
      const { status, body, tooLarge, sentTo } = await ask(url, headers, options, signal)
      if (sentTo !== undefined)
        return { kind: 'refused', reason: `The source sends us on to ${sentTo}: ${NOT_FOLLOWED}` }
      if (status !== 200) return { kind: 'refused', reason: `The source answered ${status}${messageIn(body)}` }
      if (tooLarge) return { kind: 'refused', reason: 'The answer is too large' }
      return parseDailyPapers(body, date, lengthOf(before))
    }
  }
}

/**
 * Returns the user agent: name, version and, where there is one, an address at which to find
 * whoever runs this.
 */
export function userAgentFor(contactUrl?: string): string {
  const name = `paper-round/${VERSION}`
  return contactUrl === undefined ? name : `${name} (+${contactUrl})`
}

function endpointOf(baseUrl: string): URL {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null
  if (!url || !['https:', 'http:'].includes(url.protocol)) {
    throw new UsageError(`SOURCE is not an https:// address: ${baseUrl}`)
  }
  // Nothing of it is told: a password or a key is part of it.
  if (url.username || url.password || url.search || url.hash) {
    throw new UsageError('SOURCE is more than an https:// address and a path: it has a query, a fragment or a password')
  }
  const path = url.pathname.replace(/\/+$/, '')
  return new URL(path.endsWith(API_PATH) ? path : `${path}${API_PATH}`, url.origin)
}

function answerOf(pages: readonly Rows[], ended: boolean): Answer {
  const otherDates: Record<EditionDate, number> = {}
  for (const page of pages) {
    for (const [day, found] of Object.entries(page.otherDates)) otherDates[day] = (otherDates[day] ?? 0) + found
  }
  return {
    kind: 'rows',
    // Votes move papers from one page to the next while we read: the same paper may come twice.
    listings: mergeListings(pages.flatMap((page) => page.listings)),
    setAside: pages.flatMap((page) => page.setAside),
    length: lengthOf(pages),
    otherDates,
    ended,
  }
}

function idsOf(pages: readonly Rows[]): string[] {
  return pages.flatMap((page) => page.listings.map((listing) => listing.paper.id))
}

function lengthOf(pages: readonly Rows[]): number {
  return pages.reduce((sum, page) => sum + page.length, 0)
}

/** The API explains a refusal in a field `error`; anything else is not for a reader's eyes. */
function messageIn(body: string): string {
  const found = /"error"\s*:\s*"([^"\\\p{Cc}]{1,200})"/u.exec(body)?.[1]
  return found === undefined ? '' : `: ${found}`
}
