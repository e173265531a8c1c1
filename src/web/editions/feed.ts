// The feeds of the daily editions, for everybody: what is frozen only, and as it froze, so that an
// entry never changes once it was read.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { listPublished, type Published } from '../../edition/archive.ts'
import { publicAnswer } from '../page/caching.ts'
import type { Pages } from '../page/pages.ts'
import { pathOf } from './edition.ts'
import {
  FEED_TYPES,
  type Feed,
  type FeedEntry,
  type FeedFormat,
  feedEdition,
  renderFeed,
  updatedAtOf,
} from './feed-document.ts'
import { editionValues, getFrozen } from './shown-edition.ts'

interface FeedOptions {
  db: Kysely<Database>
  pages: Pages
}

/** Two weeks of working days: whoever looks less often has a mail for it. */
const ENTRIES = 10
/** A new edition is a day's event. */
const MAX_AGE_S = 600
const FEED_PATHS = { atom: '/feed.xml', json: '/feed.json' } as const

/** Answers with the newest frozen daily editions. */
export function showFeed({ db, pages }: FeedOptions, format: FeedFormat) {
  const { publicUrl, name } = pages
  return async (c: Context): Promise<Response> => {
    const published = await listPublished(db, ['daily'], ENTRIES)
    const feed: Feed = {
      id: `${publicUrl}/`,
      title: name,
      description: "The day's research papers, ranked by the votes of the people who read them.",
      homeUrl: `${publicUrl}/`,
      selfUrl: publicUrl + FEED_PATHS[format],
      author: name,
      entries: await Promise.all(published.map((edition) => entryOf({ db, pages }, edition))),
    }
    // Readers in a browser, on pages of others, may take it too.
    c.header('Access-Control-Allow-Origin', '*')
    c.header('Cross-Origin-Resource-Policy', 'cross-origin')
    const modified = feed.entries.length > 0 ? { modifiedAt: updatedAtOf(feed) } : {}
    return publicAnswer(c, { body: renderFeed(feed, format), type: FEED_TYPES[format], maxAge: MAX_AGE_S, ...modified })
  }
}

async function entryOf({ db, pages }: FeedOptions, { id, date, kind, frozenAt }: Published): Promise<FeedEntry> {
  // Neither current votes nor a title that was mended since.
  const { heading, summary, note, papers } = editionValues(await getFrozen(db, id))
  const cards = papers.map(({ people, summary, ...paper }) => ({ ...paper, authors: people, text: summary }))
  const url = pages.publicUrl + pathOf(date, kind)
  return {
    id: url,
    url,
    title: heading,
    summary: `${summary}. First: ${papers[0]?.title ?? ''}`,
    html: pages.fill(feedEdition, { cards, note }),
    publishedAt: frozenAt,
    updatedAt: frozenAt,
  }
}
