// A digest as one reader would get it, made from the templates of this moment. Nothing is stored
// and no link in it opens anything.
import { composeMessage } from '../../delivery/provider/message.ts'
import { indexPlaces } from '../../digest/choosing/place-index.ts'
import { NO_HISTORY } from '../../digest/choosing/selection.ts'
import { joinDigest, preparePieces } from '../../digest/joining/joining.ts'
import { selectDigest } from '../../digest/opening.ts'
import type { Slots } from '../../digest/piece/draft.ts'
import { SLOT_NAMES } from '../../digest/piece/piece.ts'
import { type Host, renderEdition, type Templates } from '../../digest/rendering.ts'
import type { Outlook } from '../../edition/outlook.ts'
import { describeError } from '../../errors.ts'
import type { Choices } from '../../subscriber/preferences.ts'

export interface PreviewMail {
  subject: string
  /** Every header of the message as it would leave, in order, unfolded. */
  headers: { name: string; value: string }[]
  html: string
  text: string
  /**
   * Papers of the edition that could not be rendered, each with the reason; every mail goes without
   * them.
   */
  leftOut: string[]
  htmlBytes: number
  /** The whole message, headers and both parts, in its transfer encoding. */
  messageBytes: number
}

/** Who gets a preview that names no subscriber. */
export const DEFAULT_READER = 'reader@example.org'

/** As long as a real token, so that sizes are honest; it verifies nowhere. */
const TOKEN = 'preview'.padEnd(59, '-')
const NO_TOKENS = Object.fromEntries(SLOT_NAMES.map((name) => [name, TOKEN])) as Slots
const PUBLIC_ID = '00000000-0000-4000-8000-000000000000'

/** Who reads a preview, by what they chose and whether earlier editions did not reach them. */
export interface PreviewReader {
  address: string
  choices: Choices
  missed: boolean
}

/**
 * Makes the mail for these choices, whatever its reader had of late risers and this edition before.
 * Returns undefined when the choices leave nothing of the edition.
 */
export async function makePreview(
  outlook: Outlook,
  reader: PreviewReader,
  host: Host,
  templates: Templates,
): Promise<PreviewMail | undefined> {
  const missed = new Set(reader.missed ? outlook.places.map(({ listedOn }) => listedOn) : [])
  const index = indexPlaces(outlook.places, templates.topics)
  const selection = selectDigest(outlook, index, reader.choices, { ...NO_HISTORY, missed })
  if (selection.papers.length === 0) return undefined
  const leftOut: string[] = []
  const pieces = await renderEdition(outlook, reader.choices.length, host, templates, (place, error) => {
    leftOut.push(`${place.paper.id}: ${describeError(error)}`)
  })
  const readable = joinDigest(preparePieces(pieces, 'utf8'), selection, NO_TOKENS)
  const encoded = joinDigest(preparePieces(pieces, 'quoted-printable'), selection, NO_TOKENS)
  const date = new Date().toISOString()
  const message = composeMessage({ ...encoded, publicId: PUBLIC_ID, to: reader.address, date })
  return {
    subject: readable.subject,
    headers: headersOf(message),
    html: readable.html,
    text: readable.text,
    leftOut,
    htmlBytes: Buffer.byteLength(readable.html),
    messageBytes: Buffer.byteLength(message),
  }
}

function headersOf(message: string): PreviewMail['headers'] {
  const head = message.slice(0, message.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ')
  return head.split('\r\n').map((line) => {
    const colon = line.indexOf(':')
    return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() }
  })
}
