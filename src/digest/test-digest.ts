// A digest to look at in a real inbox: as these choices would get it, marked as a test, and with
// links that change nobody's subscription. Nothing is stored and nothing counts as had.
import type { Outlook } from '../edition/outlook.ts'
import type { Choices } from '../subscriber/preferences.ts'
import { indexPlaces } from './choosing/place-index.ts'
import { NO_HISTORY } from './choosing/selection.ts'
import { joinDigest, preparePieces } from './joining/joining.ts'
import { selectDigest } from './opening.ts'
import type { Slots } from './piece/draft.ts'
import { SLOT_NAMES } from './piece/piece.ts'
import { type Host, renderEdition, type Templates } from './rendering.ts'

export interface TestDigest {
  subject: string
  html: string
  text: string
}

/** Stands where a token would, until its link is put in its place. */
const TOKEN = 'test-mail'.padEnd(59, '-')
const NO_TOKENS = Object.fromEntries(SLOT_NAMES.map((name) => [name, TOKEN])) as Slots
const OWN_LINK = new RegExp(`/(view|unsubscribe|preferences)/${TOKEN}(?:\\?step=\\w+)?`, 'g')
const MARK = '[Test] '

/**
 * Makes the digest of an edition for these choices. Returns undefined when they leave nothing of
 * it.
 */
export async function makeTestDigest(
  outlook: Outlook,
  choices: Choices,
  host: Host,
  templates: Templates,
): Promise<TestDigest | undefined> {
  const selection = selectDigest(outlook, indexPlaces(outlook.places, templates.topics), choices, NO_HISTORY)
  if (selection.papers.length === 0) return undefined
  const pieces = await renderEdition(outlook, choices.length, host, templates, () => {})
  const { subject, html, text } = joinDigest(preparePieces(pieces, 'utf8'), selection, NO_TOKENS)
  const said = 'This is a test, sent by the operator. Its links change nothing; no reader was written to.'
  const mark = `<div style="padding:8px 12px;font:14px/20px sans-serif;text-align:center">${said}</div>`
  const open = (mail: string) => openLinks(mail, outlook)
  return {
    subject: `${MARK}${subject}`,
    html: open(html).replace(/<body[^>]*>/, (body) => `${body}${mark}`),
    text: `${said}\n\n${open(text)}`,
  }
}

/** Leads what would be a reader's own link to a page that is there for everybody. */
function openLinks(mail: string, { date, kind, state }: Outlook): string {
  const view = state === 'frozen' ? `/editions/${date}${kind === 'weekly' ? '/weekly' : ''}` : '/editions'
  return mail.replace(OWN_LINK, (_, page) => (page === 'view' ? view : '/'))
}
