// What a LaTeX command prints as one Unicode character, from unicodeit's tables. The tables only:
// its own replace() walks thousands of entries a call and takes the beginning of a longer command
// for a shorter one.
import { combiningmarks, replacements, subsuperscripts } from 'unicodeit/ts_dist/js/data.js'

/** Where the tables' answer would look wrong in running text, or is missing. */
const CORRECTIONS: Record<string, string> = {
  '\\i': 'ı',
  '\\j': 'ȷ',
  // The tables' angles are of the width of an ideograph.
  '\\langle': '⟨',
  '\\rangle': '⟩',
  '\\cdot': '·',
  '\\lt': '<',
  '\\gt': '>',
  '\\dag': '†',
  '\\ddag': '‡',
  '\\dots': '…',
  '\\textbackslash': '/',
  '\\textasciitilde': '∼',
  '\\textgreater': '>',
  '\\textless': '<',
  '\\lVert': '‖',
  '\\rVert': '‖',
  '\\lvert': '|',
  '\\rvert': '|',
  '\\eg': 'e.g.',
  '\\ie': 'i.e.',
  '\\etal': 'et al.',
  '\\etc': 'etc.',
  '\\vs': 'vs.',
  '\\aka': 'a.k.a.',
  '\\wrt': 'w.r.t.',
  '\\circone': '(1)',
  '\\circtwo': '(2)',
  '\\circthree': '(3)',
  '\\circfour': '(4)',
  '\\circfive': '(5)',
  '\\circsix': '(6)',
}
/** The tables' superscript V is a Korean letter, their superscript full stop a Cree one. */
const SCRIPT_CORRECTIONS: [string, string | undefined][] = [
  ['^V', 'ⱽ'],
  ['^.', undefined],
  // Full stops have no lowered form; between lowered digits the plain one reads well.
  ['_.', '.'],
  ['^∘', '°'],
  ['^°', '°'],
  ['^′', '′'],
  ['^⋆', '*'],
  ['^†', '†'],
  ['^‡', '‡'],
  ['^§', '§'],
  ['^⊤', 'ᵀ'],
]
/** Marks that stand over several letters at home; over one they read the same. */
const WIDE_MARKS: Record<string, string> = {
  '\\widehat': '\\hat',
  '\\widetilde': '\\tilde',
  '\\overrightarrow': '\\vec',
}
/** Accents of running text. Not from the tables, whose ë and è are Cyrillic. */
const ACCENTS: Record<string, string> = {
  '\\`': '\u0300',
  "\\'": '\u0301',
  '\\^': '\u0302',
  '\\~': '\u0303',
  '\\=': '\u0304',
  '\\u': '\u0306',
  '\\.': '\u0307',
  '\\"': '\u0308',
  '\\r': '\u030a',
  '\\H': '\u030b',
  '\\v': '\u030c',
  '\\d': '\u0323',
  '\\c': '\u0327',
  '\\k': '\u0328',
  '\\b': '\u0331',
  '\\t': '\u0361',
}
/** Nor is a mark a sign while no letter is under it. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]|^\p{M}/u

const symbols = new Map(
  [...(replacements as [string, string][]), ...Object.entries(CORRECTIONS)].filter(
    ([, sign]) => !UNPRINTABLE.test(sign),
  ),
)
const scripts = new Map([...(subsuperscripts as [string, string][]), ...SCRIPT_CORRECTIONS])
const marks = new Map(combiningmarks as [string, string][])

/**
 * Returns what a command prints (`\pi`, `\mathbb{R}`), undefined when Unicode has nothing for it.
 */
export function symbolOf(command: string): string | undefined {
  return symbols.get(command)
}

/** Tells whether a command puts a mark over or under what it is given. */
export function isMark(command: string): boolean {
  return marks.has(WIDE_MARKS[command] ?? command)
}

/**
 * Returns the letter with the mark of `\hat` and the like over it; undefined for other commands and
 * for more than one letter.
 */
export function markedLetter(command: string, letter: string): string | undefined {
  const mark = marks.get(WIDE_MARKS[command] ?? command)
  return mark !== undefined && /^\p{L}$/u.test(letter) ? (letter + mark).normalize('NFC') : undefined
}

/**
 * Returns the letter under an accent of running text (`\"`, `\c`), composed; anything but one
 * letter as it is.
 */
export function accentedLetter(command: string, letter: string): string {
  return /^\p{L}$/u.test(letter) ? (letter + (ACCENTS[command] ?? '')).normalize('NFC') : letter
}

/**
 * Returns a text raised (`^`) or lowered (`_`): in Unicode where every character can be, else
 * `^text` or `^(text)`. Names are not cut into small letters, and letters inside another script
 * (`nested`) stay plain: small ones would read as if they stood beside it.
 */
export function scriptOf(sign: '^' | '_', text: string, nested = false): string {
  const plain = text.trim()
  if (plain === '') return ''
  if (sign === '^' && /^(?:st|nd|rd|th)$/.test(plain)) return plain
  if (nested ? /\p{L}/u.test(plain) : /\p{L}{3,}/u.test(plain)) return written(sign, plain)
  const close = plain.replaceAll(' ', '')
  // A stop at the edge would read as the sentence's.
  const changed = /^\.|\.$/.test(close) ? [undefined] : Array.from(close, (character) => scripts.get(sign + character))
  if (changed.every((character) => character !== undefined)) return changed.join('')
  return written(sign, plain)
}

function written(sign: string, plain: string): string {
  return /^[\p{L}\p{M}\p{N}]+$/u.test(plain) ? sign + plain : `${sign}(${plain})`
}
