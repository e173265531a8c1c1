// A feed as a document: Atom (RFC 4287) and JSON Feed 1.1 from the same entries. Pure. Text is
// escaped and cleaned of what XML cannot hold; links are taken as they come, so they must be whole.
import { definePage } from '../page/pages.ts'

/** An edition in a feed, where links are whole. */
interface FeedEditionValues {
  cards: { title: string; paperUrl: string; votes: string; authors: string; text: string }[]
  /** The sentence about an edition that may lack papers; ''. */
  note: string
}

/** The content of an entry: a template without a frame. */
export const feedEdition = definePage<FeedEditionValues>('feed-edition')

export interface Feed {
  /** Never changes, whatever else does: an address or a `tag:`. */
  id: string
  title: string
  description: string
  /** The page that the feed is of. */
  homeUrl: string
  /** The feed's own address, in this format. */
  selfUrl: string
  /** Who it is by. */
  author: string
  entries: readonly FeedEntry[]
}

export interface FeedEntry {
  /** Like the feed's: readers show an entry once for each. */
  id: string
  url: string
  title: string
  /** Text. */
  summary: string
  /** Markup that is safe as it is. */
  html: string
  publishedAt: Date
  updatedAt: Date
}

export const FEED_TYPES = { atom: 'application/atom+xml', json: 'application/feed+json' } as const
export type FeedFormat = keyof typeof FEED_TYPES

/** Before the first entry. */
const NEVER = new Date(0)
/** XML 1.0 has no way to write anything else, not even as a number. */
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Returns the document of a feed in one of its formats. */
export function renderFeed(feed: Feed, format: FeedFormat): string {
  return format === 'atom' ? renderAtom(feed) : renderJson(feed)
}

/** Returns when a feed last changed; 1970 for one without entries, as Atom asks for a date. */
export function updatedAtOf({ entries }: Feed): Date {
  return new Date(Math.max(...[NEVER, ...entries.map(({ updatedAt }) => updatedAt)].map(Number)))
}

function renderAtom(feed: Feed): string {
  const lines = [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">',
    element('id', feed.id),
    element('title', feed.title),
    element('subtitle', feed.description),
    element('updated', updatedAtOf(feed).toISOString()),
    `<author>${element('name', feed.author)}</author>`,
    `<link rel="alternate" type="text/html" href="${escapeXml(feed.homeUrl)}"/>`,
    `<link rel="self" type="${FEED_TYPES.atom}" href="${escapeXml(feed.selfUrl)}"/>`,
    ...feed.entries.flatMap((entry) => [
      '<entry>',
      element('id', entry.id),
      element('title', entry.title),
      `<link rel="alternate" type="text/html" href="${escapeXml(entry.url)}"/>`,
      element('published', entry.publishedAt.toISOString()),
      element('updated', entry.updatedAt.toISOString()),
      element('summary', entry.summary),
      `<content type="html">${escapeXml(entry.html)}</content>`,
      '</entry>',
    ]),
    '</feed>',
  ]
  return `${lines.join('\n')}\n`
}

function renderJson(feed: Feed): string {
  const document = {
    version: 'https://jsonfeed.org/version/1.1',
    title: feed.title,
    description: feed.description,
    home_page_url: feed.homeUrl,
    feed_url: feed.selfUrl,
    language: 'en',
    authors: [{ name: feed.author }],
    items: feed.entries.map((entry) => ({
      id: entry.id,
      url: entry.url,
      title: entry.title,
      summary: entry.summary,
      content_html: entry.html,
      date_published: entry.publishedAt.toISOString(),
      date_modified: entry.updatedAt.toISOString(),
    })),
  }
  return JSON.stringify(document)
}

function element(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`
}

/** Fit for XML's text and attributes alike. */
export function escapeXml(text: string): string {
  return text.replace(NOT_XML, '').replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}
