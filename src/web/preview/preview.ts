// The live preview for template authors: one reader's digest at phone and desktop width, light and
// dark, made again from the templates for every request. On loopback only; it reads stores and
// never writes to them.
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { streamSSE } from 'hono/streaming'
import { describeError } from '../../errors.ts'
import { framingPage, mailBody, secureHeaders } from '../page/safety.ts'
import { type PreviewChoice, queryOf, readChoice } from './choice.ts'
import { findMail, getDigest, type PreviewDigest, type PreviewParts, sayNothing } from './digest.ts'
import { listChoices } from './form.ts'
import { mailValues, openPreviewPage, type PreviewValues } from './page.ts'
import { describeProblems } from './problem.ts'
import { forceScheme } from './scheme.ts'
import { PREVIEW_SCRIPT } from './script.ts'

export interface PreviewDependencies extends PreviewParts {
  /** What is shown until the page's form says otherwise. */
  start: PreviewChoice
  /** Ends the streams that tell of changes. */
  signal: AbortSignal
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/

/** Makes the app; opens no port. */
export function createPreview(deps: PreviewDependencies): Hono {
  const page = openPreviewPage()
  const app = new Hono()
  // Never over TLS: there is no promise of it to make.
  app.use(onLoopbackOnly, secureHeaders('http://localhost'))
  app.get('/', showPage(deps, page.render))
  app.get('/mail', showMail(deps))
  app.get('/events', followChanges(deps))
  app.get('/preview.css', (c) => c.body(page.stylesheet, 200, { 'Content-Type': 'text/css; charset=utf-8' }))
  app.get('/preview.js', (c) => c.body(PREVIEW_SCRIPT, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }))
  app.notFound((c) => c.text('Nothing here: the preview is at /', 404))
  // Its only visitor is the author of what went wrong.
  app.onError((error, c) => c.text(describeError(error), 500))
  return app
}

function showPage(deps: PreviewDependencies, render: (values: PreviewValues) => string) {
  return async (c: Context): Promise<Response> => {
    // Before the templates are read: a change in between then reloads the page once too often, not
    // once too seldom.
    const revision = await deps.templates.getRevision().catch(() => '')
    const { choice, shown } = await findShown(deps, readChoice(c.req.query(), deps.start))
    const answer = framingPage(c, render({ revision, form: await listChoices(deps, choice), ...shown }))
    // Its own script and the stream of changes, beside what every page with a frame may do.
    const policy = answer.headers.get('Content-Security-Policy')
    answer.headers.set('Content-Security-Policy', `${policy}; script-src 'self'; connect-src 'self'`)
    return answer
  }
}

type Shown = Pick<PreviewValues, 'origin' | 'mail' | 'problems' | 'nothing'>

/**
 * Finds what stands in the middle of the page: the mail, what is wrong with its templates, or why
 * there is none.
 */
async function findShown(
  deps: PreviewDependencies,
  given: PreviewChoice,
): Promise<{ choice: PreviewChoice; shown: Shown }> {
  const empty: Shown = { origin: '', mail: null, problems: [], nothing: '' }
  let digest: PreviewDigest
  try {
    digest = await getDigest(deps, given)
  } catch (error) {
    return { choice: given, shown: { ...empty, nothing: describeError(error) } }
  }
  const { choice, origin } = digest
  try {
    const mail = await findMail(deps, digest)
    const pathOf = (scheme: string) => `/mail?${queryOf(choice)}&scheme=${scheme}`
    const shown = mail ? { ...empty, mail: mailValues(mail, pathOf) } : { ...empty, nothing: sayNothing(digest) }
    return { choice, shown: { ...shown, origin } }
  } catch (error) {
    const problems = await describeProblems(error, deps.templates.directories)
    return { choice, shown: { ...empty, origin, problems } }
  }
}

/** Answers with the mail's HTML in one colour scheme, for a frame. */
function showMail(deps: PreviewDependencies) {
  return async (c: Context): Promise<Response> => {
    const mail = await findMail(deps, await getDigest(deps, readChoice(c.req.query(), deps.start)))
    if (!mail) return c.notFound()
    return mailBody(c, forceScheme(mail.html, c.req.query('scheme') === 'dark' ? 'dark' : 'light'))
  }
}

/** Streams the revision of the templates: now, and whenever it changes. */
function followChanges({ templates, signal }: PreviewDependencies) {
  return (c: Context): Response =>
    streamSSE(c, async (stream) => {
      const stop = templates.follow((revision) => void stream.writeSSE({ data: revision }))
      try {
        await stream.writeSSE({ data: await templates.getRevision().catch(() => '') })
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve()
          signal.addEventListener('abort', () => resolve(), { once: true })
          stream.onAbort(resolve)
        })
      } finally {
        stop()
      }
    })
}

/**
 * A page elsewhere could have its own name lead here and read what it likes: addresses of
 * subscribers are among it.
 */
const onLoopbackOnly: MiddlewareHandler = async (c, next) => {
  const host = c.req.header('Host') ?? new URL(c.req.url).host
  if (!LOOPBACK.test(host)) return c.text('The preview answers on localhost only', 421)
  return next()
}
