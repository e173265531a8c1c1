// A piece: ready-made HTML or text of an edition, with marked slots where a mail's personal tokens
// go. Never holds a token.
import { createHash } from 'node:crypto'
import { encode, wrap } from 'nodemailer/lib/qp'
import type { Size } from './budget.ts'

/**
 * The personal values of a mail. A closed list: what a mail needs that is not here cannot be
 * joined.
 */
export const SLOT_NAMES = ['unsubscribe', 'view', 'preferences'] as const
export type SlotName = (typeof SLOT_NAMES)[number]
/**
 * Where a card takes what the reader's own choices add to its reason; filled once a selection,
 * before the slots.
 */
export const REMARK = 'remark'
/**
 * Where a mail's beginning takes the words of its opening; filled once a selection, before the
 * slots. `line` is a line of the lead block in the text part, the four before it are its parts.
 */
export const WORD_NAMES = ['preheader', 'headline', 'day', 'label', 'title', 'fact', 'url', 'line'] as const
export type WordName = (typeof WORD_NAMES)[number]
type Mark = SlotName | WordName | typeof REMARK

export interface Piece {
  /** `html/card/3`, `text/foot`, `envelope` … unique within an edition and length. */
  name: string
  /** Of `body` in UTF-8. */
  sha256: Buffer
  /** Ends with a newline. */
  body: string
  /**
   * The same, encoded by itself: any pieces in a row are valid quoted-printable. Slots are marked
   * in it as in `body`.
   */
  quotedPrintable: string
}

/** A text cut at its slots: `literals[0] slots[0] literals[1] … literals.at(-1)`. */
export interface Slotted {
  literals: string[]
  slots: Mark[]
}

// Outside text never holds control characters, so it can neither make nor break a marker.
const OPEN = '\u0001'
const CLOSE = '\u0002'
/** Of a slot's value, in ASCII characters: what fits a line of quoted-printable. */
export const SLOT_MAX_LENGTH = 75
const MARKS: readonly Mark[] = [...SLOT_NAMES, REMARK, ...WORD_NAMES]
const TOKENS: readonly Mark[] = SLOT_NAMES
/** One below the limit of 76, for the soft line break that may follow the last line. */
const QUOTED_LINE_MAX = 75

/** Returns the mark that stands for a slot inside a piece. */
export function markSlot(name: Mark): string {
  return `${OPEN}${name}${CLOSE}`
}

/**
 * Makes a piece of a text; a missing newline at the end is added. Throws on a slot that is not on
 * the list.
 */
export function makePiece(name: string, text: string): Piece {
  const body = text.endsWith('\n') ? text : `${text}\n`
  return { name, sha256: createHash('sha256').update(body).digest(), body, quotedPrintable: quotePrintable(body) }
}

/**
 * Returns what the HTML and the text of one thing weigh in a mail, slots filled with the longest
 * values there are, without remarks and the words of an opening.
 */
export function twinSize(html: Piece, text: Piece): Size {
  return {
    html: measure(html.body),
    message: measure(html.quotedPrintable) + measure(text.quotedPrintable),
  }
}

/** Cuts a text at its slot marks. Throws on a slot that is not on the list. */
export function splitSlots(text: string): Slotted {
  const [first = '', ...marked] = text.split(OPEN)
  const slotted: Slotted = { literals: [first], slots: [] }
  for (const part of marked) {
    const end = part.indexOf(CLOSE)
    const slot = MARKS.find((name) => name === part.slice(0, end))
    if (!slot) throw new Error(`a piece marks a slot that is not on the list: ${part.slice(0, Math.max(end, 0))}`)
    slotted.slots.push(slot)
    slotted.literals.push(part.slice(end + 1))
  }
  return slotted
}

/** Returns a text in quoted-printable, with CRLF: valid between any two soft line breaks. */
export function quoteText(text: string): string {
  return wrap(encode(text.replaceAll('\n', '\r\n')), QUOTED_LINE_MAX)
}

function measure(text: string): number {
  const { literals, slots } = splitSlots(text)
  const filled = slots.filter((slot) => TOKENS.includes(slot)).length
  return literals.reduce((sum, literal) => sum + Buffer.byteLength(literal), filled * SLOT_MAX_LENGTH)
}

/**
 * Encodes line by line with CRLF; a mark gets a line of its own between soft breaks, so that 75
 * characters fit whatever stands around it.
 */
function quotePrintable(body: string): string {
  const { literals, slots } = splitSlots(body)
  let out = ''
  for (const [index, literal] of literals.entries()) {
    const slot = slots[index - 1]
    if (slot !== undefined) {
      const lineStart = out === '' || out.endsWith('\r\n')
      out += `${lineStart ? '' : '=\r\n'}${markSlot(slot)}=\r\n`
    }
    out += quoteText(literal)
  }
  return out
}
