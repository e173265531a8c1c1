// A remark: the few words that a reader's own choices add to the reason on a card. Printed in every
// encoding in which mails leave, escaped once here; small enough that an edition can keep room for
// one on every card.

import { escapeHtml, wrapParagraph } from '../template/template.ts'
import { cleanLine, shortenToLength } from '../text/text.ts'
import type { Size } from './budget.ts'
import { quoteText } from './piece.ts'

export interface PrintedRemark {
  /** What is put into a piece's place for it, by medium. */
  utf8: { html: string; text: string }
  'quoted-printable': { html: string; text: string }
  size: Size
}

/**
 * The most that a remark may weigh: some hundred letters, or a few dozen of scripts whose letters
 * take more.
 */
export const REMARK_SIZE_MAX: Size = { html: 200, message: 400 }
const REMARK_MAX = 140
/**
 * Short, on one line, and nothing that takes more than a byte in any encoding: light for certain.
 */
const LIGHT = /^(?:|[A-Za-z0-9.,;:()/+-](?:[A-Za-z0-9.,;:()/+-]| (?! )){0,98}[A-Za-z0-9.,;:()/+-])$/
/** Cut by so many characters at a time until it fits. */
const CUT = 12
/** Far fewer are met in an edition. */
const PRINTED_MAX = 10_000

const printed = new Map<string, PrintedRemark>()

/** Returns the text as a remark: one clean line, cut where it would weigh too much. */
export function fitRemark(text: string): string {
  // Most remarks end here.
  if (LIGHT.test(text)) return text
  let fitted = shortenToLength(cleanLine(text), REMARK_MAX)
  while (!isLight(printRemark(fitted).size)) fitted = shortenToLength(fitted, fitted.length - CUT)
  return fitted
}

/**
 * Returns a remark as cards hold it: after the reason in HTML, on lines of its own in text. Nothing
 * for ''.
 */
export function printRemark(remark: string): PrintedRemark {
  const known = printed.get(remark)
  if (known) return known
  if (printed.size >= PRINTED_MAX) printed.clear()
  const made = remark === '' ? NOTHING : makePrinted(remark)
  printed.set(remark, made)
  return made
}

const NOTHING: PrintedRemark = {
  utf8: { html: '', text: '' },
  'quoted-printable': { html: '', text: '' },
  size: { html: 0, message: 0 },
}

function makePrinted(remark: string): PrintedRemark {
  const html = ` · ${escapeHtml(remark)}`
  const text = `\n${wrapParagraph(`${remark.charAt(0).toUpperCase()}${remark.slice(1)}`, '    ')}`
  const quoted = { html: quoteText(html), text: quoteText(text) }
  const size = { html: Buffer.byteLength(html), message: quoted.html.length + quoted.text.length }
  return { utf8: { html, text }, 'quoted-printable': quoted, size }
}

function isLight({ html, message }: Size): boolean {
  return html <= REMARK_SIZE_MAX.html && message <= REMARK_SIZE_MAX.message
}
