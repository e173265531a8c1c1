// Makes a sentence of an abstract stand alone: without what leads over to it, and short enough to
// be read at a glance, cut where a clause ends.

/** A sentence that is read at a glance. */
export const WORDS_MAX = 30
/** Less than this is no sentence any more: then rather cut inside a clause. */
const WORDS_MIN = 8

/** A point's number, with its bracket or full stop. */
const POINT = /^[([]?(?:\d{1,2}|[ivx]{1,4}|[a-h])[)\].] +(?=\p{L})/iu
/** Leads over from the sentence before, or says where one reads. */
const LEADING_OVER =
  /^(?:(?:(?:in|with|through) this \p{L}+(?: paper)?|here(?:in)?|specifically|concretely|in particular|thus|therefore|hence|accordingly|consequently|however|furthermore|moreover|additionally|in addition|instead|then|next|finally|overall|notably|remarkably|importantly|in response),?|(?!we |our )[^,]{3,90}\b(?:(?:this|these|such|the above|that)\b[^,]{0,60}?,|that)) (?=(?:in this|we|here|our|this)\b)/iu
/** As much before a name: `In line with such an evolution, AgentScope …` */
const LEADING_OVER_TO_A_NAME =
  /^(?!We |Our )[^,(–]{3,60}\b(?:this|these|such|the above)\b[^,(–]{0,60}, (?=\p{Lu}\S*\p{Lu}\S* (?!and\b)\p{Ll})/u
/** Says why, which goes only where the sentence is too long with it. */
const REASON =
  /^(?:to|for|by|given|using|unlike|motivated|inspired|based|building|drawing|instead|in contrast|due to)\b[^,]{3,160}, (?=we\b)/iu
const FILLER = /^(we|this \p{L}+) (?:thus|therefore|hence|then|also|further|additionally|first|finally|here) /iu
/** More than a name's letters. */
const ASIDE = / ?\((?![^()]{1,14}\))[^()]*\)/g

/** Where a clause ends, and the sentence may. Nothing that takes back what stands before. */
const CLAUSE_END =
  /(?<=[\p{L}\p{N})%"”’])(?:;|:| [–—-]|(?<=\p{Ll}{3})\.) |, (?=(?:which|where|thereby|thus|hence|with|including|such as|e\.g\.|i\.e\.|namely|so that|as well as|particularly|especially|even|and (?:we|it|they|show|demonstrate|find|introduce|propose|present|provide|develop|analy[sz]e|apply|release|achieve|improve|outperform)s?|surpass\p{Ll}+|\p{Ll}{2,}ing(?! (?:and|or)\b)(?= \p{L}))\b)/gu
/** Where at least a phrase does. */
const PHRASE_END = /,? (?=(?:that|which|while|where|by|to|for|with|without|through|via|across|from|and|on|in|over)\b)/gu
/** Nothing ends with these. */
const DANGLING =
  /(?:^|[\s(])(?:an?|the|of|to|and|or|by|with|for|in|on|at|from|into|as|that|which|where|while|when|whose|but|compared|based|along|together|designed|guided|grounded|solely|due|is|are|be|via|than|its|their|our|both|either|not|only|featuring|including|comprising|containing|namely|following|follows?|e\.g\.?|i\.e\.?|such|between|across|through|under|over|we|it|can|may|[([]?[ivx\d]{1,3}[)\]])$/iu

/** Announces points that the cut leaves out. */
const ANNOUNCEMENT =
  /,? (?:(?:most )?(?:importantly|notably)|featuring|including|comprising|containing|namely|covering the following \p{Ll}+)$/u
/** The first of some points without the second. */
export const LONE_POINT = /(?:^|[\s:])[([]?(?:1|i|a)\)(?!.*[\s:][([]?(?:2|ii|b)\))/u
/** It and what follows, behind a sentence that is whole without; or no more than its number. */
const FROM_LONE_POINT = /^((?:\S+ ){7,}\S*[^\s:]):? [([]?(?:1|i|a)\).*$/u
const LONE_NUMBER = /(?<= )[([]?(?:1|i|a)\) ?/u
/** The first of two adjectives, not the end of a clause: `a dynamic, evolving …` */
const HALF_A_PAIR = /\ban? [\p{L}-]+$/u

/** Returns the sentence without what led over to it, at most `WORDS_MAX` words long. */
export function standAlone(sentence: string): string {
  const bare = withoutLonePoint(withoutLead(sentence))
  if (isShort(bare)) return bare
  const brief = opened(bare.replace(REASON, '')).replace(ASIDE, '')
  return isShort(brief) ? brief : cut(brief, isShort)
}

/**
 * Cuts a sentence to at most `max` UTF-16 code units where a clause ends, or a phrase at least.
 * A shorter one is returned as it is.
 */
export function shortenToClause(sentence: string, max: number): string {
  return sentence.length <= max ? sentence : cut(sentence, (start) => start.length < max)
}

function withoutLead(sentence: string): string {
  let bare = sentence.replace(POINT, '')
  for (let before = ''; before !== bare; ) {
    before = bare
    bare = bare.replace(LEADING_OVER, '').replace(LEADING_OVER_TO_A_NAME, '').replace(FILLER, '$1 ')
  }
  return opened(bare)
}

function withoutLonePoint(sentence: string): string {
  if (!LONE_POINT.test(sentence)) return sentence
  const whole = sentence.replace(FROM_LONE_POINT, '$1.')
  if (whole !== sentence) return whole
  // Behind a colon the number belongs to a list, and its sentence says the half.
  return sentence.includes(':') ? sentence : sentence.replace(LONE_NUMBER, '')
}

function cut(sentence: string, fits: (start: string) => boolean): string {
  const clause = lastEnd(sentence, CLAUSE_END, fits)
  if (clause !== undefined) return `${clause}.`
  const phrase = lastEnd(sentence, PHRASE_END, fits) ?? wordsOf(sentence).slice(0, WORDS_MAX).join(' ')
  return `${phrase.replace(/[\s,;:.–—-]+$/u, '')}…`
}

/** Returns all before the last end that fits, undefined where there is none. */
function lastEnd(sentence: string, end: RegExp, fits: (start: string) => boolean): string | undefined {
  const starts = [...sentence.matchAll(end)].map(({ index }) =>
    sentence
      .slice(0, index)
      .replace(/[\s,;:–—-]+$/u, '')
      .replace(ANNOUNCEMENT, ''),
  )
  return starts.findLast((start) => fits(start) && wordsOf(start).length >= WORDS_MIN && isWhole(start))
}

function isWhole(start: string): boolean {
  if (DANGLING.test(start) || LONE_POINT.test(start) || HALF_A_PAIR.test(start)) return false
  return count(start, '(') === count(start, ')') && count(start, '"') % 2 === 0
}

function isShort(sentence: string): boolean {
  return wordsOf(sentence).length <= WORDS_MAX
}

function wordsOf(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

function count(text: string, sign: string): number {
  return text.split(sign).length - 1
}

/** A first word of its own spelling keeps it: `π₀`, `dLLM`. */
function opened(sentence: string): string {
  return sentence.replace(/^\p{Ll}[\p{Ll}’'-]*(?=[\s,])/u, (word) => word.charAt(0).toUpperCase() + word.slice(1))
}
