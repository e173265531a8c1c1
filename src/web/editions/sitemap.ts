// What crawlers are told: which pages there are to find, and which paths are nobody's but a
// reader's.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { listPublished } from '../../edition/archive.ts'
import { publicAnswer } from '../page/caching.ts'
import type { Pages } from '../page/pages.ts'
import { pathOf } from './edition.ts'
import { escapeXml } from './feed-document.ts'

/** One document holds 50,000 at most: more than a century of editions. */
const EDITIONS_MAX = 49_000
const MAX_AGE_S = 3_600

/**
 * Links with a token in them, and pages that are the operator's. They also say so themselves, to
 * whoever comes all the same.
 */
const PRIVATE_PREFIXES = [
  '/address/',
  '/confirm/',
  '/erase/',
  '/export/',
  '/feed/',
  '/operator',
  '/outbox',
  '/preferences',
  '/undo/',
  '/unsubscribe/',
  '/view/',
]

/** Lists the front page, the archive and every frozen edition that holds papers. */
export function showSitemap({ db, pages }: { db: Kysely<Database>; pages: Pages }) {
  return async (c: Context): Promise<Response> => {
    const published = await listPublished(db, ['daily', 'weekly'], EDITIONS_MAX)
    // Without a time: a page goes on changing with current votes, long after its edition froze.
    const entry = (path: string) => `<url><loc>${escapeXml(pages.publicUrl + path)}</loc></url>`
    const body = [
      '<?xml version="1.0" encoding="utf-8"?>',
      '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
      entry('/'),
      entry('/editions'),
      ...published.map(({ date, kind }) => entry(pathOf(date, kind))),
      '</urlset>',
      '',
    ].join('\n')
    return publicAnswer(c, { body, type: 'application/xml', maxAge: MAX_AGE_S })
  }
}

/** Keeps crawlers from what stands behind tokens and from searching, and names the sitemap. */
export function showRobots({ base, publicUrl }: Pages) {
  const rules = [...PRIVATE_PREFIXES, '/editions?q='].map((prefix) => `Disallow: ${base}${prefix}`)
  const body = ['User-agent: *', ...rules, '', `Sitemap: ${publicUrl}/sitemap.xml`, ''].join('\n')
  return (c: Context): Response => publicAnswer(c, { body, type: 'text/plain', maxAge: MAX_AGE_S })
}
