// Text from outside made fit to print: cleaned, cut at word ends, wrapped. Never escapes: that is the template's work alone.

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
// Controls, lone surrogates, bidi overrides and isolates, and the byte order mark: nothing a reader should see the effect of.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\ufeff]/gu
const TRAILING_PUNCTUATION = /[\s\p{Pd},;:.(\u2026]+$/u

/** Returns one clean line: whitespace collapsed, characters that steer instead of saying something removed. The one door for outside text. */
export function cleanText(text: string): string {
  return text.replace(/\s+/g, ' ').replace(UNPRINTABLE, '').trim()
}

/** Cuts to at most `max` graphemes, at a word end where one is near, with an ellipsis. Shorter text is returned as it is. */
export function shorten(text: string, max: number): string {
  // Never more graphemes than code units: most texts are settled without looking.
  if (text.length <= max) return text
  const kept: string[] = []
  let fits = true
  for (const { segment } of graphemes.segment(text)) {
    if (kept.length === max) {
      fits = false
      break
    }
    kept.push(segment)
  }
  if (fits) return text
  return cutAtWordEnd(kept.slice(0, -1).join(''), kept.at(-1) === ' ')
}

/** Cuts to at most `max` UTF-16 code units, never inside a grapheme: for limits that count characters, as a subject's does. */
export function shortenToLength(text: string, max: number): string {
  if (text.length <= max) return text
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    if (kept.length + segment.length + 1 > max) return cutAtWordEnd(kept, segment === ' ')
    kept += segment
  }
  return text
}

/** Returns what people call a paper: the part of its title before a colon where that is short, else the title cut to `max` characters. */
export function shortTitle(title: string, max: number): string {
  const name = /^(.{2,}?)\s*[:：]/u.exec(title)?.[1]
  return name !== undefined && name.length <= max ? name : shortenToLength(title, max)
}

/**
 * Breaks text into lines of at most `width` characters: `first` stands before the first line, `rest` before the others. A
 * word longer than a line is broken, as languages without spaces need; links do not belong in here.
 */
export function wrapText(text: string, width: number, first = '', rest = ''): string {
  const lines: string[] = []
  let line = first
  let empty = true
  const flush = () => {
    lines.push(line.trimEnd())
    line = rest
    empty = true
  }
  for (const word of text.split(' ').flatMap((each) => breakWord(each, width - Math.max(first.length, rest.length)))) {
    if (!empty && line.length + 1 + word.length > width) flush()
    line += empty ? word : ` ${word}`
    empty = false
  }
  if (!empty) flush()
  return lines.join('\n')
}

/** Returns the line, from 1, at which an offset stands. */
export function lineOf(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length
}

function breakWord(word: string, width: number): string[] {
  if (word.length <= width) return [word]
  const parts = ['']
  for (const { segment } of graphemes.segment(word)) {
    const last = parts.length - 1
    if ((parts[last] as string).length + segment.length > width) parts.push(segment)
    else parts[last] += segment
  }
  return parts
}

/** `whole` tells that a word ends exactly where `kept` does. */
function cutAtWordEnd(kept: string, whole: boolean): string {
  const space = kept.lastIndexOf(' ')
  // A single very long word is cut where it is: half a line lost would say less.
  const cut = whole || space < kept.length / 2 ? kept : kept.slice(0, space)
  return `${cut.replace(TRAILING_PUNCTUATION, '')}…`
}
