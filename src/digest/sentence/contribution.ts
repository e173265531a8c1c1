// Finds the sentence of an abstract that tells what the paper contributes or what it found: by the
// words in which authors announce it, the same answer on every machine.
import { splitSentences } from '../text/sentences.ts'
import { LONE_POINT, standAlone } from './clause.ts'

const PAPER = 'paper|work|study|survey|article|(?:technical )?report|review|thesis|research|position paper|tutorial'
/** Whoever acts in this paper: its authors, or the paper itself. */
const OURS = String.raw`\b(?:we|(?:this|the present) (?:${PAPER})|our (?:\p{L}[\p{L}-]* ){0,2}(?:${PAPER}|approach|method|framework|analys[ie]s|evaluations?|experiments?|findings|results?))\b`
/** What may stand between the one who acts and the verb: `we thus first propose`. */
const BETWEEN = String.raw`(?:,[^,]{0,40},)?(?: (?:also|first|then|next|further|thus|hence|therefore|here|now|instead|\p{Ll}+ly|aim to|seek to|(?:are|is) the first to|and))*`

/** What the authors say that they do: the plainest first, what any study does last. One counts. */
const ANNOUNCEMENTS: readonly (readonly [cue: RegExp, weight: number])[] = [
  [says('introduc(?:e|es)|propos(?:e|es)|presents?'), 10],
  [says('(?:develop|describe|build|construct|design|offer|provide|create|contribute|release)s?'), 7],
  [says(String.raw`\p{L}+ .{0,150}\band (?:thus |further )?(?:introduce|propose|present|develop)s?`), 7],
  [says(String.raw`\p{L}+ .{0,150}\bby (?:introducing|proposing|presenting|developing|demonstrating|showing)`), 8],
  [
    says(
      '(?:recast|reframe|formali[sz]e|reformulate|bridge|break|fill|rethink|challenge|generali[sz]e|extend|unif(?:y|ie))s?',
    ),
    6,
  ],
  [
    says(
      '(?:show|demonstrate|prove|find|found|reveal|argue|identif(?:y|ie)|uncover|discover|hypothesi[sz]e|confirm)s?|establish(?:es)?',
    ),
    6,
  ],
  [/\b(?:is|are) (?:presented|proposed|introduced|described|developed)\b/i, 5],
  [
    says(
      '(?:survey|review|stud(?:y|ie)|investigate|examine|explore|analy[sz]e|systemati[sz]e|categori[sz]e|perform|conduct|tackle|revisit)s?|address(?:es)?',
    ),
    4,
  ],
  [
    says(
      '(?:evaluate|validate|compare|measure|test|use|train|employ|leverage|derive|combine|adapt|appl(?:y|ie)|integrate|push)s?|push(?:es)?',
    ),
    2,
  ],
]
/** Announced before anything else is said, it is the paper's own summary. */
const OPENING_WEIGHT = 3

/** What else speaks for a sentence or against it. All of it counts. */
const SIGNS: readonly (readonly [sign: RegExp, weight: number])[] = [
  [
    new RegExp(
      String.raw`\b(?:in|with|by|through) this (?:${PAPER})\b|^(?:(?:the|this) (?:present )?|our )(?:${PAPER})\b|^here,? we\b`,
      'i',
    ),
    3,
  ],
  [/\b(?:the first|novel|new)\b/i, 1],
  // The problem that it answers was told before.
  [
    /^(?:to|in order to) \p{Ll}+(?: \p{Ll}+)? (?:this|these|such|the) (?:[\p{Ll}-]+ )?(?:gap|need|issue|problem|challenge|limitation|shortcoming|question|bottleneck|barrier|difficult|drawback|concern|deficienc|weakness|obstacle)/iu,
    5,
  ],
  [/^(?:to (?:this|that) end|motivated by|in response)\b/i, 3],
  [/^to (?:address|bridge|fill|overcome|tackle|rectify|remedy|mitigate) (?:this|these|it|them|that),/i, 5],
  // Results.
  [
    /\b(?:results?|experiments?|evaluations?|findings?|analys[ie]s)\b.{0,90}\b(?:show|demonstrate|reveal|confirm|suggest|indicate|highlight)s?\b/iu,
    3,
  ],
  [/\b(?:outperform|achieve|improve|reduce|reache)s?\b|\bsurpass(?:es)?\b|state-of-the-art/i, 2],
  [/\d(?:\.\d+)? ?(?:%|x\b|×|points?\b|times\b)/, 1],
  // Parts of it, and ways to it.
  [
    /^(?:furthermore|moreover|additionally|in addition|besides|also|finally|lastly|first|second|third|next|then|beyond|as a result|overall)\b/i,
    -5,
  ],
  [/\b(?:we|it|work) (?:also|further|additionally|finally|then|next)\b/i, -5],
  [/\bwe (?:first|begin|start)\b/i, -3],
  [
    /^(?:specifically|concretely|in particular|technically|for (?:example|instance)|at the core|central to|initially|accordingly)\b/i,
    -4,
  ],
  [/^(?:to|for|in order to|towards?) (?!the best|this end|that end)/i, -3],
  [/^(?:using|utilizing|given|starting from|instead of|unlike|by)\b/i, -2],
  [/^[([]?(?:[2-9]|ii|iii|iv|b|c)[)\].] /i, -6],
  [new RegExp(`^(?:it|its|they|their|these|this|such|those) (?!${PAPER})`, 'i'), -3],
  [new RegExp(String.raw`\b(?:of|to|for|in|by|about|behind) (?:this|these|such) (?!${PAPER})`, 'i'), -2],
  [/\bablat(?:e|ions?)\b/i, -4],
  // Nothing that a reader learns from.
  [/\b(?:effectiveness|superiority|validity) of (?:our|the proposed|this|the)\b/i, -4],
  [/\bwe (?:hope|believe|expect|plan|release|open-source|make|maintain)\b|\bfirst step\b/i, -4],
  [/\binsights? (?:in)?to\b|\binsights? for\b/i, -3],
  [/[:;]$/, -5],
  // Background: others, the field, the past.
  [
    /^(?:however|yet|but|nevertheless|nonetheless|despite|although|while|though|unfortunately|existing|current|previous|prior|recent|recently|traditional|conventional|most|many)\b/i,
    -4,
  ],
  [
    /\b(?:remain|pose|suffer|struggle|lack|hinder|overlook)(?:s|ed)?\b|\blimited (?:by|to)\b|\bchallenging\b|\b(?:unexplored|underexplored)\b/i,
    -2,
  ],
  [
    /\bha(?:s|ve) (?:been|shown|emerged|become|demonstrated|achieved|made|revolutionized|led|attracted)\b|\bis (?:crucial|essential|critical|vital|important)\b/i,
    -3,
  ],
]

/** Points back, with the words that it points by: these signals, such an attack. */
const POINTER = new RegExp(
  String.raw`\b(?:this|these|those|such|the (?:latter|former|above)) (?!(?:${PAPER}|as|end|way|that|who|which|of)\b)(?:an? )?((?:[\p{L}-]+ ?){1,3})`,
  'giu',
)
/** That there was a trouble anybody knows: the sentence tells what was done about it. */
const TROUBLE =
  /\b(?:gap|issue|problem|challenge|limitation|question|barrier|bottleneck|difficult(?:y|ie)|drawback|shortcoming|need|goal)s?\b/i
/** Unless that is all it tells: `We propose Wick to address this issue.` */
const TOLD_MIN = 10
/** Told right there: `this regime of flows`. */
const TOLD_THERE = /^\S+ (?:\S+ )?of\b/i
const LEANS_WEIGHT = -3

/** That there are some, and not which. */
const COUNTS_ALONE =
  /\b(?:two|three|four|five|six|several|following|main|key) (?:[\p{L}-]+ ){0,2}(?:ways|techniques|findings|contributions|innovations|components|steps|stages|properties|advantages|insights|parts|aspects|modules|mechanisms|designs|strategies|observations|experiments|questions|problems|challenges|tasks|reasons)\.?$/iu
/** A longer sentence says what for. */
const COUNTS_MAX = 12
/** `To bridge this gap, we introduce Wick.` */
const BRIEF_MAX = 8
const SAYS_LITTLE_WEIGHT = -4
/** The first of some points may be the one that the next takes back. */
const HALF_WEIGHT = -8

/** Where to get it, and what else is about: never what it is. */
const WHEREABOUTS =
  /^(?:(?:the|our|all|project|home|source|data|code|model|more|official|blog|web|demo)[^.]{0,60})?\b(?:codes?|datasets?|data|models?|weights|checkpoints|website|webpage|homepage|page|demos?|videos?|samples?|implementation|resources|information|toolkit)\b[^.]{0,80}(?:\b(?:available|released|found|open-sourced|accessible|public|located?s?|at)\b|: ?https?:)|https?:\/\/\S+$|\b(?:available|releas\p{Ll}+|maintain\p{Ll}*|hosted?|accessible|open-sourced?|published|visit|see)\b.{0,80}\b(?:github|repository)\b|\bour (?:github|repository)\b|\b(?:github|repository)\b.{0,60}\b(?:available|accessible|releas|maintain)/iu
/** A sentence of fewer words says too little to stand alone. */
const WORDS_MIN = 6
/** Below this nothing announces itself: an essay, whose conclusion stands at its end. */
const SCORE_MIN = 2
/** The earlier of two like sentences is the more general one. */
const LATER = 0.15
/** What the title calls its own before a colon, and what that says of itself. */
const NAME_WEIGHT = 4
const NAME_SAYS_WEIGHT = 3
const NAME_SAYS =
  /^ ?(?:\([^)]*\) ?)?(?:introduces|presents|proposes|offers|provides|addresses|enables|is (?:an?|the))\b/i
const NAME_WORDS_MAX = 4
const OWN_SPELLING = /\p{L}\p{Lu}|\p{L}-?\d/u

/**
 * Returns the sentence of an abstract that stands for the paper, as it is written there; '' for an
 * empty one. The title tells what the paper calls its own.
 */
export function findContribution(abstract: string, title = ''): string {
  const sentences = splitSentences(abstract)
  const name = nameIn(title)
  let best = { sentence: '', score: SCORE_MIN }
  for (const [index, sentence] of sentences.entries()) {
    if (!isSaying(sentence)) continue
    const score = scoreOf(sentence, name, index)
    if (score > best.score) best = { sentence, score }
  }
  return best.sentence || (sentences.findLast(isSaying) ?? sentences[0] ?? '')
}

function isSaying(sentence: string): boolean {
  return wordsIn(sentence) >= WORDS_MIN && !WHEREABOUTS.test(sentence)
}

function scoreOf(sentence: string, name: string, index: number): number {
  const alone = standAlone(sentence)
  const announced = ANNOUNCEMENTS.find(([cue]) => cue.test(sentence))?.[1] ?? 0
  const opening = index === 0 && announced > 0 ? OPENING_WEIGHT : 0
  const signs = SIGNS.reduce((sum, [sign, weight]) => (sign.test(sentence) ? sum + weight : sum), 0)
  const leaning = leans(alone) ? LEANS_WEIGHT : 0
  const words = wordsIn(alone)
  const isLittle = words <= BRIEF_MAX || (words <= COUNTS_MAX && COUNTS_ALONE.test(alone))
  const little = (isLittle ? SAYS_LITTLE_WEIGHT : 0) + (LONE_POINT.test(alone) ? HALF_WEIGHT : 0)
  return announced + opening + signs + leaning + little + nameScore(sentence, name) - index * LATER
}

/**
 * Tells whether a sentence points back at what was said before it, and not at what it says itself:
 * `images … these images`.
 */
function leans(sentence: string): boolean {
  const isBrief = wordsIn(sentence) < TOLD_MIN
  return [...sentence.matchAll(POINTER)].some(({ index, 1: by = '' }) => {
    const before = sentence.slice(0, index).toLowerCase()
    const isHere = by
      .split(' ')
      .some((word) => word.length > 3 && before.includes(word.toLowerCase().replace(/s$/, '')))
    return !isHere && !TOLD_THERE.test(by) && (isBrief || !TROUBLE.test(by))
  })
}

function nameScore(sentence: string, name: string): number {
  const at = name === '' ? -1 : sentence.toLowerCase().indexOf(name)
  if (at < 0) return 0
  return NAME_WEIGHT + (NAME_SAYS.test(sentence.slice(at + name.length)) ? NAME_SAYS_WEIGHT : 0)
}

/** A short name, or its first word where that is spelt as no common word is. */
function nameIn(title: string): string {
  const name = /^([^:]+):/.exec(title)?.[1]?.trim() ?? ''
  const first = name.split(' ')[0] ?? ''
  if (OWN_SPELLING.test(first)) return first.toLowerCase()
  return wordsIn(name) <= NAME_WORDS_MAX ? name.toLowerCase() : ''
}

function says(verbs: string): RegExp {
  return new RegExp(`${OURS}${BETWEEN} (?:${verbs})\\b`, 'iu')
}

function wordsIn(text: string): number {
  return text.split(/\s+/).filter((word) => word !== '').length
}
