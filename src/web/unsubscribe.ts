// Leaving: a page with one button, and the POST behind it that mail programs may also send by themselves (RFC 8058). Looking
// at the page changes nothing, as scanners open every link of a mail; a POST acts at once, for everyone who holds the link.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { Logger } from '../logger.ts'
import { findSubscriberByPublicId, markUnsubscribed } from '../subscriber/store.ts'
import { maskAddress, type Subscriber } from '../subscriber/subscriber.ts'
import { type LinkKeys, verifyToken } from '../subscriber/token.ts'
import type { Pages } from './pages.ts'

interface UnsubscribeOptions {
  db: Kysely<Database>
  linkKeys: LinkKeys
  pages: Pages
  logger: Logger
}

/** Shows the button, or says that there is nothing left to end. */
export function showUnsubscribe({ db, linkKeys, pages }: Omit<UnsubscribeOptions, 'logger'>) {
  return async (c: Context): Promise<Response> => {
    const token = c.req.param('token') ?? ''
    const subscriber = await findReader(db, linkKeys, token)
    if (!subscriber) return c.notFound()
    const address = maskedAddress(subscriber)
    if (subscriber.consent === 'unsubscribed') {
      return c.html(pages.render('goodbye', { title: 'Unsubscribed' }, { address, already: true }))
    }
    const path = `${pages.base}/unsubscribe/${token}`
    return c.html(pages.render('unsubscribe', { title: 'Unsubscribe' }, { address, path }))
  }
}

/** Ends the subscription, whatever the body says or lacks: the link is the credential. Repeating it changes nothing. */
export function unsubscribe({ db, linkKeys, pages, logger }: UnsubscribeOptions) {
  return async (c: Context): Promise<Response> => {
    const subscriber = await findReader(db, linkKeys, c.req.param('token') ?? '')
    if (!subscriber) return c.notFound()
    const oneClick = await isOneClick(c)
    await markUnsubscribed(db, subscriber.publicId)
    if (subscriber.consent !== 'unsubscribed') {
      logger.info({ event: 'subscriber.unsubscribed', subscriber: subscriber.id, oneClick }, 'a subscriber left')
    }
    if (oneClick) return c.text('Unsubscribed.')
    const address = maskedAddress(subscriber)
    return c.html(pages.render('goodbye', { title: 'Unsubscribed' }, { address, already: false }))
  }
}

/** No epoch is asked and no age: these links work for ever. */
async function findReader(db: Kysely<Database>, linkKeys: LinkKeys, token: string): Promise<Subscriber | undefined> {
  const claim = verifyToken(linkKeys, 'unsubscribe', token)
  return claim && findSubscriberByPublicId(db, claim.publicId)
}

/** Tells whether a mail program sent this. It decides the words of the answer, nothing else. */
async function isOneClick(c: Context): Promise<boolean> {
  try {
    return (await c.req.parseBody())['List-Unsubscribe'] === 'One-Click'
  } catch {
    // A form cut short is no reason to keep somebody.
    return false
  }
}

function maskedAddress({ address }: Subscriber): string {
  return address === null ? '' : maskAddress(address)
}
