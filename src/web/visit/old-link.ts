// A link that was genuine and is of no use any more: what happened to it, and a button that emails
// a fresh one to the address on file, never to the page. Links that never were, and all of an
// erased reader, are not found, each byte like the other.
import type { Context } from 'hono'
import type { CredentialFate, CredentialPurpose } from '../../database/states.ts'
import { askLink } from '../../delivery/request/own-data.ts'
import { askToConfirmAgain } from '../../delivery/request/sign-up.ts'
import { findFormerHolder } from '../../subscriber/holder.ts'
import { findSpent } from '../../subscriber/spent.ts'
import { findSubscriberById } from '../../subscriber/store.ts'
import { FIRST_EPOCH, type Subscriber } from '../../subscriber/subscriber.ts'
import { ask } from '../page/ask.ts'
import { readForm } from '../page/form.ts'
import { rhythmOf } from '../page/rhythm.ts'
import { linkTo, tell } from '../page/tell.ts'
import { networkNames, type ReaderParts, tokenIn } from './reader-parts.ts'

export type LinkPurpose = CredentialPurpose | 'preferences'

interface OldLink {
  /** Null where a sign-up has vanished since, unconfirmed. */
  reader: Subscriber | null
  fate: CredentialFate
}

interface Words {
  heading: string
  paragraphs: string[]
  button: string
}

const LIFE: Record<LinkPurpose, string> = {
  confirm: 'Links to confirm a subscription work for 48 hours.',
  address: 'Links to confirm a new address work for 48 hours. You can ask for the change again in your preferences.',
  export: 'Links to your data work for 48 hours.',
  erase: 'Links to erase your data work for 48 hours.',
  undo: 'A change can be undone for seven days. You can still make another in your preferences.',
  preferences: 'Links in our emails open your preferences for 90 days.',
}
/** '' where a link that was used is never asked about: it works again, or left nobody to tell. */
const USED: Record<LinkPurpose, string> = {
  confirm: 'It confirmed your subscription.',
  address: 'It worked once. Your preferences are where you can change your address again.',
  export: 'Each link to your data works once.',
  erase: '',
  undo: 'It worked once. Your preferences show how things stand.',
  preferences: '',
}
const BUTTONS: Record<LinkPurpose, string> = {
  confirm: 'Email me a new confirmation',
  address: 'Email me my link',
  export: 'Email me a new link',
  erase: 'Email me a new link',
  undo: 'Email me my link',
  preferences: 'Email me a fresh link',
}
const TO_PREFERENCES = 'Email me my link'

/**
 * Answers a link that could not be used: with what happened to it and a button, or to that button;
 * not found for one that never worked.
 */
export async function answerOldLink(c: Context, parts: ReaderParts, purpose: LinkPurpose): Promise<Response> {
  const link = await findOldLink(parts, purpose, tokenIn(c))
  if (!link) return c.notFound()
  if (c.req.method === 'POST' && (await readForm(c)).get('action') === 'fresh') {
    return sendFresh(c, parts, purpose, link.reader)
  }
  if (link.reader === null) return vanished(c, parts)
  const isDone = purpose === 'confirm' && link.reader.consent === 'confirmed'
  return ask(
    c,
    parts.pages,
    {
      ...wordsOf(purpose, link.fate, link.reader),
      path: `${parts.pages.base}/${purpose}/${tokenIn(c)}`,
      fields: [{ name: 'action', value: 'fresh' }],
      links: [{ path: `${parts.pages.base}/`, label: 'See the latest papers' }],
    },
    isDone ? 200 : 410,
  )
}

async function findOldLink(
  { db, linkKeys }: ReaderParts,
  purpose: LinkPurpose,
  token: string,
): Promise<OldLink | undefined> {
  if (purpose === 'preferences') {
    const former = await findFormerHolder(db, linkKeys, purpose, token)
    return former && { reader: former.subscriber, fate: former.fate }
  }
  const spent = await findSpent(db, purpose, token)
  if (!spent) return undefined
  if (spent.subscriberId === null) return purpose === 'confirm' ? { reader: null, fate: spent.fate } : undefined
  const reader = await findSubscriberById(db, spent.subscriberId)
  return reader && reader.address !== null ? { reader, fate: spent.fate } : undefined
}

function wordsOf(purpose: LinkPurpose, fate: CredentialFate, reader: Subscriber): Words {
  if (purpose === 'confirm' && reader.consent === 'confirmed') {
    const paragraphs = [
      // After a move the mailbox of this link may be somebody else's.
      ...(reader.tokenEpoch === FIRST_EPOCH ? [`Your digest comes ${rhythmOf(reader)}.`] : []),
      'To change when it comes, ask for the link to your preferences.',
    ]
    return { heading: "You're subscribed", paragraphs, button: TO_PREFERENCES }
  }
  if (purpose === 'confirm' && reader.consent === 'unsubscribed') {
    const paragraphs = ['This link is from before you unsubscribed. You can subscribe again on the front page.']
    return { heading: "You've unsubscribed since", paragraphs, button: TO_PREFERENCES }
  }
  const button = BUTTONS[purpose]
  switch (fate) {
    case 'used':
      return { heading: 'This link was used', paragraphs: [USED[purpose]], button }
    case 'expired':
      return { heading: 'This link has expired', paragraphs: [LIFE[purpose]], button }
    case 'replaced':
      return {
        heading: 'A newer link has replaced this one',
        paragraphs: ['Please use the one in our latest email. If you cannot find it, we can send another.'],
        button,
      }
    case 'withdrawn':
      return {
        heading: 'This link was withdrawn',
        paragraphs: ['When a change of address is made or undone, earlier links stop working.'],
        button,
      }
  }
}

/** Mails the link, where its limits allow, and says the same in any case. */
async function sendFresh(
  c: Context,
  parts: ReaderParts,
  purpose: LinkPurpose,
  reader: Subscriber | null,
): Promise<Response> {
  const waitS = await parts.limits.takeLink(networkNames(c, parts))
  if (waitS > 0) {
    c.header('Retry-After', String(waitS))
    const heading = 'Please try again later'
    return tell(c, parts.pages, { heading, paragraphs: ['Too many links were asked for from your network.'] }, 429)
  }
  if (reader !== null) await parts.sendNotice(await askFresh(parts, purpose, reader))
  return tell(c, parts.pages, {
    heading: 'Check your inbox',
    paragraphs: ['We email a fresh link to the address on file.'],
    note: 'Nothing after a few minutes? Check your spam folder. We send only a few of these a day: if you asked before, use the newest.',
    links: parts.outbox ? [linkTo(parts.pages, '/outbox?folder=notices', "Open the demo's outbox", true)] : [],
  })
}

function askFresh(parts: ReaderParts, purpose: LinkPurpose, { id, consent }: Subscriber): Promise<number | null> {
  if (purpose === 'confirm' && consent === 'pending') return askToConfirmAgain(parts, id)
  return askLink(parts, id, purpose === 'export' || purpose === 'erase' ? purpose : 'link')
}

/** A week after signing up nothing is left that a link could be sent to. */
function vanished(c: Context, { pages }: ReaderParts): Response {
  return tell(
    c,
    pages,
    {
      heading: 'This link has expired',
      paragraphs: ['We delete an address that is not confirmed within a week. Please sign up again.'],
      front: { label: 'Subscribe', first: true },
    },
    410,
  )
}
