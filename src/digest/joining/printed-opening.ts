// An opening as pieces take it: each of its words escaped once for each place where it is printed,
// and light enough that an edition can keep room for it.

import type { LeadLine, Opening } from '../choosing/selection.ts'
import type { Size } from '../piece/budget.ts'
import { quoteText, WORD_NAMES, type WordName } from '../piece/piece.ts'
import { escapeHtml, wrapParagraph } from '../template/template.ts'
import { UNBREAKABLE } from '../text/words.ts'

/** What stands for each mark, by encoding and medium. */
export type PrintedWord = Record<'utf8' | 'quoted-printable', Record<'html' | 'text', string>>
export type PrintedWords = Readonly<Partial<Record<WordName, PrintedWord>>>

/** The most that the words of an opening may weigh. */
export const OPENING_SIZE_MAX: Size = { html: 3_000, message: 6_000 }

const INDENT = '    '
/** Letters that every encoding leaves as they are. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9 .,:;/()+%?!-]/.test(String.fromCharCode(code)) ? 1 : 0,
)
const ODD_WEIGHT = 9
/** A soft line break, or one of the text part with what becomes of the space before it. */
const BREAK_WEIGHT = 6
const LINE_MIN = 35
/** Words that the text part prints as they are; the others it breaks into lines. */
const UNBROKEN: readonly WordName[] = ['url']

/**
 * Returns the words around the lead block. What may be forwarded has no preheader: it is hidden,
 * and personal.
 */
export function printFrame({ preheader, headline, day }: Opening, forwarded: boolean): PrintedWords {
  return print({ preheader: forwarded ? '' : preheader, headline, day })
}

/** Returns the words of one line of the lead block. */
export function printLead({ label, title, url, fact }: LeadLine): PrintedWords {
  // Where lines end is the wrapping's to say there: what is read or copied has plain spaces.
  const line = `${label}: ${title}, ${fact.replaceAll(UNBREAKABLE, ' ')}`
  const printed = print({ label, title, fact, url, line })
  if (url === '' || !printed.line) return printed
  const text = `${printed.line.utf8.text}\n${INDENT}${url}`
  return { ...printed, line: { utf8: { html: '', text }, 'quoted-printable': { html: '', text: quoteText(text) } } }
}

/** Lists the lines that are printed; what may be forwarded has none that names a choice. */
export function leadLines(opening: Opening | null | undefined, forwarded: boolean): LeadLine[] {
  return opening?.lead.filter(({ personal }) => !(forwarded && personal)) ?? []
}

/** Returns the name of a line's piece, without its medium. */
export function leadName({ url }: LeadLine): string {
  return url === '' ? 'lead/plain' : 'lead'
}

/** Tells whether a piece is a line of the lead block. */
export function isLead(name: string): boolean {
  return name === 'lead' || name === 'lead/plain'
}

/** Returns what the words of an opening weigh in a mail, besides the pieces that they stand in. */
export function printedSize(opening: Opening | null | undefined): Size {
  const size = { html: 0, message: 0 }
  if (!opening) return size
  for (const words of [printFrame(opening, false), ...opening.lead.map(printLead)]) {
    for (const name of WORD_NAMES) {
      const word = words[name]
      if (!word) continue
      size.html += Buffer.byteLength(word.utf8.html)
      size.message += word['quoted-printable'].html.length + word['quoted-printable'].text.length
    }
  }
  return size
}

/**
 * Returns the opening without what would make it too heavy: the lead block from its end, then the
 * preheader.
 */
export function fitOpening(opening: Opening): Opening {
  if (isLight(sizeAtMost(opening))) return opening
  let fitted = opening
  while (!isLight(printedSize(fitted)) && fitted.lead.length > 0) fitted = { ...fitted, lead: fitted.lead.slice(0, -1) }
  return isLight(printedSize(fitted)) ? fitted : { ...fitted, preheader: '' }
}

/**
 * What an opening weighs at most, without printing it: in every encoding, plain letters weigh one
 * byte and nothing more than nine, and lines are broken at seventy characters or more.
 */
export function sizeAtMost({ preheader, headline, day, lead }: Opening): Size {
  let html = 0
  let message = 0
  const add = (word: string) => {
    let weight = 0
    for (let at = 0; at < word.length; at++) weight += PLAIN[word.charCodeAt(at)] === 1 ? 1 : ODD_WEIGHT
    html += weight
    message += 2 * (weight * (1 + BREAK_WEIGHT / LINE_MIN) + BREAK_WEIGHT)
  }
  for (const word of [preheader, headline, day]) add(word)
  for (const { label, title, url, fact } of lead) {
    for (const word of [label, title, url, fact, `${label}: ${title}, ${fact}`, `${INDENT}${url}`]) add(word)
  }
  return { html, message }
}

function isLight({ html, message }: Size): boolean {
  return html <= OPENING_SIZE_MAX.html && message <= OPENING_SIZE_MAX.message
}

function print(words: Partial<Record<WordName, string>>): PrintedWords {
  const printed: Partial<Record<WordName, PrintedWord>> = {}
  for (const name of WORD_NAMES) {
    const value = words[name]
    if (value === undefined) continue
    const html = escapeHtml(value)
    const text = UNBROKEN.includes(name) ? value : wrapParagraph(value, '')
    printed[name] = { utf8: { html, text }, 'quoted-printable': { html: quoteText(html), text: quoteText(text) } }
  }
  return printed
}
