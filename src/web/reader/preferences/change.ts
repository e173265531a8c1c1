// What the preferences page sends: a change, a preview of one, a break, or the wish for a mailed
// link. Each change is told back in sentences, with a link that takes it back.
import type { Context } from 'hono'
import { askAddress } from '../../../delivery/request/address-change.ts'
import { type Preferences, type Step, stepDown, stepFrom, type Wanted } from '../../../subscriber/change.ts'
import { maskAddress, normalizeAddress } from '../../../subscriber/subscriber.ts'
import { change } from '../../../subscriber/undo.ts'
import { UnknownZoneError } from '../../../subscriber/zone.ts'
import { type Form, readForm } from '../../page/form.ts'
import { limitNote } from '../../page/limit-note.ts'
import { UNKNOWN_ZONE } from '../../page/rhythm.ts'
import { tell } from '../../page/tell.ts'
import { type DataWish, dataWishFrom, mailDataLink } from '../../visit/data-links.ts'
import type { ReaderParts } from '../../visit/reader-parts.ts'
import type { Session } from '../../visit/session.ts'
import { describeChange } from './change-words.ts'
import { parsePreferences } from './entry.ts'
import { lookBackPart } from './look-back.ts'
import { lookBackOf, noSession, notSubscribed, pauseDays, preferencesPage } from './page.ts'
import { alreadyWords } from './steps.ts'

interface Request {
  c: Context
  parts: ReaderParts
  session: Session
  form: Form
}

const ACTIONS: Record<string, (request: Request) => Promise<Response>> = {
  save,
  preview,
  pause,
  snooze: (request) => takeStep(request, 'pause'),
  resume: (request) => changeTo(request, { pausedUntil: null }),
  step,
  address: moveTo,
}

/** Takes a form of the page, for whoever has a sitting and sends it from there. */
export function changePreferences(parts: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    const session = await parts.sessions.find(c)
    if (!session) return noSession(c, parts)
    const form = await readForm(c)
    if (!parts.sessions.isOwnForm(c, session, form)) return showAgain({ c, parts, session, form })
    const wish = dataWishFrom(form.get('action'))
    if (session.reader.consent !== 'confirmed' && !wish) return notSubscribed(c, parts, session)
    const waitS = await parts.limits.takeChange(session.reader.publicId)
    if (waitS > 0) {
      c.header('Retry-After', String(waitS))
      return c.text('Too many changes at once: try again in a minute.', 429)
    }
    if (wish) return mailLink({ c, parts, session, form }, wish)
    const action = ACTIONS[form.get('action')]
    const request = { c, parts, session, form }
    return action ? action(request) : preferencesPage(c, parts, session, {})
  }
}

/**
 * Answers a form that is not of this reader's sittings, from before a move or of another reader in
 * the same browser: with what was typed, for whoever looks it over. Only what our own page sent is
 * shown again: another site could put its own words there.
 */
async function showAgain({ c, parts, session, form }: Request): Promise<Response> {
  const { reader } = session
  if (!parts.sessions.isOwnPage(c)) return noSession(c, parts)
  if (reader.consent !== 'confirmed') return notSubscribed(c, parts, session)
  const own = reader.address === null ? '' : maskAddress(reader.address)
  const problem = `Nothing was saved: this form is from an earlier visit, or belongs to another subscription. It is for ${own} now: look it over, and send it again.`
  const visit = { problem, until: form.get('until'), newAddress: form.get('address') }
  if (!['save', 'preview'].includes(form.get('action'))) return preferencesPage(c, parts, session, visit, reader, 403)
  const { entry, wanted, problems } = parsePreferences(form)
  return preferencesPage(c, parts, session, { ...visit, entry, problems }, wanted, 403)
}

async function save(request: Request): Promise<Response> {
  const { c, parts, session, form } = request
  const { entry, wanted, problems } = parsePreferences(form)
  if (wanted) return changeTo(request, wanted)
  const problem = 'Nothing was saved: something below needs another look.'
  return preferencesPage(c, parts, session, { entry, problems, problem }, session.reader, 422)
}

/** Answers with the whole page, or with the part that our script puts into it. */
async function preview({ c, parts, session, form }: Request): Promise<Response> {
  const { entry, wanted, problems } = parsePreferences(form)
  if (form.get('part') === 'look-back') {
    if (!wanted) return c.body(null, 422)
    return c.html(parts.pages.fill(lookBackPart, await lookBackOf(parts, wanted)))
  }
  if (wanted) {
    const told = ['This is a preview: nothing is saved yet.']
    return preferencesPage(c, parts, session, { entry, problems, told }, wanted)
  }
  const problem = 'There is no preview of this: something below needs another look.'
  return preferencesPage(c, parts, session, { entry, problems, problem }, session.reader, 422)
}

async function pause(request: Request): Promise<Response> {
  const { c, parts, session, form } = request
  const until = form.get('until')
  const { untilMin, untilMax } = pauseDays(session.reader, session.now)
  if (/^\d{4}-\d{2}-\d{2}$/.test(until) && isDay(until) && until >= untilMin && until <= untilMax) {
    return changeTo(request, { pausedUntil: until })
  }
  const problem = 'Nothing was paused: the date needs another look.'
  const untilProblem = 'Choose a date between tomorrow and a year from now.'
  return preferencesPage(c, parts, session, { until, untilProblem, problem }, session.reader, 422)
}

async function step(request: Request): Promise<Response> {
  const { c, parts, session, form } = request
  const chosen = stepFrom(form.get('step'))
  return chosen ? takeStep(request, chosen) : preferencesPage(c, parts, session, {})
}

/** What stands counts, not what stood when the button was shown. */
function takeStep(request: Request, chosen: Step): Promise<Response> {
  return changeTo(
    request,
    (standing) => stepDown(chosen, standing),
    (standing) => alreadyWords(chosen, standing),
  )
}

async function changeTo(
  { c, parts, session, form }: Request,
  wanted: Wanted,
  sayUnchanged: (standing: Preferences) => string = () => 'Nothing changed.',
): Promise<Response> {
  try {
    const changed = await change(parts, session.reader.id, wanted)
    if (!changed) return notSubscribed(c, parts, session)
    const told = describeChange(changed)
    const undoPath = changed.undo === null ? '' : `${parts.pages.base}/undo/${changed.undo}`
    const said = told.length > 0 ? told : [sayUnchanged(changed.after)]
    return preferencesPage(c, parts, session, { told: said, undoPath })
  } catch (error) {
    if (!(error instanceof UnknownZoneError)) throw error
    // A zone that this runtime knows and PostgreSQL does not.
    const problems = { zone: UNKNOWN_ZONE }
    return preferencesPage(
      c,
      parts,
      session,
      { entry: parsePreferences(form).entry, problems, problem: 'Nothing was saved.' },
      session.reader,
      422,
    )
  }
}

async function moveTo({ c, parts, session, form }: Request): Promise<Response> {
  const newAddress = form.get('address')
  const address = normalizeAddress(newAddress)
  if (address === undefined) {
    const problem = 'No link was sent: the new address needs another look.'
    const addressProblem = 'We cannot send email to this address.'
    return preferencesPage(c, parts, session, { newAddress, addressProblem, problem }, session.reader, 422)
  }
  const waitS = await parts.limits.takeMove(session.reader.publicId)
  if (waitS > 0) {
    c.header('Retry-After', String(waitS))
    const problem = 'No link was sent: you have asked for several of them. Try again tomorrow.'
    return preferencesPage(c, parts, session, { newAddress, problem }, session.reader, 429)
  }
  const noticeId = await askAddress(parts, session.reader.id, address)
  await parts.sendNotice(noticeId)
  return preferencesPage(c, parts, session, {
    told: [
      `An email with a link is on its way to ${address}. Your digests move once the link is used, within 48 hours.`,
      limitNote('such email'),
    ],
  })
}

async function mailLink({ c, parts, session }: Request, wish: DataWish): Promise<Response> {
  const { isSent, sentence } = await mailDataLink(parts, session.reader, wish)
  if (session.reader.consent === 'confirmed') {
    return preferencesPage(c, parts, session, isSent ? { told: [sentence] } : { problem: sentence })
  }
  return tell(c, parts.pages, { heading: 'Check your inbox', paragraphs: [sentence] })
}

function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === text
}
