// Gives back what LaTeX lost on the way (backslashes, dollar signs, braces), where no English
// sentence has such words: a table of names, each with the place in which it can be nothing else.
import { symbolOf } from './latex-symbols.ts'

/** What stands right before and right after a name, a few characters of each. */
type Place = (before: string, after: string) => boolean
/** Returns what a name was, undefined where it is a word. */
type Restored = (name: string, before: string, after: string) => string | undefined

const WINDOW = 24
const GREEK =
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega'.split(
    ' ',
  )
/** Signs with names that no sentence has. */
const SIGNS =
  'rightarrow leftarrow leftrightarrow Rightarrow Leftarrow Leftrightarrow longrightarrow uparrow downarrow mapsto leq geq neq leqslant geqslant approxeq propto subseteq infty varepsilon varphi vartheta cdot cdots ldots otimes oplus odot'.split(
    ' ',
  )
/** Arrows behind a number that went up or down. */
const MARKS = new Set(['uparrow', 'downarrow'])
/** Signs that stand between two things and apart from both. */
const RELATIONS = new Set([
  'leq',
  'geq',
  'neq',
  'leqslant',
  'geqslant',
  'approx',
  'approxeq',
  'propto',
  'cdot',
  'le',
  'ge',
])
const COLOURS =
  'red green blue cyan magenta yellow black gray grey white orange purple teal violet brown pink lime olive'.split(' ')
/** Commands that are nothing without what they are given. */
const TAKERS =
  'text textit textbf texttt textsc textsf textrm textsl mathbf mathbb mathcal mathrm mathit mathsf mathtt mathfrak mathscr emph underline overline operatorname bm binom underbrace overbrace widehat widetilde begin end url href cite citep citet footnote dfrac tfrac'.split(
    ' ',
  )

/** One letter, or one with something lowered: what formulas are about. */
const VARIABLE_BEFORE =
  /(?:^|[^\p{L}\p{N}])(?:[b-zB-HJ-Z]|\p{Script=Greek}|\p{L}_\{?\w{1,9}\}?|\\math\p{L}+\{\p{L}\}) $/u
const VARIABLE_AFTER = /^ (?:[b-zB-Z]|\p{Script=Greek}|\p{L}[_^]\{?\w{1,9}\}?)(?![\p{L}\p{N}'’])/u
/**
 * "3 times 5" may be a sentence's; "256 times 256", "2 times 2 times 10" and "512 times 960" are
 * sizes.
 */
const isTimes: Place = (before, after) => {
  if (/\d$/.test(before)) return true
  if (/(?:^|[ (])$/.test(before) && /^\d/.test(after)) return true
  const left = /(?<![\d.,])(\d+) $/.exec(before)?.[1]
  const right = /^ (\d+)(?![\d.,]\d|%)/.exec(after)?.[1]
  if (VARIABLE_BEFORE.test(before)) return right !== undefined || VARIABLE_AFTER.test(after)
  if (left === undefined || right === undefined) return false
  return (
    left === right ||
    (left.length > 1 && right.length > 1) ||
    /\d (?:times|×) \d+ $/.test(before) ||
    /^ \d+ times \d/.test(after)
  )
}
/** 8 pm is an hour, PM2.5 is dust. */
const isPlusMinus: Place = (before, after) =>
  (/\d[.,]\d+%? $/.test(before) && /^ \d/.test(after)) ||
  (/\d%? $/.test(before) && /^ \d+\.\d/.test(after)) ||
  (/\d$/.test(before) && /^\d/.test(after)) ||
  (/[([{=,] ?$/.test(before) && /^\d(?!\.5|0)/.test(after))
const GREEK_BEFORE = new RegExp(`(?<![A-Za-z])(?:${GREEK.join('|')}) $`)
/** "(approx 30K tokens)" is a sentence's; k^2, recall@5 and T(k) are of formulas. */
const isApprox: Place = (before, after) =>
  /[\p{Script=Greek}\d)]$/u.test(before) ||
  /^\d/.test(after) ||
  /(?:[\^@]\d{1,3}|(?<!\p{L})\p{L}\(\p{L}\)) $/u.test(before) ||
  (/\([\p{L}\p{N}-]+ $/u.test(before) && /^ [-−]?[\d.]+%?\)/.test(after)) ||
  (/^ [-−]?[\d.]/.test(after) && (VARIABLE_BEFORE.test(before) || GREEK_BEFORE.test(before)))
/** "in sim 80 %" and sim2real are a simulation's. */
const isSim: Place = (before, after) =>
  /^ ?\d(?!(?:real|sim)\b)/i.test(after) && !/\p{L}$|\b(?:in|from|the|our|and) $/u.test(before)
const isOrder: Place = (before, after) =>
  ((/[\d)\]}%] $/.test(before) || VARIABLE_BEFORE.test(before)) &&
    /^ (?:[\d(]|\p{Script=Greek}|\p{L}(?!\p{L}))/u.test(after)) ||
  (/\p{Ll} $/u.test(before) && /^ \d[\d.]*%/.test(after))
/** p(a mid b) */
const isGivenThat: Place = (before, after) =>
  /\((?:\p{L}|\p{L}_\w) $/u.test(before) && /^ \p{L}(?![\p{L}\p{N}'’-])/u.test(after)
/** (a mid b, ell) */
const isLength: Place = (before, after) => /(?<!\p{L})\p{L}, ?$/u.test(before) && /^[),]/.test(after)
/** {a_0, a_1, dots} */
const isRest: Place = (before, after) =>
  /(?<!\p{L})\p{L}_\{?\w{1,6}\}?, ?$/u.test(before) && /^(?: ?[})\]]|, )/.test(after)

const isGiven: Place = (_before, after) => after.startsWith('{')
const isAlone: Place = (before, after) => before.endsWith('{') && after.startsWith('}')

const command: Restored = (name) => `\\${name}`
/** The sign itself; a relation with as much room on both sides, and some against a letter. */
const sign: Restored = (name, before, after) => {
  const printed = symbolOf(`\\${name}`) ?? `\\${name} `
  const relates = RELATIONS.has(name) || (name.endsWith('arrow') && !MARKS.has(name) && after.startsWith(' '))
  if (!relates || !/[\p{L}\p{N})]$/u.test(before)) return printed
  return /\p{L}$|\)$/u.test(before) || after.startsWith(' ') ? ` ${printed} ` : printed
}
const only =
  (place: Place, restored: Restored): Restored =>
  (name, before, after) =>
    place(before, after) || isAlone(before, after) ? restored(name, before, after) : undefined
/** In a formula: where it raises or lowers something, or is raised or lowered itself. */
const greek: Restored = (name, before, after) => {
  if (/^[_^][{\p{L}\p{N}]/u.test(after) || isAlone(before, after)) return `\\${name}`
  return /(?:^|[^\p{L}\p{N}_])\p{L}[_^]$/u.test(before) && !/^[\p{L}\p{N}_-]/u.test(after) ? `{\\${name}}` : undefined
}
const raised: Restored = (name, before, after) => {
  if (before.endsWith('^')) return `{\\${name}}`
  return isAlone(before, after) ? `\\${name}` : undefined
}

const NAMES = new Map<string, Restored>([
  ...all([...GREEK, 'sum', 'prod', 'int', 'log'], greek),
  ...all(SIGNS, sign),
  ...all(['lceil', 'rceil', 'lfloor', 'rfloor', 'langle', 'rangle', 'lVert', 'rVert'], command),
  ...all(['circ', 'star', 'ast', 'prime', 'dagger', 'top'], raised),
  ...all(TAKERS, only(isGiven, command)),
  // A colour keeps nothing but what it colours.
  ...all(COLOURS, (_name, before, after) => (isGiven(before, after) ? '\\mbox' : undefined)),
  [
    'boldsymbol',
    (_name, before, after) => (isGiven(before, after) ? '\\boldsymbol' : /^ \p{L}{2}|^$/u.test(after) ? undefined : ''),
  ],
  ['frac', only((_before, after) => /^(?:\{|\d\d)/.test(after), command)],
  ['sqrt', only((_before, after) => /^[{\d]/.test(after), command)],
  ['circtimes', (_name, before) => (before.endsWith('^') ? '{\\circ}\\times' : undefined)],
  ['times', only(isTimes, sign)],
  ['pm', only(isPlusMinus, sign)],
  ['approx', only(isApprox, sign)],
  ['sim', only(isSim, sign)],
  ['le', only(isOrder, sign)],
  ['ge', only(isOrder, sign)],
  ['mid', (name, before, after) => (isGivenThat(before, after) ? sign(name, before, after) : undefined)],
  ['dots', (name, before, after) => (isRest(before, after) ? sign(name, before, after) : undefined)],
  ['ell', (name, before, after) => (isLength(before, after) ? '\\ell' : greek(name, before, after))],
  [
    'deg',
    only(
      (before) => /\d\{?$/.test(before),
      () => '°',
    ),
  ],
])
const NAME = new RegExp(`(?<![A-Za-z\\\\])(?:${[...NAMES.keys()].join('|')})(?![A-Za-z])`, 'g')
/** Alphabets that swallowed their letter: calE, mathbbR. */
const ALPHABET = /(?<![A-Za-z\\])(?:math(cal|bb|frak|scr)|cal)(\p{Lu})(?![\p{L}\p{N}])/gu

type Rule = readonly [sign: string, found: RegExp, instead: string]
/** Names that grew together with what stands beside them, or lost more than a backslash. */
const GROWN: readonly Rule[] = [
  ['times', /(?<=\d)times(?=\p{Lu}|sim\d)/gu, '×'],
  ['to', /to(?=\d{1,6}\.\d)(?<=\d\.\d{1,6}to)/g, '→'],
  ['cdot', new RegExp(`(?<=(?<![A-Za-z])(?:${GREEK.join('|')}))cdot(?![A-Za-z])`, 'g'), ' · '],
  // Thin spaces of formulas: \sim\!30, x\!\in\!S.
  ['sim!', /(?<![A-Za-z\\])sim!(?=\d)/g, '∼'],
  ['!in!', /(?<=\p{L})!in!(?=[{\p{L}])/gu, ' ∈ '],
  ['wide', /(?<![A-Za-z\\])wide(?:hat|tilde) (?=\p{Lu}(?!\p{L}))/gu, '\\$&'],
  // \frac{\text{wool}}{3}
  ['text{', /(?<![A-Za-z\\])text\{([^{}]{1,60})\}\{(\d{1,6})\}/g, '\\frac{$1}{$2}'],
]
/** Fences that a formula stood in, and fractions in it. */
const FENCED = /left\(([^()]{1,120}) right\)/g
const FRACTION = /(?<![\p{L}\\])([\p{L}\d])\{([^{}]{1,20})\}/gu
/** What no name tells: a sign without which there is nothing to do, what is found, what it was. */
const RULES: readonly Rule[] = [
  ['{', /\{(?=(?:bf|it|em|sc|tt|sf|rm|sl|bfseries|itshape) [^{}]{1,200}\})/g, '{\\'],
  // d\times d that became one word.
  ['times', /(?<=[\^_]\{(?:\p{L}|\d{1,4}))times ?(?=[\p{L}\d])/gu, '×'],
  // A colour of the authors' own keeps nothing either.
  [
    '{',
    new RegExp(`(?<![A-Za-z\\\\])(?:soft|dark|light|deep|my|pale|bright)(?:${COLOURS.join('|')})(?=\\{)`, 'g'),
    '\\mbox',
  ],
  // pi_0.5 is a name.
  ['_', /(?<=(?:pi|π)_)(\d\.\d)(?![\p{L}\d]|\.\d)/gu, '{$1}'],
  // A name is not cut: pi_kept.
  ['_', /(?<=\\(?:[A-Za-z]{2,10})_)(\p{L}[\p{L}\p{N}]+)(?![\p{L}\p{N}_])/gu, '{$1}'],
  ['_', /(?<![\p{L}\p{N}_\\/.@^]|(?<![}\])₀-₉ₐ-ₜ])-)(\p{L})_(\p{Ll}|\d{1,2})(?![\p{L}\p{N}_@]|\.\p{L})/gu, '$1_{$2}'],
  // CO_2, also where the next word stands against it.
  ['_', /(?<![\p{L}\p{N}_\\/.@-])(\p{Lu}{1,2})_(\d)(?=\p{Lu}|[^\p{L}\p{N}_@.-]|[.](?!\p{L})|$)/gu, '$1_{$2}'],
  ['^', /(?<=[\p{L}\p{N})\]}])\^(-?\d+|[*+∘°⊤†‡§′⋆]|(?<![\^_]\([^()]{0,20})\p{L}(?![\p{L}\p{N}_]))/gu, '^{$1}'],
  // \tfrac{1}{8} that lost its beginning.
  ['}', /(?<![\p{L}\p{N}.,{}])(\d)\{(\d{1,2})\}(?!\{)/gu, '$1/$2'],
  ['\\', /(?<![\\\p{L}\p{N}])\\(?=\d)(?!\d+\))/gu, '$'],
  // An apostrophe that was escaped, before a genitive's s or where the word ends.
  ["\\'", /(?<=[\p{L}\p{N}])\\'(?=(?:s|t|re|ve|ll|d|m)?(?![\p{L}\p{N}{\\]))/gu, "'"],
  // p^{\,old}
  ['{,', /(?<=[\^_]\{),/g, ''],
  // A comment of the manuscript's.
  ['% ', /(?<=[.?!] )% (?=\p{Lu})/gu, ''],
]

/** Tells whether anything here can have been LaTeX; quick to say no. */
export function mayHaveLost(text: string): boolean {
  return text.search(NAME) >= 0 || text.search(ALPHABET) >= 0 || grown(text) !== text
}

/** Returns text with what it lost in its place again. */
export function restoreLost(text: string): string {
  const spelled = grown(text).replace(ALPHABET, (_all, kind = 'cal', letter: string) => `\\math${kind}{${letter}}`)
  let out = spelled.replace(NAME, (name, at: number) => {
    const before = spelled.slice(Math.max(0, at - WINDOW), at)
    const after = spelled.slice(at + name.length, at + name.length + WINDOW)
    return NAMES.get(name)?.(name, before, after) ?? name
  })
  for (const [sign, found, instead] of RULES) if (out.includes(sign)) out = out.replace(found, instead)
  return out
}

/** Returns text with its names apart. */
function grown(text: string): string {
  let out = text
  for (const [sign, found, instead] of GROWN) if (out.includes(sign)) out = out.replace(found, instead)
  if (!out.includes('left(')) return out
  return out.replace(FENCED, (_all, inside: string) => `(${inside.trim().replace(FRACTION, '\\frac{$1}{$2}')})`)
}

function all(names: readonly string[], restored: Restored): [string, Restored][] {
  return names.map((name) => [name, restored])
}
