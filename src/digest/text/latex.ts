// LaTeX in outside text made readable: symbols in Unicode where there are some, plain words
// elsewhere. Money stays money. Sources also hand over LaTeX that lost its dollar signs and
// backslashes on the way ("256times256", "V_{0.5}"): that is mended where it cannot mean anything
// else.
import { readMath, readProse } from './latex-reading.ts'

/**
 * Reading again what was read changes nothing; one or two rounds settle honest text, more only text
 * made to need them.
 */
const ROUNDS_MAX = 8
/**
 * Nothing of these: no LaTeX, and nothing that was LaTeX once. Most texts end at these tests: one
 * by one they are the fastest.
 */
const SUSPICIOUS = [
  /[\\$^{}~`]|_[\p{L}\p{N}]|--|''/u,
  /\d ?times/,
  /sim ?\d|[lg]eq |boldsymbol/,
  /[^ a-z](?:approx|sim|[lg]eq)/,
  /\. % /,
]
/** Whatever is in an address is not LaTeX. */
const ADDRESS = /(https?:\/\/[^\s{}]+)/
const FORMULA =
  /\\\((?<round>.{0,400}?)\\\)|\\\[(?<square>.{0,400}?)\\\]|\$\$(?<display>[^$]{1,400})\$\$|(?<!\\)\$(?<inline>(?:[^$\\]|\\.){1,400})\$/gu

/**
 * Returns text with its LaTeX read out. Text that has none is returned as it is; text never becomes
 * empty. Reading twice changes nothing more.
 */
export function readLatex(text: string): string {
  if (!SUSPICIOUS.some((sign) => sign.test(text))) return text
  // Without its signs: for text that never settles, and for text that is all command and nothing to
  // say.
  return settle(text) || settle(text.replace(/[\\$^{}~`_]/g, '')) || text
}

/** Returns '' when the text still changes after the last round. */
function settle(text: string): string {
  let before = text
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const after = readOnce(before)
    if (after === before) return after
    before = after
  }
  return ''
}

function readOnce(text: string): string {
  return (
    text
      .replace(/\\url ?\{([^{}]*)\}/g, '$1')
      .replace(/\\href ?\{[^{}]*\} ?(?=\{)/g, '\\mbox')
      // What is left of \href{address}{words}.
      .replace(/(https?:\/\/[^\s{}]+)\{([^{}]*)\}/g, (_all, address: string, words: string) =>
        words === address || words === '' ? address : `${address} (${words})`,
      )
      .split(ADDRESS)
      .map((part, index) => (index % 2 === 1 ? part : readPart(part)))
      .join('')
      .replace(/ {2,}/g, ' ')
      .normalize('NFC')
      .trim()
  )
}

function readPart(part: string): string {
  let out = ''
  let end = 0
  for (const match of part.matchAll(FORMULA)) {
    const { round, square, display, inline } = match.groups as Record<string, string | undefined>
    const before = part.slice(0, match.index)
    const after = part.slice(match.index + match[0].length)
    if (inline !== undefined && !isFormula(inline, before, after)) continue
    out += readWords(part.slice(end, match.index)) + readMath(round ?? square ?? display ?? inline ?? '')
    end = match.index + match[0].length
  }
  return applyRules(TYPE, out + readWords(part.slice(end)))
}

/** Tells a formula from what stands between two prices. */
function isFormula(inside: string, before: string, after: string): boolean {
  const opensWide = inside.startsWith(' ')
  if (opensWide !== inside.endsWith(' ')) return false
  // Nothing else in a price has these; a price list does not have them right after a dollar sign
  // and again before one.
  if (/\\[A-Za-z%,]|[\^_]/.test(inside)) return true
  if (opensWide || /^\d/.test(after) || /[\p{L}\p{N}]$/u.test(before)) return false
  // Variables, numbers and signs; words belong to the sentence that two prices stand in.
  return !/\p{L}{2,}\s|\s\p{L}{2,}/u.test(inside)
}

function readWords(words: string): string {
  const restored = applyRules(LOST, words)
  // A formula that was cut off before its second dollar sign.
  return readProse(restored.replace(/\$(?=\\[A-Za-z]|[A-Za-z][_^])/g, ''))
}

const STYLE =
  /(?<![\p{L}\p{N}\\])(?=(?:text(?:it|bf|tt|sc|sf|rm|sl)?|math(?:bf|bb|cal|rm|it|sf|tt|frak)|emph|underline|boldsymbol|operatorname)\{)/gu
const GREEK =
  'alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|varphi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega'
/** A name that only a formula writes right before a sign that lowers or raises. */
const NAME_BEFORE_SCRIPT = new RegExp(
  `(?<![\\p{L}\\p{N}_\\\\])(?=(?:${GREEK}|ell|sum|prod|int)[_^][{\\p{L}\\p{N}])`,
  'gu',
)
/** A name alone in braces. */
const NAME_IN_BRACES = new RegExp(
  `(?<=\\{)(?=(?:${GREEK}|times|sim|approx|circ|leq|geq|cdot|pm|infty|rightarrow)\\})`,
  'gu',
)

/**
 * A sign without which the rule has nothing to do, what it finds, and what stands there afterwards.
 */
type Rule = readonly [sign: string, found: RegExp, instead: string]

/** Gives back what LaTeX lost on the way, where no English sentence has such words. */
const LOST: readonly Rule[] = [
  ['{', STYLE, '\\'],
  ['', NAME_BEFORE_SCRIPT, '\\'],
  ['{', NAME_IN_BRACES, '\\'],
  ['boldsymbol', /(?<!\p{L})boldsymbol(?=[^\p{L}\s]|[\p{Script=Greek}\p{Lu}])/gu, ''],
  ['^', /\^(?=(?:circ|star|ast|prime|dagger|top)(?!\p{L}))/gu, '^\\'],
  ['times', /(?<=\d)times(?!\p{L})/gu, '×'],
  // "3 times 5" may be a sentence's; "256 times 256" and "2 times 2 times 10" are sizes.
  [
    'times',
    /(?<=(?<![\d.])(\d+) )times(?= \1(?![\d.]))|(?<=\d )times(?= \d+ times \d)|(?<=\d (?:times|×) \d+ )times(?= \d)/gu,
    '×',
  ],
  ['approx', /(?<=[\p{Script=Greek}\d)])approx(?!\p{L})/gu, ' ≈ '],
  ['leq', /(?<=[\p{Script=Greek}\d)])leq(?!\p{L})|(?<!\p{L})leq(?= [\d.])/gu, ' ≤ '],
  ['geq', /(?<=[\p{Script=Greek}\d)])geq(?!\p{L})|(?<!\p{L})geq(?= [\d.])/gu, ' ≥ '],
  // "in sim 80 %" is a simulation's.
  ['sim', /(?<![\p{L}\\]|\b(?:in|from|the|our|and) )sim ?(?=\d)/gu, '∼'],
  ['^', /(?<=[\p{L}\p{N})\]])\^(-?\d+|[*+]|\p{L}(?![\p{L}\p{N}_]))/gu, '^{$1}'],
  ['_', /(?<![\p{L}\p{N}_\\/.@^-])(\p{L})_(\p{Ll}|\d{1,2})(?![\p{L}\p{N}_@^]|\.\p{L})/gu, '$1_{$2}'],
  // A comment of the manuscript's.
  ['% ', /(?<=[.?!] )% (?=\p{Lu})/gu, ''],
]

/**
 * What LaTeX writes with ASCII signs: quotes, dashes, spaces that do not break. Commands on a
 * command line keep theirs.
 */
const TYPE: readonly Rule[] = [
  ["'", /(?:``|(?<![\p{L}\p{N}'])'')(?=\S)([^`]{1,300}?)(?:''|")/gu, '“$1”'],
  ['``', /``(?=[^\s`])/g, '“'],
  ["''", /(?<=[^\s\d'])''(?!')/g, '”'],
  ['`', /(?<![\p{L}\p{N}`])`([^`'\s](?:[^`']{0,80}[^`'\s])?)'(?![\p{L}'])/gu, '‘$1’'],
  ['---', /(?<=[^\s-]|^| )---(?=[^\s-]|$| )/g, '—'],
  ['--', /(?<= )--(?= |$)|(?<=[\p{L}\p{N})\]’”"%.,])--(?=[\p{L}\p{N}(["“‘ ])/gu, '–'],
  ['~', /(?<=[\p{L}\p{N})\].,])~(?=[\p{L}\p{N}(])(?<!\d~(?=\d))/gu, ' '],
  ['∼ ', /∼ (?=\d)/g, '∼'],
]

function applyRules(rules: readonly Rule[], text: string): string {
  let out = text
  for (const [sign, found, instead] of rules) if (out.includes(sign)) out = out.replace(found, instead)
  return out
}
