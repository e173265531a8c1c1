// The preferences page: a mailed link becomes a sitting with a clean address, and the page shows
// what stands. Looking changes nothing; change.ts takes what is sent.
import type { Context } from 'hono'
import { DateTime } from 'luxon'
import { lookBack } from '../../../digest/look-back.ts'
import { type Change, STEPS, type Standing, type Step, stepDown, stepFrom } from '../../../subscriber/change.ts'
import { findHolder } from '../../../subscriber/holder.ts'
import type { Choices, Rhythm } from '../../../subscriber/preferences.ts'
import { findSubscriberByPublicId } from '../../../subscriber/store.ts'
import { issueToken } from '../../../subscriber/token.ts'
import { ask } from '../../page/ask.ts'
import { sayGoodbye } from '../../page/goodbye.ts'
import { linkPage } from '../../page/link-form.ts'
import { definePage, type Pages } from '../../page/pages.ts'
import { askingPage } from '../../page/safety.ts'
import { answerOldLink } from '../../visit/old-link.ts'
import { type ReaderParts, tokenIn } from '../../visit/reader-parts.ts'
import type { Session } from '../../visit/session.ts'
import { type LookBackValues, lookBackValues } from './look-back.ts'
import { alreadyWords, standingOf, stepWords } from './steps.ts'
import { type PreferencesValues, preferencesValues, type Visit } from './values.ts'

const preferencesTemplate = definePage<PreferencesValues>('preferences')

const PAUSE_MAX_DAYS = 366
/** Editions of the live preview. */
const LOOKED_BACK = 30

/**
 * Exchanges a mailed link for a sitting. The address that is left in history and logs opens
 * nothing.
 */
export function exchangeLink(parts: ReaderParts) {
  const { db, linkKeys, pages, sessions } = parts
  return async (c: Context): Promise<Response> => {
    const reader = await findHolder(db, linkKeys, 'preferences', tokenIn(c))
    if (!reader) return answerOldLink(c, parts, 'preferences')
    await sessions.begin(c, reader)
    const step = stepFrom(c.req.query('step'))
    return c.redirect(`${pages.base}/preferences${step ? `?step=${step}` : ''}`, 303)
  }
}

/**
 * Shows the page, or with `?step=` the one button of a mail's foot, while that would be a step: the
 * mail may be an old one.
 */
export function showPreferences(parts: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    const session = await parts.sessions.find(c)
    if (!session) return noSession(c, parts)
    if (session.reader.consent !== 'confirmed') return notSubscribed(c, parts, session)
    const step = stepFrom(c.req.query('step'))
    const standing = standingOf(session.reader, session.now)
    const change = step && stepDown(step, standing)
    if (step && change) return askStep(c, parts.pages, session, { step, standing, change })
    const told = step ? [alreadyWords(step, standing)] : []
    // Who opens it has just been read, and changes nothing by that.
    return pageFor(c, parts, session, { told }, session.reader, 200)
  }
}

/** Answers with the page as it stands after a visit's request. */
export async function preferencesPage(
  c: Context,
  parts: ReaderParts,
  session: Session,
  visit: Visit,
  preview: { choices: Choices; cadence: Rhythm['cadence'] } = session.reader,
  status: 200 | 403 | 422 | 429 = 200,
): Promise<Response> {
  // Read again: it may just have changed.
  const reader = (await findSubscriberByPublicId(parts.db, session.reader.publicId)) ?? session.reader
  return pageFor(c, parts, { ...session, reader }, visit, preview, status)
}

async function pageFor(
  c: Context,
  parts: ReaderParts,
  { reader, formToken, now }: Session,
  visit: Visit,
  preview: { choices: Choices; cadence: Rhythm['cadence'] },
  status: 200 | 403 | 422 | 429,
): Promise<Response> {
  const { linkKeys, pages } = parts
  const shown = visit.entry ? preview : reader
  const given = {
    formToken,
    lookBack: await lookBackOf(parts, shown),
    feedPath: `${pages.base}/feed/${issueToken(linkKeys, 'feed', reader, now)}`,
    unsubscribePath: `${pages.base}/unsubscribe/${issueToken(linkKeys, 'unsubscribe', reader, now)}`,
  }
  const maySnooze = stepDown('pause', standingOf(reader, now)) !== undefined
  const values = preferencesValues(reader, visit, { ...given, maySnooze }, pauseDays(reader, now))
  return askingPage(c, pages.render(preferencesTemplate, { title: 'Your digest', choices: true }, values), status)
}

/** What some choices would have brought over the last editions. */
export async function lookBackOf(
  { db, topics }: Pick<ReaderParts, 'db' | 'topics'>,
  { choices, cadence }: { choices: Choices; cadence: Rhythm['cadence'] },
): Promise<LookBackValues> {
  const kind = cadence === 'weekly' ? 'weekly' : 'daily'
  return lookBackValues(await lookBack(db, choices, { kind, limit: LOOKED_BACK, topics }), kind)
}

/** The first and the last local date that a pause may last to. */
export function pauseDays({ zone }: Pick<Rhythm, 'zone'>, now: Date): { untilMin: string; untilMax: string } {
  const today = DateTime.fromJSDate(now, { zone })
  return {
    untilMin: today.plus({ days: 1 }).toFormat('yyyy-MM-dd'),
    untilMax: today.plus({ days: PAUSE_MAX_DAYS }).toFormat('yyyy-MM-dd'),
  }
}

/** Says that there is no sitting: it ended, or the page was opened without a link. */
export function noSession(c: Context, { pages, formKeys }: ReaderParts): Response {
  return linkPage(c, pages, {
    heading: 'Please open your link again',
    text: 'A visit to this page ends after an hour. Every digest has a fresh link at its foot, or we can email you one.',
    status: 403,
    opened: formKeys.stamp(new Date()),
  })
}

/** There is nothing to choose, but what is kept can still be had, or erased. */
export function notSubscribed(c: Context, { pages }: ReaderParts, { formToken }: Session): Response {
  return sayGoodbye(c, pages, {
    heading: 'You get no digests now',
    paragraphs: ['There is nothing to choose until you subscribe again.'],
    dataPath: `${pages.base}/preferences`,
    formToken,
  })
}

function askStep(
  c: Context,
  pages: Pages,
  { formToken }: Session,
  { step, standing, change }: { step: Step; standing: Standing; change: Change },
): Response {
  const path = `${pages.base}/preferences`
  const { question, button } = STEPS.find((each) => each.step === step) as (typeof STEPS)[number]
  return ask(c, pages, {
    heading: question,
    button,
    paragraphs: [stepWords(step, standing, change)],
    path,
    fields: [
      { name: 'form', value: formToken },
      { name: 'action', value: 'step' },
      { name: 'step', value: step },
    ],
    links: [{ path, label: 'All choices' }],
  })
}
