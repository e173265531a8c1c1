// Takes running text apart into its sentences. Knows the full stops that end none: abbreviations,
// initials, decimals, numbered points, addresses. Changes no character but the spaces between.
import { shortenToLength } from './text.ts'

/** What may end a sentence, with the quotes and brackets that close behind it. */
const STOP = /[.!?…]+["'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*/gu
/** A full stop that lost its space: only before the words that most often begin a sentence. */
const LOST_SPACE =
  /(?<=\p{Ll}{3}|[\p{N})\]])\.(?=(?:We|Our|This|These|In|To|The|However|Experiments?|Extensive|It|By|For|With|Through|Using|Based|Drawing|Building|While|Although|Specifically|Moreover|Furthermore|Additionally|Finally)\b)/gu
/** What may stand before a sentence's first word. */
const OPENING = /^["'“‘«([{*]+/u
/**
 * Words that seldom follow an abbreviation inside a sentence, and often begin the next one. Case
 * counts.
 */
const BEGINNING =
  /^(?:We|Our|This|These|Those|In|To|The|However|Moreover|Furthermore|Additionally|Specifically|Finally|Experiments?|Extensive|Results?|It|Its|By|For|While|Although|Despite|Code|Project|Unlike|Instead|Here|There|Such|On|At|With|When|If|As|Through|Using|Based|Inspired|Building|Importantly|Notably|Yet|But|Thus|Hence|Therefore)\b/

/** These announce something, wherever they stand. */
const NEVER_LAST =
  /(?:^|[\s(["“‘/])(?:e\.\s?g|i\.\s?e|a\.\s?k\.\s?a|viz|vs|v\.s|cf|c\.f|w\.\s?r\.\s?t|s\.\s?t|incl|resp|dr|prof|mr|mrs)\.$/i
/** In small or in capital letters these are milliseconds, and machine translation. */
const BEFORE_NAME = /(?:^|[\s(["“‘/])(?:Ms|St|Mt)\.$/
/** These announce a number. */
const BEFORE_NUMBER =
  /(?:^|[\s(["“‘~])(?:figs?|eqs?|eqns?|secs?|sect|tabs?|refs?|alg|algs|app|appx|chap|ch|def|thm|lem|prop|cor|nos?|nr|vol|vols|pp?|ver|v|approx|ca|circa|est|max|min|avg|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|arxiv)\.$/i
/** These end a sentence only where the next one plainly begins. */
const SELDOM_LAST =
  /(?:^|[\s(["“‘~-])(?:et\.?\s?al|al|\p{Lu}|(?:\p{L}\.){1,4}\p{L}|ph\.?d|m\.?sc|b\.?sc|inc|ltd|corp|co|bros|univ|dept|est|gov|gen|sen|jr|sr|lt|col|figs?|eqs?|secs?|approx|ca)\.$/iu
/** All that a numbered point has before its words: `1.`, `(ii).`, `b.` */
const POINT = /^[([]?(?:\d{1,2}|[ivx]{1,4}|\p{L})[)\]]?\.$/iu
/** A bracket that closes within this many characters holds whatever stands in it together. */
const BRACKETED_MAX = 200
/** Longer than any abbreviation and any first word: what is looked at on either side of an end. */
const AROUND_MAX = 250

/**
 * Returns the sentences of a clean line in order; [] for an empty one. A text without an end is one
 * sentence.
 */
export function splitSentences(text: string): string[] {
  const sentences: string[] = []
  let start = 0
  for (const end of endsOf(text)) {
    const sentence = text.slice(start, end).trim()
    if (sentence === '' || !endsSentence(sentence, text.slice(end, end + AROUND_MAX).trimStart())) continue
    sentences.push(sentence)
    start = end
  }
  const last = text.slice(start).trim()
  return last === '' ? sentences : [...sentences, last]
}

/** Lists the offsets behind everything that may end a sentence. */
function endsOf(text: string): number[] {
  const ends = [STOP, LOST_SPACE].flatMap((sign) =>
    [...text.matchAll(sign)].map(({ 0: { length }, index }) => index + length),
  )
  return ends.sort((a, b) => a - b)
}

/** Tells whether the sentence may end here, before what comes next. */
function endsSentence(sentence: string, rest: string): boolean {
  if (!isBeginning(rest) || POINT.test(sentence) || isInBracket(sentence, rest)) return false
  if (!sentence.endsWith('.')) return true
  const end = sentence.slice(-AROUND_MAX)
  if (NEVER_LAST.test(end) || BEFORE_NAME.test(end)) return false
  if (BEFORE_NUMBER.test(end) && /^[[(]?\p{N}/u.test(rest)) return false
  return !SELDOM_LAST.test(end) || BEGINNING.test(rest)
}

/**
 * Sentences begin with a capital, a digit, a sign, or a name of its own spelling: dLLM, π₀. An
 * address behind a sentence is none of it.
 */
function isBeginning(rest: string): boolean {
  if (/^https?:/.test(rest)) return true
  const word = /^[^\s,.;:]*/.exec(rest.replace(OPENING, ''))?.[0] ?? ''
  if (!/^\p{Ll}/u.test(word)) return /[\p{L}\p{N}$\\]/u.test(word)
  return /^[^a-z]|^[a-z-]+[\p{Lu}\p{N}@^_]/u.test(word)
}

function isInBracket(sentence: string, rest: string): boolean {
  const open = count(sentence, /[([]/g) - count(sentence, /[)\]]/g)
  if (open <= 0) return false
  const close = /^[^()[\]]*[)\]]/.exec(rest)
  return close !== null && close[0].length <= BRACKETED_MAX
}

function count(text: string, sign: RegExp): number {
  return text.match(sign)?.length ?? 0
}

/**
 * Cuts a clean line to at most `max` UTF-16 code units behind a sentence; a first sentence that is
 * longer is cut inside. Shorter text is returned as it is.
 */
export function shortenToSentence(text: string, max: number): string {
  if (text.length <= max) return text
  let kept = ''
  for (const sentence of splitSentences(text)) {
    const longer = kept === '' ? sentence : `${kept} ${sentence}`
    if (longer.length > max) break
    kept = longer
  }
  return kept === '' ? shortenToLength(text, max) : kept
}
