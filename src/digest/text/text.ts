// Text from outside made fit to print: cleaned, read out where it is LaTeX, cut at word ends,
// wrapped. Never escapes: that is the template's work alone.
import { graphemesOf } from '../../source/graphemes.ts'
import { readLatex } from './latex.ts'

// Controls, lone surrogates, private use, what steers direction or draws nothing: nothing a reader
// should see the effect of. Joiners stay: names and emoji are written with them.
const UNPRINTABLE =
  /[\p{Cc}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu
/** What a clean line of ASCII, as most texts are, has nothing of. */
const UNCLEAN = /[^ -~]| {2}|^ | $/
/** One column a code unit: Latin, Greek, Cyrillic and the signs of running text. */
const NARROW = /^[ -~\u00a0-\u02ff\u0370-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2190-\u22ff]*$/
const WIDE =
  /^(?:\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]|.+\ufe0f)/su
/** Below it no single character is wide; in between all are. */
const FIRST_WIDE = 0x1100
const IDEOGRAPHS = { first: 0x4e00, last: 0x9fff }
/**
 * Signs that no line begins with, and signs that none ends with, in scripts that break anywhere.
 */
const NEVER_FIRST = new Set('、。，．！？：；）」』】》〉ー々')
const NEVER_LAST = new Set('（「『【《〈')
const ADDRESS = /^[^\w]*https?:\/\//
const TRAILING_PUNCTUATION = /[\s\p{Pd},;:.(\u2026]+$/u

/**
 * Words at the end of a cut title that promise another, and a lone letter behind one: with the R
 * Ecosystem is not with the R.
 */
const LEADS_ON = [
  ...['a', 'an', 'and', 'as', 'at', 'by', 'for', 'from', 'in', 'into', 'is', 'of', 'on', 'or', 'over', 'the', 'their'],
  ...['to', 'toward', 'towards', 'under', 'using', 'via', 'with', 'without', 'are', 'can', 'through', 'beyond'],
  ...['between', 'across', 'against', 'be', 'both', 'but', 'do', 'does', 'how', 'if', 'its', 'our', 'than', 'that'],
  ...['these', 'this', 'we', 'what', 'when', 'where', 'which', 'while', 'who', 'why', 'your', 'within'],
]
const LEADING_ON = new RegExp(`(?:[\\s:;,\\p{Pd}]+(?:${LEADS_ON.join('|')}))+(?:\\s\\p{L})?$`, 'iu')
const NAME_GAIN_MIN = 8
/** What stands before a colon and is no name. */
const KIND = /^(?:(?:an? )?(?:survey|perspective|tutorial|review|primer)|position(?: paper)?|opinion|viewpoint)$/iu

/**
 * Returns one clean line with its LaTeX read out: the one door for outside text. Cleaning twice
 * changes nothing more.
 */
export function cleanText(text: string): string {
  return cleanLine(readLatex(cleanLine(text)))
}

/**
 * Returns one clean line: whitespace collapsed, characters that steer instead of saying something
 * removed. For settings and the like.
 */
export function cleanLine(text: string): string {
  if (!UNCLEAN.test(text)) return text
  return text.replace(UNPRINTABLE, dropButSpaces).replace(/\s+/g, ' ').normalize('NFC').trim()
}

/**
 * Cuts to at most `max` graphemes, at a word end where one is near, with an ellipsis. Shorter text
 * is returned as it is.
 */
export function shorten(text: string, max: number): string {
  // Never more graphemes than code units: most texts are settled without looking.
  if (text.length <= max) return text
  const kept: string[] = []
  let fits = true
  for (const segment of graphemesOf(text)) {
    if (kept.length === max) {
      fits = false
      break
    }
    kept.push(segment)
  }
  if (fits) return text
  return cutAtWordEnd(kept.slice(0, -1).join(''), kept.at(-1) === ' ')
}

/**
 * Cuts to at most `max` UTF-16 code units, never inside a grapheme: for limits that count
 * characters, as a subject's does.
 */
export function shortenToLength(text: string, max: number): string {
  if (text.length <= max) return text
  let kept = ''
  for (const segment of graphemesOf(text)) {
    if (kept.length + segment.length + 1 > max) return cutAtWordEnd(kept, segment === ' ')
    kept += segment
  }
  return text
}

/**
 * Returns a title in at most `max` UTF-16 code units, whole where it fits: cut where a reader would
 * pause, never behind a word that leads on.
 */
export function nameOf(title: string, max: number): string {
  if (title.length <= max) return title
  const longer = shortenToLength(title, max).replace(/…$/, '')
  const name = ownName(title, max)
  const whole = name === undefined ? longer : withoutHalfWord(title, longer)
  const cut = whole.replace(LEADING_ON, '').replace(TRAILING_PUNCTUATION, '')
  // Hardly more than the name is less than the name.
  return name === undefined || cut.length > name.length + NAME_GAIN_MIN ? `${cut}…` : name
}

/** Returns what people call a paper, the part of its title before a colon, where that fits. */
function ownName(title: string, max: number): string | undefined {
  const colon = title.slice(0, max * 2).search(/(?<=..)[:：]/su)
  const name = title.slice(0, Math.max(colon, 0)).trimEnd()
  return name.length >= 2 && name.length <= max && !KIND.test(name) ? name : undefined
}

function withoutHalfWord(title: string, start: string): string {
  const isInside = /[\p{L}\p{N}]$/u.test(start) && /^[\p{L}\p{N}]/u.test(title.slice(start.length))
  return isInside ? start.replace(/[\p{L}\p{N}]+$/u, '') : start
}

/**
 * Breaks text into lines of at most `width` columns: `first` stands before the first line, `rest`
 * before the others. Scripts without spaces break between their characters, and so does a word
 * longer than a line; an address stays whole, however long.
 */
export function wrapText(text: string, width: number, first = '', rest = ''): string {
  const lines: string[] = []
  let line = first
  let used = widthOf(first)
  let empty = true
  const add = (part: string, columns: number, apart: boolean) => {
    const gap = empty || !apart ? '' : ' '
    if (!empty && used + gap.length + columns > width) {
      lines.push(line.trimEnd())
      line = rest + part
      used = widthOf(rest) + columns
    } else {
      line += gap + part
      used += gap.length + columns
    }
    empty = false
  }
  const room = width - Math.max(widthOf(first), widthOf(rest))
  for (const word of text.split(' ')) {
    if (NARROW.test(word) && (word.length <= room || ADDRESS.test(word))) add(word, word.length, true)
    else for (const [index, { part, columns }] of breakWord(word, room).entries()) add(part, columns, index === 0)
  }
  if (line.trim() !== '' || lines.length === 0) lines.push(line.trimEnd())
  return lines.join('\n')
}

/**
 * Returns how many columns a text takes where letters are of one width: ideographs and most emoji
 * take two.
 */
export function widthOf(text: string): number {
  if (NARROW.test(text)) return text.length
  let columns = 0
  for (const segment of graphemesOf(text)) columns += columnsOf(segment)
  return columns
}

/** Returns the line, from 1, at which an offset stands. */
export function lineOf(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length
}

/** Cuts a word where a line may end inside it. */
function breakWord(word: string, width: number): { part: string; columns: number }[] {
  const parts: { part: string; columns: number }[] = []
  let last = { part: '', columns: 0 }
  let before = ''
  for (const segment of graphemesOf(word)) {
    const own = columnsOf(segment)
    const mayBreak = own === 2 && columnsOf(before) === 2 && !NEVER_FIRST.has(segment) && !NEVER_LAST.has(before)
    if (last.part !== '' && (mayBreak || last.columns + own > width)) {
      parts.push(last)
      last = { part: '', columns: 0 }
    }
    last.part += segment
    last.columns += own
    before = segment
  }
  return [...parts, last]
}

function columnsOf(grapheme: string): number {
  // Most of what is asked for: the expression knows every script and takes its time.
  if (grapheme.length === 1) {
    const code = grapheme.charCodeAt(0)
    if (code < FIRST_WIDE) return 1
    if (code >= IDEOGRAPHS.first && code <= IDEOGRAPHS.last) return 2
  }
  return WIDE.test(grapheme) ? 2 : 1
}

/** `whole` tells that a word ends exactly where `kept` does. */
function cutAtWordEnd(kept: string, whole: boolean): string {
  const space = kept.lastIndexOf(' ')
  // A single very long word is cut where it is: half a line lost would say less.
  const cut = whole || space < kept.length / 2 ? kept : kept.slice(0, space)
  return `${cut.replace(TRAILING_PUNCTUATION, '')}…`
}

/** Some controls are spaces at heart: line ends and tabs hold words apart. */
function dropButSpaces(character: string): string {
  return /\s/.test(character) && character !== '\ufeff' ? ' ' : ''
}
