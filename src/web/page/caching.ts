// Answers that anybody may keep for a moment: with a tag of their content, so that asking again
// costs a line. Never for a page behind a token.
import { createHash } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { HOUR_MS } from '../../time.ts'

interface PublicContent {
  body: string
  /** Its media type; the encoding is always UTF-8. */
  type: string
  /** How long it may be shown without asking again, in seconds; a minute by default. */
  maxAge?: number
  /** When what it tells last changed. */
  modifiedAt?: Date
  /** What in it differs each time without being news. It is kept for an hour at most. */
  passing?: string
}

const MAX_AGE_S = 60
const TAG_CHARACTERS = 22

/** Set where an answer is made to be kept: it is wanted whole, whatever its asker has already. */
export const WHOLE = 'whole'

/** Answers with public content, or with 304 where the asker has it already. */
export function publicAnswer(c: Context, content: PublicContent): Response {
  const { body, type, maxAge = MAX_AGE_S, modifiedAt, passing = '' } = content
  const tag = tagOf(body, passing)
  c.header('ETag', tag)
  c.header('Cache-Control', `public, max-age=${maxAge}`)
  if (modifiedAt) c.header('Last-Modified', modifiedAt.toUTCString())
  if (!c.get(WHOLE) && isKnown(c, tag, modifiedAt?.toUTCString())) return c.body(null, 304)
  c.header('Content-Type', `${type}; charset=utf-8`)
  return c.body(body)
}

/** Weak: the same news, not always the same bytes. */
function tagOf(body: string, passing: string): string {
  const news = passing === '' ? body : `${body.replaceAll(passing, '')}${Math.floor(Date.now() / HOUR_MS)}`
  return `W/"${createHash('sha256').update(news).digest('base64url').slice(0, TAG_CHARACTERS)}"`
}

/**
 * Tells whether the asker has what this tag and date (as headers say them) belong to. The tag
 * decides where one is named: dates are only as fine as a second.
 */
export function isKnown(c: Context, tag: string | undefined, modifiedAt: string | undefined): boolean {
  const tags = headerOf(c, 'if-none-match')
  if (tags !== undefined) {
    return tag !== undefined && tags.split(',').some((each) => ['*', tag, tag.slice(2)].includes(each.trim()))
  }
  const since = Date.parse(headerOf(c, 'if-modified-since') ?? '')
  return modifiedAt !== undefined && since >= Date.parse(modifiedAt)
}

/** Returns a header of the request; one from the network is read without building them all. */
export function headerOf(c: Context, name: 'accept-encoding' | 'if-none-match' | 'if-modified-since') {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  return incoming === undefined ? c.req.header(name) : (incoming.headers[name] as string | undefined)
}
