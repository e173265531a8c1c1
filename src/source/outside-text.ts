// Cleans text that strangers wrote. Everything a source says passes here once and never leaves with
// a character that hides, reorders or breaks what a reader sees. It escapes nothing: that belongs
// to whoever prints.
import { graphemesOf } from './graphemes.ts'

/** Longest title kept, in graphemes: the longest ever seen has 206 characters. */
export const TITLE_MAX = 300
/**
 * Longest abstract kept, in graphemes: three times the longest ever seen. What of it a mail shows
 * is decided where it is rendered, by the mail's size.
 */
export const ABSTRACT_MAX = 6000
/** Longest summary kept, in graphemes: one sentence, even a long one. */
export const SUMMARY_MAX = 400
/** Longest name of an author, an organisation or a keyword, in graphemes. */
export const NAME_MAX = 120

/**
 * Code units allowed for each grapheme on average, so that giant clusters cannot smuggle in
 * megabytes.
 */
const UNITS_PER_GRAPHEME = 8
/**
 * Share of the cap that a cut may give up to end at a word; a text with longer words is cut inside
 * one.
 */
const WORD_END_SHARE = 0.8
const SPACE = /[^\S\uFEFF]|\u0085/gu
const ESCAPE = '\u001b'
const ENDS = `(?:\u0007|${ESCAPE}\\\\|\u009c)`
/** What moves a terminal's cursor, colours its letters or names its window. */
const TERMINAL = new RegExp(
  [
    `(?:${ESCAPE}\\[|\u009b)[0-?]{0,32}[ -/]{0,4}[@-~]`,
    `${ESCAPE}[\\]PX^_][^\u0007${ESCAPE}\u009c]{0,200}${ENDS}`,
    `${ESCAPE}[()*+][0-9A-Z]`,
  ].join('|'),
  'g',
)
/** Colours that lost their first character on the way, told by the one that ends them. */
const COLOURS = /(?<![[\d;])\[(?:\d{1,3}(?:;\d{1,3}){0,8})?m/g
/**
 * Controls, formats (bidi, zero-width, tags), private use, lone surrogates, noncharacters and
 * whatever else draws nothing.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}]/gu
/**
 * Scripts whose letters join: between two of them a joiner or non-joiner is spelling (می‌خواهم,
 * क्‍ष), anywhere else it hides something.
 */
const JOINING = new RegExp(
  `^(?=[\\p{L}\\p{M}])(?:${'Arab Syrc Nkoo Mand Mong Phag Adlm Rohg Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Mymr Khmr Tibt Java Bali Sund'
    .split(' ')
    .map((script) => `\\p{scx=${script}}`)
    .join('|')})$`,
  'u',
)
/** After these the letter's shape depends on the joiner, also at a word's end. */
const VIRAMA = /^[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca]$/
/**
 * What emoji need: a sign of presentation, and the joiner without which a family falls apart into
 * its members. Only between emoji; flags of regions lose their hidden letters, which could spell
 * anything.
 */
const EMOJI_PRESENTATION = /[\p{Extended_Pictographic}0-9#*]$/u
const EMOJI_JOIN_BEFORE = /\p{Extended_Pictographic}[\uFE0F\u{1F3FB}-\u{1F3FF}]?$/u
const EMOJI_JOIN_AFTER = /^\p{Extended_Pictographic}/u
const THOUGHT = /<(\/?)think(?:ing)?>/gi
/** A sentence, or the better part of one. */
const SPOKEN = /\p{L}[.!?]\s*$|(?<!\p{L})(?:\p{L}+[^\p{L}]+){4}\p{L}/u
/** So much of each end of a thought tells that it is one: no look at a text goes on for long. */
const THOUGHT_END_UNITS = 400
/** No abstract with all its thoughts is longer. */
const THOUGHT_TEXT_UNITS = 200_000
/**
 * More marks than any writing system stacks on one letter: the fifth and later ones only climb over
 * other lines.
 */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu

/**
 * Returns `text` as one clean line in NFC; '' when nothing visible is left. Cleaning twice changes
 * nothing more.
 */
export function cleanLine(text: string): string {
  const clean = cleanOnce(text)
  // Marks that went may leave a joiner where it no longer spells anything.
  return /[\u200C\u200D]/.test(clean) && clean !== text ? cleanLine(clean) : clean
}

function cleanOnce(text: string): string {
  const visible = text
    .replace(TERMINAL, '')
    .replace(SPACE, ' ')
    .replace(/([\u200C\u200D])[\u200C\u200D]+/g, '$1')
    .replace(INVISIBLE, keepWhereItSpells)
  return (visible.includes('[0m') ? visible.replace(COLOURS, '') : visible)
    .normalize('NFC')
    .replace(STACKED_MARKS, (_run, first: string) => first)
    .replace(/\s+/gu, ' ')
    .trim()
}

/**
 * Returns `text` cleaned and at most `max` graphemes long, cut at a word's end and closed with an
 * ellipsis.
 */
export function cleanText(text: string, max: number): string {
  // Nothing past this many units can survive the cap, and a hostile megabyte is not worth cleaning.
  const room = max * UNITS_PER_GRAPHEME
  return capGraphemes(cleanLine(text.length > room * 4 ? text.slice(0, room * 4) : text), max)
}

/**
 * Returns text without what a model thought aloud before it answered. A text that talks about the
 * tags ("between <think> and </think>") keeps them; '' when the thought never ends.
 */
export function withoutThought(whole: string): string {
  const text = whole.slice(0, THOUGHT_TEXT_UNITS)
  let out = ''
  let end = 0
  let open: RegExpExecArray | undefined
  for (const tag of text.matchAll(THOUGHT)) {
    if (tag[1] === '') {
      open ??= tag
      continue
    }
    const after = tag.index + tag[0].length
    const start = open?.index ?? 0
    const said = text.slice(open ? start + open[0].length : end, tag.index)
    // At the beginning nothing else can stand there; its own opening may have been lost.
    const isFirst = text.slice(0, start).trim() === ''
    const isThought = open
      ? isFirst || isSpoken(said)
      : end === 0 &&
        /[.!?]\s*$/.test(said.slice(-THOUGHT_END_UNITS)) &&
        /^\s*\p{Lu}/u.test(text.slice(after, after + 40))
    if (isThought) {
      out += text.slice(end, start)
      end = after
    }
    open = undefined
  }
  const isEndless = open !== undefined && (out + text.slice(end, open.index)).trim() === ''
  return isEndless ? '' : out + text.slice(end)
}

function isSpoken(said: string): boolean {
  return SPOKEN.test(said.slice(0, THOUGHT_END_UNITS)) || SPOKEN.test(said.slice(-THOUGHT_END_UNITS))
}

function capGraphemes(text: string, max: number): string {
  const room = max * UNITS_PER_GRAPHEME
  if (text.length <= max) return text
  // The unit cap bounds a text whose clusters are absurdly long; it never touches honest writing.
  const unitsMax = text.length > room ? room - 1 : room
  let count = 0
  let beforeLast = 0
  let index = 0
  for (const grapheme of graphemesOf(text)) {
    if (count === max - 1) beforeLast = index
    count += 1
    if (index + grapheme.length > unitsMax) return shorten(text, count > max - 1 ? beforeLast : index)
    if (count > max) return shorten(text, beforeLast)
    index += grapheme.length
  }
  return text
}

/**
 * Cuts at the last word's end before `end`, or at `end` itself when that would give up too much.
 * No joiner stays at the end: what it joined to has gone.
 */
function shorten(text: string, end: number): string {
  const whole = text.slice(0, end)
  const space = text[end] === ' ' ? end : whole.lastIndexOf(' ')
  const kept = space >= end * WORD_END_SHARE ? whole.slice(0, space) : whole
  return `${kept.replace(/[\u200C-\u200D\s.…,;:–—-]+$/u, '')}…`
}

function keepWhereItSpells(character: string, at: number, text: string): string {
  const before = text.slice(Math.max(0, at - 4), at)
  if (character === '\uFE0F' || character === '\uFE0E') return EMOJI_PRESENTATION.test(before) ? character : ''
  if (character !== '\u200C' && character !== '\u200D') return ''
  const letter = Array.from(before).at(-1) ?? ''
  if (VIRAMA.test(letter)) return character
  const [next = ''] = text.slice(at + 1, at + 3)
  if (JOINING.test(letter) && JOINING.test(next)) return character
  if (character === '\u200C') return ''
  return EMOJI_JOIN_BEFORE.test(before) && EMOJI_JOIN_AFTER.test(next) ? character : ''
}
