// Leaving: a page with one button, and the POST behind it that mail programs may also send by
// themselves (RFC 8058). Looking at the page changes nothing, as scanners open every link of a
// mail; a POST acts at once, for everyone who holds the link, and is never limited. The same link
// takes a step down instead, or comes back within an hour; one from before a change of address only
// leaves, as its mailbox may be somebody else's by now. While the database is away, or kept by
// somebody else, the link's signature alone lets its reader leave.
import type { Context } from 'hono'
import { unavailabilityOf } from '../../database/unavailable.ts'
import { getReceipt, receiptInWords } from '../../delivery/account/receipt.ts'
import { STEPS, type Standing, type Step, stepDown, stepFrom } from '../../subscriber/change.ts'
import { findDeparture, markResubscribed } from '../../subscriber/consent.ts'
import { findHolderNow } from '../../subscriber/holder.ts'
import { leavingReasonFrom } from '../../subscriber/leaving.ts'
import { markLeavingReason } from '../../subscriber/store.ts'
import { maskAddress, type Subscriber } from '../../subscriber/subscriber.ts'
import { verifyToken } from '../../subscriber/token.ts'
import { change } from '../../subscriber/undo.ts'
import { readForm } from '../page/form.ts'
import { sayGoodbye } from '../page/goodbye.ts'
import { definePage } from '../page/pages.ts'
import { rhythmOf } from '../page/rhythm.ts'
import { linkTo, tell } from '../page/tell.ts'
import { type DataWish, dataWishFrom, mailDataLink } from '../visit/data-links.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'
import { describeChange } from './preferences/change-words.ts'
import { alreadyWords, standingOf, stepWords } from './preferences/steps.ts'

/** The button that ends a subscription. */
interface UnsubscribeValues {
  /** Masked; '' where it cannot be looked up, and where the link is from before it. */
  address: string
  /** Where the buttons post to. */
  path: string
  /** What they have already, who pressed for it; ''. */
  told: string
  /** What may be had instead: nothing by an old link, or for somebody who gets nothing yet. */
  steps: { action: string; label: string; what: string }[]
}

/** What else than leaving the page's buttons may mean. */
const OTHER_ACTIONS = new Set(['resubscribe', 'reason', 'export', 'erase', ...STEPS.map(({ step }) => step as string)])
/** How the goodbye page begins. */
const GOODBYES = {
  left: { heading: "You're unsubscribed", says: (address: string) => `${address} will get no new digests.` },
  already: { heading: 'Already unsubscribed', says: (address: string) => `${address} gets no new digests.` },
  thanked: {
    heading: 'Thank you',
    says: () => "It helps to know. You're unsubscribed, and we won't ask again.",
  },
}
const MAY_ARRIVE = 'A digest already on its way may still arrive.'

const unsubscribePage = definePage<UnsubscribeValues>('unsubscribe')

/** Shows the button, or says that there is nothing left to end. */
export function showUnsubscribe(parts: ReaderParts, told = '') {
  const { pages } = parts
  const show = (c: Context, values: UnsubscribeValues) =>
    c.html(pages.render(unsubscribePage, { title: 'Unsubscribe' }, values))
  return async (c: Context): Promise<Response> => {
    const token = tokenIn(c)
    const path = `${pages.base}/unsubscribe/${token}`
    const found = await findReader(parts, token)
    const leavingAlone = { address: '', path, told: '', steps: [] }
    if (found === 'away') return show(c, leavingAlone)
    if (!found) return c.notFound()
    const reader = found.subscriber
    const isOld = isFromBefore(parts, token, reader)
    if (reader.consent === 'unsubscribed')
      return isOld ? goodbyeAlone(c, parts, reader) : goodbye(c, parts, reader, 'already')
    if (isOld) return show(c, leavingAlone)
    const steps = reader.consent === 'confirmed' ? offersFor(standingOf(reader, found.now)) : []
    return show(c, { address: maskedAddress(reader), path, told, steps })
  }
}

/**
 * Ends the subscription, unless the page's other buttons say otherwise: the link is the credential.
 * Repeating it changes nothing.
 */
export function unsubscribe(parts: ReaderParts) {
  const { linkKeys, logger, wishes } = parts
  return async (c: Context): Promise<Response> => {
    const claim = verifyToken(linkKeys, 'unsubscribe', tokenIn(c))
    if (!claim) return c.notFound()
    // A form cut short is no reason to keep somebody: it leaves.
    const form = await readForm(c)
    const oneClick = form.get('List-Unsubscribe') === 'One-Click'
    const isLeaving = oneClick || !OTHER_ACTIONS.has(form.get('action'))
    const found = await findReader(parts, tokenIn(c), isLeaving)
    if (found === 'away') {
      await wishes.leave(claim.publicId)
      return oneClick ? c.text(`Unsubscribed. ${MAY_ARRIVE}`) : goodbyeUnseen(c, parts)
    }
    // A link of ours whose reader is erased: nothing is left to end, and a mail program is told so.
    if (!found) return oneClick ? c.text('Unsubscribed.') : c.notFound()
    const { subscriber: reader, now } = found
    const isOld = isFromBefore(parts, tokenIn(c), reader)
    if (isOld && !isLeaving) return showUnsubscribe(parts)(c)
    const step = stepFrom(form.get('action'))
    if (!oneClick && form.get('action') === 'resubscribe') return resubscribe(c, parts, reader)
    if (!oneClick && step && reader.consent === 'confirmed') return stepInstead(c, parts, reader, step)
    if (!oneClick && form.get('action') === 'reason') return takeReason(c, parts, reader, form.get('reason'))
    const wish = dataWishFrom(form.get('action'))
    if (!oneClick && wish && reader.consent === 'unsubscribed') return dataLink(c, parts, reader, wish)
    // What an older page still offered ends nothing: it is shown what there is now.
    if (!isLeaving) return showUnsubscribe(parts)(c)
    if (reader.consent !== 'unsubscribed') {
      const taken = await wishes.leave(reader.publicId, now)
      if (taken === 'kept') return oneClick ? c.text(`Unsubscribed. ${MAY_ARRIVE}`) : goodbyeUnseen(c, parts)
      logger.info({ event: 'subscriber.unsubscribed', subscriber: reader.id, oneClick }, 'a subscriber left')
    }
    if (oneClick) return c.text('Unsubscribed.')
    const said = isOld ? goodbyeAlone(c, parts, reader) : goodbye(c, parts, reader, 'left')
    return said.catch((error: unknown) => {
      // They have left, whatever else of them cannot be read now.
      if (unavailabilityOf(error) === undefined) throw error
      return goodbyeUnseen(c, parts)
    })
  }
}

/**
 * Returns whose link it is, and the database's time; undefined where it is nobody's, `away` for a
 * genuine one while the database cannot be asked. Without `orAway` it throws then.
 */
async function findReader(
  { db, linkKeys }: ReaderParts,
  token: string,
  orAway = true,
): Promise<{ subscriber: Subscriber; now: Date } | 'away' | undefined> {
  try {
    return await findHolderNow(db, linkKeys, 'unsubscribe', token)
  } catch (error) {
    if (!orAway || unavailabilityOf(error) === undefined) throw error
    return verifyToken(linkKeys, 'unsubscribe', token) && 'away'
  }
}

/** Tells whether a link is from before a change of address, made or undone. */
function isFromBefore({ linkKeys }: ReaderParts, token: string, { tokenEpoch }: Subscriber): boolean {
  return verifyToken(linkKeys, 'unsubscribe', token)?.epoch !== tokenEpoch
}

/**
 * Says goodbye by a link from before a change of address: with nothing of the reader, and no way
 * back.
 */
async function goodbyeAlone(c: Context, { db, pages }: ReaderParts, reader: Subscriber): Promise<Response> {
  return sayGoodbye(c, pages, {
    heading: "You're unsubscribed",
    paragraphs: ['No new digest will be made for you.'],
    note: receiptInWords(await getReceipt(db, reader.id), 'UTC'),
  })
}

/** Says goodbye to somebody of whom nothing can be read now. */
function goodbyeUnseen(c: Context, { pages }: ReaderParts): Response {
  return sayGoodbye(c, pages, {
    heading: "You're unsubscribed",
    paragraphs: ['Your request is saved, and no new digest will be made for you.'],
    note: MAY_ARRIVE,
  })
}

/** Says goodbye with the way back while there is one. Why they left is asked until they said so. */
async function goodbye(c: Context, { db, pages }: ReaderParts, reader: Subscriber, begin: keyof typeof GOODBYES) {
  const path = `${pages.base}/unsubscribe/${tokenIn(c)}`
  const departure = await findDeparture(db, reader.publicId)
  const { heading, says } = GOODBYES[begin]
  return sayGoodbye(c, pages, {
    heading,
    paragraphs: [says(maskedAddress(reader))],
    note: receiptInWords(await getReceipt(db, reader.id), reader.zone),
    comeBackPath: departure?.mayComeBack ? path : '',
    reasonPath: departure?.reason ? '' : path,
    dataPath: path,
  })
}

async function resubscribe(c: Context, parts: ReaderParts, reader: Subscriber): Promise<Response> {
  // A wish to leave that an outage kept is older than this one.
  await parts.wishes.bring()
  if (!(await markResubscribed(parts.db, reader.publicId))) {
    return goodbye(c, parts, reader, 'already')
  }
  await parts.wishes.note({ kind: 'returned', publicId: reader.publicId })
  if (reader.consent === 'unsubscribed') {
    parts.logger.info({ event: 'subscriber.resubscribed', subscriber: reader.id }, 'a subscriber came back')
  }
  const paragraphs = [`Your digest comes ${rhythmOf(reader)} again, with your settings as they were.`]
  return tell(c, parts.pages, { heading: 'Welcome back', paragraphs })
}

/** Thanks for a word on why they left, which is asked for once and never needed. */
async function takeReason(c: Context, parts: ReaderParts, reader: Subscriber, text: string): Promise<Response> {
  // They came back meanwhile, or only looked.
  if (reader.consent !== 'unsubscribed') return showUnsubscribe(parts)(c)
  const reason = leavingReasonFrom(text)
  if (reason === undefined) return goodbye(c, parts, reader, 'already')
  await markLeavingReason(parts.db, reader.publicId, reason)
  return goodbye(c, parts, reader, 'thanked')
}

async function stepInstead(c: Context, parts: ReaderParts, reader: Subscriber, step: Step): Promise<Response> {
  const changed = await change(parts, reader.id, (standing) => stepDown(step, standing))
  // They have left meanwhile.
  if (!changed) return goodbye(c, parts, reader, 'already')
  // An older page offered it.
  if (changed.undo === null) return showUnsubscribe(parts, alreadyWords(step, changed.after))(c)
  const links = [linkTo(parts.pages, `/undo/${changed.undo}`, 'Undo')]
  return tell(c, parts.pages, { heading: "You're still subscribed", paragraphs: describeChange(changed), links })
}

async function dataLink(c: Context, parts: ReaderParts, reader: Subscriber, wish: DataWish): Promise<Response> {
  const { isSent, sentence } = await mailDataLink(parts, reader, wish)
  return tell(c, parts.pages, {
    heading: isSent ? 'Check your inbox' : 'Please check your inbox',
    paragraphs: [sentence],
  })
}

/** Offers each step down that would be one. */
function offersFor(standing: Standing): UnsubscribeValues['steps'] {
  return STEPS.flatMap(({ step, label }) => {
    const change = stepDown(step, standing)
    return change ? [{ action: step, label, what: stepWords(step, standing, change) }] : []
  })
}

function maskedAddress({ address }: Subscriber): string {
  return address === null ? '' : maskAddress(address)
}
