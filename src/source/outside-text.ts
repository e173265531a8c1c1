// Cleans text that strangers wrote. Everything a source says passes here once and never leaves with
// a character that hides, reorders or breaks what a reader sees. It escapes nothing: that belongs
// to whoever prints.

/** Longest title kept, in graphemes: the longest ever seen has 206 characters. */
export const TITLE_MAX = 300
/** Longest abstract kept, in graphemes: what a full card can show. */
export const ABSTRACT_MAX = 1200
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
/** Words that end in a full stop without ending a sentence. */
const ABBREVIATIONS =
  /(?:^|[\s(])(?:e\.g|i\.e|et al|al|etc|vs|cf|fig|figs|eq|eqs|sec|resp|approx|ca|dr|prof|st|no|dept|inc|ltd|\p{Lu})\.$/iu

const SPACE = /[^\S\uFEFF]|\u0085/gu
/**
 * Controls, formats (bidi, zero-width, tags), private use, lone surrogates, noncharacters and
 * whatever else draws nothing.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}]/gu
/** The two invisible characters that emoji need, only where an emoji needs them. */
const EMOJI_PRESENTATION = /[\p{Extended_Pictographic}0-9#*]$/u
const EMOJI_JOIN_BEFORE = /\p{Extended_Pictographic}[\uFE0F\u{1F3FB}-\u{1F3FF}]?$/u
const EMOJI_JOIN_AFTER = /^\p{Extended_Pictographic}/u
/**
 * More marks than any writing system stacks on one letter: the fifth and later ones only climb over
 * other lines.
 */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * Returns `text` as one clean line in NFC; '' when nothing visible is left. Cleaning twice changes
 * nothing more.
 */
export function cleanLine(text: string): string {
  return text
    .replace(SPACE, ' ')
    .replace(INVISIBLE, keepInsideEmoji)
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

/** Returns the first sentence of a cleaned text, or all of it when no sentence ends inside. */
export function firstSentence(text: string): string {
  for (const end of text.matchAll(/[.!?]["'”’)\]]*(?=\s+["'“‘([$\\]?[\p{Lu}\p{N}$\\])/gu)) {
    const sentence = text.slice(0, end.index + end[0].length)
    if (end[0].startsWith('.') && ABBREVIATIONS.test(text.slice(0, end.index + 1))) continue
    return sentence
  }
  return text
}

function capGraphemes(text: string, max: number): string {
  const room = max * UNITS_PER_GRAPHEME
  if (text.length <= max) return text
  // The unit cap bounds a text whose clusters are absurdly long; it never touches honest writing.
  const unitsMax = text.length > room ? room - 1 : room
  let count = 0
  let beforeLast = 0
  for (const { index, segment } of graphemes.segment(text)) {
    if (count === max - 1) beforeLast = index
    count += 1
    if (index + segment.length > unitsMax) return shorten(text, count > max - 1 ? beforeLast : index)
    if (count > max) return shorten(text, beforeLast)
  }
  return text
}

/**
 * Cuts at the last word's end before `end`, or at `end` itself when that would give up too much.
 */
function shorten(text: string, end: number): string {
  const whole = text.slice(0, end)
  const space = text[end] === ' ' ? end : whole.lastIndexOf(' ')
  const kept = space >= end * WORD_END_SHARE ? whole.slice(0, space) : whole
  return `${kept.replace(/[\s.…,;:–—-]+$/u, '')}…`
}

function keepInsideEmoji(character: string, at: number, text: string): string {
  const before = text.slice(Math.max(0, at - 4), at)
  if (character === '\uFE0F' || character === '\uFE0E') return EMOJI_PRESENTATION.test(before) ? character : ''
  if (character !== '\u200D') return ''
  return EMOJI_JOIN_BEFORE.test(before) && EMOJI_JOIN_AFTER.test(text.slice(at + 1, at + 3)) ? character : ''
}
