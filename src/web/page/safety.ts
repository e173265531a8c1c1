// What every answer carries so that a browser does nothing we did not ask for, and how much a
// request may bring. The mail's own policy is the only one with inline styles, and it takes every
// other power away.
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'

/** For pages of ours: our stylesheet, our script files, our forms, nothing else; nothing inline. */
const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** For pages of ours that show a mail in a frame. */
const FRAMING_POLICY = `${PAGE_POLICY}; frame-src 'self'`

/** For the page of ours whose script asks for a part of itself. */
const ASKING_POLICY = `${PAGE_POLICY}; connect-src 'self'`

/** Links open in tabs of their own, which are ordinary ones. The same words stand on the iframe. */
const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox'

/**
 * For the mail itself: an origin of its own even when opened by hand, no script, no form, shown by
 * our pages only.
 */
const MAIL_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src https:',
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'self'",
  `sandbox ${SANDBOX}`,
].join('; ')

/**
 * Half a year, the least that browsers' own lists take seriously; subdomains may serve other
 * things.
 */
const HSTS = 'max-age=15552000'

/** No form here is longer than a few lines; provider reports will bring their own limit. */
const BODY_MAX_BYTES = 64 * 1024

/**
 * Puts the common headers on every answer, errors included; a handler's own policy or caching
 * stays.
 */
export function secureHeaders(publicUrl: string): MiddlewareHandler {
  const common = {
    'Content-Security-Policy': PAGE_POLICY,
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-cache',
    ...(publicUrl.startsWith('https:') && { 'Strict-Transport-Security': HSTS }),
  }
  return async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(common)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value)
    }
  }
}

/**
 * Keeps an answer out of every cache and index: for pages behind a token and for everything that
 * looks like one.
 */
export const keepPrivate: MiddlewareHandler = async (c, next) => {
  await next()
  c.res.headers.set('Cache-Control', 'no-store')
  c.res.headers.set('X-Robots-Tag', 'noindex')
}

/**
 * Refuses a body above the limit with `onError`'s answer, whether its length is declared or not.
 */
export function limitBody(onError: (c: Context) => Response): MiddlewareHandler {
  return bodyLimit({ maxSize: BODY_MAX_BYTES, onError })
}

/** Answers with a page whose script may ask us again, and nobody else. */
export function askingPage(c: Context, html: string, status: 200 | 403 | 422 | 429): Response {
  return c.html(html, status, { 'Content-Security-Policy': ASKING_POLICY })
}

/** Answers with a page that holds a mail's frame. */
export function framingPage(c: Context, html: string): Response {
  return c.html(html, 200, { 'Content-Security-Policy': FRAMING_POLICY })
}

/**
 * Answers with a mail's HTML for the inside of a sandboxed iframe. Its links open in new tabs:
 * inside the frame most sites would refuse to show.
 */
export function mailBody(c: Context, html: string): Response {
  const framed = html.replace(/<head\b[^>]*>/i, (head) => `${head}<base target="_blank">`)
  return c.html(framed, 200, { 'Content-Security-Policy': MAIL_POLICY })
}
