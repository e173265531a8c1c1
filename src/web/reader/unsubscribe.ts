// Leaving: a page with one button, and the POST behind it that mail programs may also send by
// themselves (RFC 8058). Looking at the page changes nothing, as scanners open every link of a
// mail; a POST acts at once, for everyone who holds the link, and is never limited. The same link
// takes a step down instead, or comes back within an hour.
import type { Context } from 'hono'
import { isStepDown, STEPS, type Step, stepDown, stepFrom } from '../../subscriber/change.ts'
import { findComeBackUntil, markResubscribed } from '../../subscriber/consent.ts'
import { findHolder } from '../../subscriber/holder.ts'
import { markUnsubscribed } from '../../subscriber/store.ts'
import { maskAddress, type Subscriber } from '../../subscriber/subscriber.ts'
import { change } from '../../subscriber/undo.ts'
import { readForm } from '../page/form.ts'
import { sayGoodbye } from '../page/goodbye.ts'
import { definePage } from '../page/pages.ts'
import { rhythmOf } from '../page/rhythm.ts'
import { linkTo, tell } from '../page/tell.ts'
import { type DataWish, dataWishFrom, mailDataLink } from '../visit/data-links.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'
import { describeChange } from './preferences/change-words.ts'
import { stepWords } from './preferences/page.ts'

/** The button that ends a subscription. */
interface UnsubscribeValues {
  /** Masked. */
  address: string
  /** Where the buttons post to. */
  path: string
  /** What may be had instead: none for somebody who gets nothing yet. */
  steps: { action: string; label: string; what: string }[]
}

const unsubscribePage = definePage<UnsubscribeValues>('unsubscribe')

/** Shows the button, or says that there is nothing left to end. */
export function showUnsubscribe(parts: ReaderParts) {
  const { db, linkKeys, pages } = parts
  return async (c: Context): Promise<Response> => {
    const token = tokenIn(c)
    const reader = await findHolder(db, linkKeys, 'unsubscribe', token)
    if (!reader) return c.notFound()
    if (reader.consent === 'unsubscribed') return goodbye(c, parts, reader, true)
    const address = maskedAddress(reader)
    const path = `${pages.base}/unsubscribe/${token}`
    const offered = STEPS.filter(({ step }) => isOffered(step, reader))
    const steps = offered.map(({ step, label }) => ({ action: step, label, what: stepWords(step, reader) }))
    return c.html(pages.render(unsubscribePage, { title: 'Unsubscribe' }, { address, path, steps }))
  }
}

/**
 * Ends the subscription, unless the page's other buttons say otherwise: the link is the credential.
 * Repeating it changes nothing.
 */
export function unsubscribe(parts: ReaderParts) {
  const { db, linkKeys, logger } = parts
  return async (c: Context): Promise<Response> => {
    const reader = await findHolder(db, linkKeys, 'unsubscribe', tokenIn(c))
    if (!reader) return c.notFound()
    // A form cut short is no reason to keep somebody: it leaves.
    const form = await readForm(c)
    const oneClick = form.get('List-Unsubscribe') === 'One-Click'
    const step = stepFrom(form.get('action'))
    if (!oneClick && form.get('action') === 'resubscribe') return resubscribe(c, parts, reader)
    if (!oneClick && step && isOffered(step, reader)) return stepInstead(c, parts, reader, step)
    const wish = dataWishFrom(form.get('action'))
    if (!oneClick && wish && reader.consent === 'unsubscribed') return dataLink(c, parts, reader, wish)
    await markUnsubscribed(db, reader.publicId)
    if (reader.consent !== 'unsubscribed') {
      logger.info({ event: 'subscriber.unsubscribed', subscriber: reader.id, oneClick }, 'a subscriber left')
    }
    return oneClick ? c.text('Unsubscribed.') : goodbye(c, parts, reader, false)
  }
}

async function goodbye(c: Context, { db, pages }: ReaderParts, reader: Subscriber, already: boolean) {
  const path = `${pages.base}/unsubscribe/${tokenIn(c)}`
  const mayComeBack = (await findComeBackUntil(db, reader.publicId)) !== null
  const address = maskedAddress(reader)
  return sayGoodbye(c, pages, {
    heading: already ? 'Already unsubscribed' : "You're unsubscribed",
    paragraphs: [already ? `${address} gets no digests from us.` : `${address} will get no more digests.`],
    note: already ? '' : 'One that was being sent at this very moment may still arrive. It is the last.',
    comeBackPath: mayComeBack ? path : '',
    dataPath: path,
    formToken: '',
  })
}

async function resubscribe(c: Context, parts: ReaderParts, reader: Subscriber): Promise<Response> {
  if (!(await markResubscribed(parts.db, reader.publicId))) {
    return goodbye(c, parts, reader, true)
  }
  if (reader.consent === 'unsubscribed') {
    parts.logger.info({ event: 'subscriber.resubscribed', subscriber: reader.id }, 'a subscriber came back')
  }
  const paragraphs = [`Your digest comes ${rhythmOf(reader)} again, with your settings as they were.`]
  return tell(c, parts.pages, { heading: 'Welcome back', paragraphs })
}

async function stepInstead(c: Context, parts: ReaderParts, reader: Subscriber, step: Step): Promise<Response> {
  const changed = await change(parts.db, reader.id, stepDown(step, reader))
  // They have left meanwhile.
  if (!changed) return goodbye(c, parts, reader, true)
  const links = changed.undo === null ? [] : [linkTo(parts.pages, `/undo/${changed.undo}`, 'Undo')]
  return tell(c, parts.pages, { heading: "You're still subscribed", paragraphs: describeChange(changed), links })
}

async function dataLink(c: Context, parts: ReaderParts, reader: Subscriber, wish: DataWish): Promise<Response> {
  const { isSent, sentence } = await mailDataLink(parts, reader, wish)
  return tell(c, parts.pages, {
    heading: isSent ? 'Check your inbox' : 'Please check your inbox',
    paragraphs: [sentence],
  })
}

function isOffered(step: Step, reader: Subscriber): boolean {
  return reader.consent === 'confirmed' && isStepDown(step, reader)
}

function maskedAddress({ address }: Subscriber): string {
  return address === null ? '' : maskAddress(address)
}
