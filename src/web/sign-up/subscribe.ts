// Signing up: what a visitor typed becomes a mail that asks, or a sentence beside the field. The
// same address takes the wish for one's own link (my-link.ts).
// Whatever the state of an address, its visitor sees the same page after the same time; nobody
// learns here who is subscribed.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from 'hono'
import { signUp } from '../../delivery/request/sign-up.ts'
import { parseChoices, parseRhythm, type Rhythm } from '../../subscriber/preferences.ts'
import { normalizeAddress } from '../../subscriber/subscriber.ts'
import { UnknownZoneError } from '../../subscriber/zone.ts'
import { type Form, readForm } from '../page/form.ts'
import { limitNote } from '../page/limit-note.ts'
import { definePage } from '../page/pages.ts'
import { UNKNOWN_ZONE } from '../page/rhythm.ts'
import { linkTo, tell } from '../page/tell.ts'
import type { ReaderParts } from '../visit/reader-parts.ts'
import { askForProof } from './challenge.ts'
import { judge } from './door.ts'
import { judgeStamp } from './haste.ts'
import { mailMyLink } from './my-link.ts'
import { suggestAddress } from './spelling.ts'
import {
  type SubscribeEntry,
  type SubscribeFormValues,
  type SubscribeProblems,
  subscribeForm,
} from './subscribe-form.ts'

/** The form alone, as it comes back. */
const subscribePage = definePage<{ form: SubscribeFormValues }>('subscribe')

/**
 * Names the words beside the form that are agreed to. A change of their meaning takes the next
 * number.
 */
const CONSENT_PAGE = 'subscribe, English, 1'
const MINUTE_S = 60
/** The field stands far below the top of a narrow page. */
const ZONE_PROBLEMS: SubscribeProblems = {
  note: 'Nothing was sent: the time zone needs another look.',
  zone: UNKNOWN_ZONE,
}

/** Takes the form. Problems are told beside it; everything else is answered alike. */
export function subscribe(parts: ReaderParts) {
  const { pages, formKeys } = parts
  const again = (c: Context, status: 422 | 429, entry: SubscribeEntry, problems: SubscribeProblems, stamp?: string) => {
    const form = subscribeForm(stamp ?? formKeys.stamp(new Date()), entry, problems)
    return c.html(pages.render(subscribePage, { title: 'Subscribe', form: true }, { form }), status)
  }
  return async (c: Context): Promise<Response> => {
    const form = await readForm(c)
    if (form.get('action') === 'link') return mailMyLink(c, parts, form)
    const entry = entryOf(form)
    const stamp = form.get('opened')
    const haste = judgeStamp(formKeys.readStamp(stamp))
    if (haste === 'fast') {
      return again(c, 422, entry, { note: 'That was quick. Please press Subscribe once more.' }, stamp)
    }
    if (haste === 'stale') return again(c, 422, entry, { note: 'This form has expired. Please send it again.' })
    const address = normalizeAddress(entry.address)
    if (address === undefined) {
      return again(c, 422, entry, { address: 'We cannot send email to this address.' }, stamp)
    }
    const { rhythm, wrong } = parseRhythm(entry)
    if (wrong) {
      const onlyZone = wrong.every((field) => field === 'zone')
      const problem = onlyZone ? ZONE_PROBLEMS : { note: 'Please choose how often and when.' }
      return again(c, 422, entry, problem, stamp)
    }
    const suggestion = form.get('sure') === address ? undefined : suggestAddress(address)
    if (suggestion !== undefined && form.get('suggested') === '') {
      const asked = `Did you mean ${suggestion}? If not, press Subscribe once more.`
      return again(c, 422, { ...entry, address }, { address: asked, suggestion }, stamp)
    }
    const answered = sleep(parts.answerMs)
    // Only a robot sees this field. It is told what everybody is told.
    if (form.get('website') === '') {
      const brought = { solution: form.get('solution'), ticket: form.get('ticket') }
      const judged = await judge(c, parts, address, brought)
      if (judged.kind === 'asked') return askForProof(c, parts, fieldsOf({ ...entry, address }, stamp), judged.ticket)
      if (judged.kind === 'refused') {
        c.header('Retry-After', String(judged.waitS))
        return again(c, 429, entry, { note: tooMany(judged.waitS) }, stamp)
      }
      const refused = await take(parts, address, rhythm, form)
      if (refused) return again(c, 422, entry, refused, stamp)
    }
    await answered
    return tell(c, pages, {
      heading: 'Check your inbox',
      paragraphs: [
        `An email is on its way to ${address}. Open the link in it to subscribe. If you don't, nothing happens.`,
      ],
      note: limitNote('confirmation'),
      links: parts.outbox ? [linkTo(pages, '/outbox?folder=notices', "Open the demo's outbox", true)] : [],
    })
  }
}

/** Leads to the front page's form. */
export function toForm({ pages }: ReaderParts) {
  return (c: Context): Response => c.redirect(`${pages.base}/#joining`, 303)
}

async function take(
  parts: ReaderParts,
  address: string,
  rhythm: Rhythm,
  form: Form,
): Promise<SubscribeProblems | undefined> {
  try {
    const noticeId = await signUp(parts, address, {
      ...rhythm,
      choices: parseChoices({}),
      silence: 'silent',
      welcome: form.get('welcome') !== '',
      consentSource: 'form',
      consentPage: CONSENT_PAGE,
    })
    await parts.sendNotice(noticeId)
    return undefined
  } catch (error) {
    if (error instanceof UnknownZoneError) return ZONE_PROBLEMS
    throw error
  }
}

function entryOf(form: Form): SubscribeEntry {
  return {
    address: form.get('suggested') || form.get('address'),
    cadence: form.get('cadence'),
    weekday: form.get('weekday'),
    hour: form.get('hour'),
    zone: form.get('zone'),
    welcome: form.get('welcome') !== '',
  }
}

/** The fields of an entry that was found right, to be sent once more. */
function fieldsOf({ address, welcome, ...rhythm }: SubscribeEntry, opened: string): Record<string, string> {
  return { address, sure: address, ...rhythm, ...(welcome ? { welcome: 'on' } : {}), opened, website: '' }
}

function tooMany(waitS: number): string {
  const minutes = Math.ceil(waitS / MINUTE_S)
  return `Too many people are signing up just now. Please try again in ${minutes === 1 ? 'a minute' : `${minutes} minutes`}.`
}
