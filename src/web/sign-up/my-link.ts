// "Email me my link": an address typed in, and the same answer after the same time whoever it
// belongs to. The link goes to that address alone.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from 'hono'
import { askByAddress } from '../../delivery/request/sign-up.ts'
import { normalizeAddress } from '../../subscriber/subscriber.ts'
import type { Form } from '../page/form.ts'
import { limitNote } from '../page/limit-note.ts'
import { linkPage } from '../page/link-form.ts'
import { linkTo, tell } from '../page/tell.ts'
import { networkNames, type ReaderParts } from '../visit/reader-parts.ts'
import { judgeStamp } from './haste.ts'

/** Longer than it takes to ask, so that its time tells nothing. */
const ANSWER_MS = 400

/** Takes the form of the front page. */
export async function mailMyLink(c: Context, parts: ReaderParts, form: Form): Promise<Response> {
  const { pages, formKeys } = parts
  const stamp = form.get('opened')
  const haste = judgeStamp(formKeys.readStamp(stamp))
  const typed = form.get('address')
  const again = (status: 422 | 429, problem: string, opened = stamp) =>
    linkPage(c, pages, { status, problem, address: typed, opened })
  if (haste === 'fast') return again(422, 'That was quick. Please press the button once more.')
  if (haste === 'stale') return again(422, 'This form has expired. Please send it again.', formKeys.stamp(new Date()))
  const address = normalizeAddress(typed)
  if (address === undefined) return again(422, 'We cannot send email to this address.')
  const answered = sleep(ANSWER_MS)
  // Only a robot sees this field. It is told what everybody is told.
  if (form.get('website') === '') {
    const waitS = await parts.limits.takeLink(networkNames(c, parts))
    if (waitS > 0) {
      c.header('Retry-After', String(waitS))
      return again(429, 'Too many people have asked from here. Please try again later.')
    }
    await parts.sendNotice(await askByAddress(parts, address))
  }
  await answered
  return tell(c, pages, {
    heading: 'Check your inbox',
    paragraphs: [`If ${address} is subscribed, an email with its link is on the way.`],
    note: limitNote('such email'),
    links: parts.outbox ? [linkTo(pages, '/outbox?folder=notices', "Open the demo's outbox", true)] : [],
  })
}
