// The routes of the website: what answers where. Handlers decide; safety.ts puts its headers on
// all of them.
import { type Context, type Handler, Hono } from 'hono'
import { routePath } from 'hono/route'
import { type Unavailability, unavailabilityOf } from '../database/unavailable.ts'
import { openResendWebhook } from '../delivery/provider/resend/webhook.ts'
import { describeError } from '../errors.ts'
import { quietly } from '../logger.ts'
import { showEdition } from './editions/edition.ts'
import { showEditions } from './editions/editions.ts'
import { showFeed } from './editions/feed.ts'
import { showRobots, showSitemap } from './editions/sitemap.ts'
import { showView, showViewMail } from './editions/view.ts'
import { demandBearer } from './operator/bearer.ts'
import { showHealth, showReadiness } from './operator/health.ts'
import { METRICS_PATH, type Metrics, showMetrics } from './operator/metrics.ts'
import { limitReport, takeReport, WEBHOOK_PATH } from './operator/webhook.ts'
import { showMail, showMailHtml, showMailSource } from './outbox/mail.ts'
import { showOutbox } from './outbox/outbox.ts'
import { openPathReader } from './page/base-path.ts'
import { keepAnswers } from './page/kept-answers.ts'
import {
  definePage,
  openPages,
  type Pages,
  showChallengeScript,
  showPreviewScript,
  showStyle,
  showZoneScript,
} from './page/pages.ts'
import { keepPrivate, limitBody, secureHeaders } from './page/safety.ts'
import { READER_PATHS, readerRoutes } from './reader-routes.ts'
import { showAltcha } from './sign-up/challenge.ts'
import { showFront } from './sign-up/front.ts'
import { openReaderParts, type ReaderDependencies } from './visit/reader-parts.ts'

export interface WebDependencies extends ReaderDependencies {
  /** Rejects when the queue takes no jobs, which readiness mentions; pages do without. */
  checkQueue?: () => Promise<void>
  /** The ring that signs reports: the route for them exists only with it. */
  webhookSecrets?: readonly string[]
  /** Who has one of them may read /metrics, which exists only with one. */
  metricsTokens?: readonly string[]
  /** What /metrics answers with. */
  metrics?: Metrics
  /**
   * Returns another text once what pages for everybody tell may have changed: they are then kept in
   * memory. Without it each is made anew.
   */
  readVersion?: () => Promise<string>
}

/** A page that is a heading and a sentence. */
interface MessageValues {
  heading: string
  text: string
}

/** What is said while PostgreSQL cannot serve, and when to come again, in seconds. */
const UNAVAILABLE: Record<Unavailability, { heading: string; text: string; retryAfterS: number }> = {
  away: {
    heading: "We'll be back in a moment",
    text: 'Our database is out of reach just now. Please try again in a minute. Links to unsubscribe work all the same.',
    retryAfterS: 30,
  },
  busy: {
    heading: 'One moment, please',
    text: 'We are busy just now, and nothing was changed. Please try again in a few seconds.',
    retryAfterS: 2,
  },
}

/** While PostgreSQL cannot serve, nearly every request has the same to say. */
const UNAVAILABLE_PAUSE_MS = 10_000

const messagePage = definePage<MessageValues>('message')

type Route = [method: 'GET' | 'POST', path: string, handler: Handler]

/** Behind a token, or like it: never cached, never indexed. */
const PRIVATE_PATHS = ['/view/*', ...READER_PATHS, '/outbox', '/outbox/*', METRICS_PATH]

const SHARED_PATHS = ['/', '/editions', '/feed.xml', '/feed.json', '/sitemap.xml', '/robots.txt']
const SHARED_EDITIONS = /^\/editions(\/\d{4}-\d\d-\d\d(\/weekly)?|\?month=\d{4}-\d\d)$/

/** Makes the app; opens no port. Throws when a page template cannot be used. */
export function createApp(deps: WebDependencies): Hono {
  const { db, linkKeys, logger, cutoffMinutes, outboxDirectory, publicUrl } = deps
  const pages = openPages(deps)
  const parts = openReaderParts(deps, pages)
  const formStamp = () => parts.formKeys.stamp(new Date())
  const outbox = outboxDirectory === undefined ? undefined : { db, pages, directory: outboxDirectory, publicUrl }

  const routes: Route[] = [
    ['GET', '/', showFront({ db, pages, cutoffMinutes, formStamp, outbox: outbox !== undefined })],
    ['GET', '/editions', showEditions({ db, pages, topics: parts.topics })],
    ['GET', '/editions/:date', showEdition({ db, pages }, 'daily')],
    ['GET', '/editions/:date/weekly', showEdition({ db, pages }, 'weekly')],
    ['GET', '/feed.xml', showFeed({ db, pages }, 'atom')],
    ['GET', '/feed.json', showFeed({ db, pages }, 'json')],
    ['GET', '/sitemap.xml', showSitemap({ db, pages })],
    ['GET', '/view/:token', showView({ db, linkKeys, pages })],
    ['GET', '/view/:token/mail', showViewMail({ db, linkKeys, pages })],
    ...readerRoutes(parts),
    ['GET', '/style.css', showStyle(pages)],
    ['GET', '/preferences.js', showPreviewScript(pages)],
    ['GET', '/challenge.js', showChallengeScript(pages)],
    ['GET', '/altcha/*', showAltcha()],
    ['GET', '/zone.js', showZoneScript(pages)],
    ['GET', '/robots.txt', showRobots(pages)],
    ['GET', '/healthz', showHealth],
    ['GET', '/readyz', showReadiness({ db, logger, checkQueue: deps.checkQueue })],
  ]
  if (outbox) {
    routes.push(
      ['GET', '/outbox', showOutbox(outbox)],
      ['GET', '/outbox/:folder/:file', showMail(outbox)],
      ['GET', '/outbox/:folder/:file/html', showMailHtml(outbox)],
      ['GET', '/outbox/:folder/:file/source', showMailSource(outbox)],
    )
  }
  if (deps.webhookSecrets?.length) {
    const read = openResendWebhook(deps.webhookSecrets)
    routes.push(['POST', WEBHOOK_PATH, takeReport({ db, read, logger, note: parts.wishes.note })])
  }
  if (deps.metrics && deps.metricsTokens?.length) routes.push(['GET', METRICS_PATH, showMetrics(deps.metrics)])
  return assemble(routes, pages, deps)
}

function assemble(
  routes: readonly Route[],
  pages: Pages,
  { publicUrl, logger, metricsTokens, readVersion }: WebDependencies,
): Hono {
  const ownPaths = routes.map(([, path]) => path)
  const app = new Hono({ getPath: openPathReader(publicUrl, ownPaths) })
  const say = (c: Context, status: 404 | 405 | 413 | 500 | 503, heading: string, text: string) =>
    c.html(pages.render(messagePage, { title: heading }, { heading, text }), status)

  if (readVersion) app.use(keepAnswers(sharedBy(pages), { readVersion }))
  app.use(secureHeaders(publicUrl))
  for (const path of PRIVATE_PATHS) app.use(path, keepPrivate)
  const limitForm = limitBody((c) => say(c, 413, 'Too large', 'This request is larger than any form here needs.'))
  app.use((c, next) => (c.req.path === WEBHOOK_PATH ? limitReport : limitForm)(c, next))
  if (metricsTokens?.length) app.use(METRICS_PATH, demandBearer(metricsTokens))
  for (const [method, path, handler] of routes) app.on(method, path, handler)
  // Whatever comes this far has a path that exists and a method that it does not take.
  for (const [path, methods] of methodsByPath(routes)) {
    app.all(path, (c) => {
      c.header('Allow', methods)
      if (c.req.method === 'OPTIONS') return c.body(null, 204)
      return say(c, 405, "This page can't be used that way", 'Nothing was changed. Please go on from the front page.')
    })
  }
  // The same for every wrong link, token or not, so that nobody learns which part of it was wrong.
  app.notFound(async (c) => {
    c.header('Cache-Control', 'no-store')
    c.header('X-Robots-Tag', 'noindex')
    return say(c, 404, 'Nothing here', 'The link may be incomplete, or what it led to no longer exists.')
  })
  const tellUnavailable = quietly<Record<string, string>>(UNAVAILABLE_PAUSE_MS, (fields, leftOut) =>
    logger.warn({ event: 'web.unavailable', ...fields, leftOut }, 'a request had to wait'),
  )
  app.onError((error, c) => {
    // The pattern, never the path: that may hold a token.
    const route = routePath(c, -1)
    const unavailability = unavailabilityOf(error)
    if (unavailability) {
      tellUnavailable({ route, unavailability, reason: describeError(error) })
      const { heading, text, retryAfterS } = UNAVAILABLE[unavailability]
      c.header('Retry-After', String(retryAfterS))
      c.header('Cache-Control', 'no-store')
      return say(c, 503, heading, text)
    }
    logger.error({ event: 'web.failed', route, reason: describeError(error) }, 'a request failed')
    return say(
      c,
      500,
      'That went wrong',
      'The fault is on our side, and we have a record of it. Please try again later.',
    )
  })
  return app
}

/** Tells which addresses, path and query, have one answer for everybody; searches are too many. */
function sharedBy({ base, assets }: Pages): (address: string) => boolean {
  const shared = new Set([...SHARED_PATHS, ...assets.map((path) => path.slice(base.length))])
  return (address) => shared.has(address) || SHARED_EDITIONS.test(address)
}

/** Returns the value of `Allow` for each path. HEAD goes wherever GET does, OPTIONS everywhere. */
function methodsByPath(routes: readonly Route[]): Map<string, string> {
  const paths = new Set(routes.map(([, path]) => path))
  const methods = (path: string) =>
    routes.flatMap(([method, own]) => (own !== path ? [] : method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return new Map([...paths].map((path) => [path, methods(path).join(', ')]))
}
