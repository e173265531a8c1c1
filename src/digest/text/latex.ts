// LaTeX and other markup in outside text made readable: symbols in Unicode where there are some,
// plain words elsewhere. Money stays money. Sources also hand over LaTeX that lost its dollar signs
// and backslashes on the way ("256times256", "V_{0.5}"): that is mended where it cannot mean
// anything else.
import { balanceBraces } from './braces.ts'
import { mayHaveLost, restoreLost } from './latex-lost.ts'
import { readMath, readProse } from './latex-reading.ts'
import { splitAddresses } from './linked.ts'
import { readMarkup } from './markup.ts'
import { setType } from './typography.ts'

/**
 * Reading again what was read changes nothing; one or two rounds settle honest text, more only text
 * made to need them.
 */
const ROUNDS_MAX = 8
/**
 * Nothing of these: no markup, nothing that was LaTeX once, no address against a word. Most texts
 * end at these tests: one by one they are the fastest.
 */
const SUSPICIOUS = [/[\\$^{}~`*<&]/, /_[\p{L}\p{N}]/u, /--|''|\]\(/, /\. % /, /[A-Za-z][.:]?https?:\/\//]
const FORMULA =
  /\\\((?<round>.{0,400}?)\\\)|\\\[(?<square>.{0,400}?)\\\]|\$\$(?<display>[^$]{1,400})\$\$|(?<!\\)\$(?<inline>(?:[^$\\]|\\.){1,400})\$/gu

/**
 * Returns text with its LaTeX, HTML and Markdown read out. Text that has none is returned as it is;
 * text never becomes empty. Reading twice changes nothing more.
 */
export function readLatex(text: string): string {
  if (!isSuspicious(text)) return text
  // Without its signs: for text that never settles, and for text that is all command and nothing to
  // say.
  return settle(text) || settle(text.replace(/[\\$^{}~`_*<&]/g, '')) || text
}

function isSuspicious(text: string): boolean {
  return SUSPICIOUS.some((sign) => sign.test(text)) || mayHaveLost(text)
}

/** Returns '' when the text still changes after the last round. */
function settle(text: string): string {
  let before = text
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const after = readOnce(before)
    if (after === before || !isSuspicious(after)) return after
    before = after
  }
  return ''
}

function readOnce(text: string): string {
  const parts = splitAddresses(readMarkup(text))
  const read = parts.map(({ words, address }) => readPart(words) + address).join('')
  return balanceBraces(read).replace(/ {2,}/g, ' ').normalize('NFC').trim()
}

function readPart(part: string): string {
  let out = ''
  let end = 0
  for (const match of part.matchAll(FORMULA)) {
    const { round, square, display, inline } = match.groups as Record<string, string | undefined>
    const after = match.index + match[0].length
    // One character each side, two code units at most: more would be read for every price.
    if (inline !== undefined && !isFormula(characterBefore(part, match.index), inline, part[after] ?? '')) continue
    out += readWords(part.slice(end, match.index)) + readMath(round ?? square ?? display ?? inline ?? '')
    end = after
  }
  return setType(out + readWords(part.slice(end)))
}

/** Returns the code point before an offset; '' at the beginning. */
function characterBefore(part: string, at: number): string {
  return Array.from(part.slice(Math.max(0, at - 2), at)).at(-1) ?? ''
}

/** Tells a formula from what stands between two prices. */
function isFormula(before: string, inside: string, after: string): boolean {
  const opensWide = inside.startsWith(' ')
  if (opensWide !== inside.endsWith(' ')) return false
  // Nothing else in a price has these; a price list does not have them right after a dollar sign
  // and again before one.
  if (/\\[A-Za-z%,]|[\^_]/.test(inside)) return true
  if (opensWide || /\d/.test(after) || /[\p{L}\p{N}]/u.test(before)) return false
  // Variables, numbers and signs; words belong to the sentence that two prices stand in.
  return !/\p{L}{2,}\s|\s\p{L}{2,}/u.test(inside)
}

function readWords(words: string): string {
  // One dollar sign of a formula: the other was cut off, or lost.
  return readProse(restoreLost(words).replace(/\$(?=\\[A-Za-z]|[A-Za-z][_^])|(?<=\p{Ll})\$(?=[\s.,;:)]|$)/gu, ''))
}
