// A sitting on the preferences page: a short-lived signed cookie in place of the link's token, so
// that addresses stay clean. It opens that page and nothing else; a change needs the form's own
// token besides, as browsers send cookies unasked.
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { Kysely } from 'kysely'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { findHolderNow } from '../../subscriber/holder.ts'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import { issueToken, type LinkKeys } from '../../subscriber/token.ts'
import type { Form } from '../page/form.ts'
import type { FormKeys } from './form-keys.ts'

export interface Session {
  reader: Subscriber
  /** What its forms send back. */
  formToken: string
  /** The database's time when it was found. */
  now: Date
}

export interface Sessions {
  /** Begins a sitting for whoever proved to be this reader. */
  begin(c: Context, reader: Pick<Subscriber, 'publicId' | 'tokenEpoch'>): Promise<void>
  /** Returns undefined without a cookie that is genuine, in time and not revoked. */
  find(c: Context): Promise<Session | undefined>
  /** Tells whether a form was sent from our own page for this reader. */
  isOwnForm(c: Context, session: Session, form: Form): boolean
  /** Tells whether the browser itself says that a page of ours sent this, whosever it was. */
  isOwnPage(c: Context): boolean
}

const COOKIE = 'paper-round'
/** As long as the token inside holds. */
const COOKIE_SECONDS = 3_600

export function openSessions(parts: {
  db: Kysely<Database>
  linkKeys: LinkKeys
  formKeys: FormKeys
  publicUrl: string
}): Sessions {
  const { db, linkKeys, formKeys } = parts
  const { origin, protocol } = new URL(parts.publicUrl)
  // Browsers take the prefix with https only; a plain name is for a machine of one's own.
  const prefix = protocol === 'https:' ? ('host' as const) : undefined
  return {
    async begin(c, reader) {
      const token = issueToken(linkKeys, 'session', reader, await getNow(db))
      // Lax: the reader comes from their mail program, and a strict cookie would not travel with
      // the redirect.
      const settings = { path: '/', httpOnly: true, sameSite: 'Lax', maxAge: COOKIE_SECONDS } as const
      setCookie(c, COOKIE, token, prefix ? { ...settings, secure: true, prefix } : settings)
    },
    async find(c) {
      const token = getCookie(c, COOKIE, prefix)
      const found = token && (await findHolderNow(db, linkKeys, 'session', token))
      if (!found) return undefined
      const { subscriber: reader, now } = found
      return { reader, formToken: formKeys.formToken(reader), now }
    },
    isOwnForm: (c, { formToken }, form) => isSameSite(c, origin) && formKeys.isSame(form.get('form'), formToken),
    isOwnPage: (c) =>
      isSameSite(c, origin) && (c.req.header('Sec-Fetch-Site') ?? c.req.header('Origin') ?? 'null') !== 'null',
  }
}

/**
 * Tells whether a browser says that our own page sent this. Without a referrer, as we ask for,
 * browsers send `Origin: null` along with a form: it proves nothing, so the form's token must.
 */
function isSameSite(c: Context, own: string): boolean {
  const site = c.req.header('Sec-Fetch-Site')
  if (site !== undefined) return site === 'same-origin'
  const origin = c.req.header('Origin')
  return origin === undefined || origin === 'null' || origin === own
}
