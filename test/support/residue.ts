// What of LaTeX, HTML and Markdown a reader would still see in a text: the eye of the suite,
// independent of the reader under test.

/** Sets and placeholders are the text's own: {-1, 0, 1}, {True, False}, {x | x > 0}, {name}. */
const OWN_BRACES = /\{[^{}]{0,118}[,:|∣…;][^{}]{0,118}\}|\{\{?[\p{Ll}\p{N}_ ]{0,31}\}?\}|\{\p{L}\}/gu
/** Prices, and names that begin with the sign: $5, 5$, US$, $PATH. */
const OWN_DOLLARS = /\$(?=\.?\d|\p{L}{3,}(?![\p{L}_^\\{]))|(?<=\d|[A-Z])\$(?![\p{L}\\])|(?<=[A-Za-z])\$(?=[a-z])/gu
const COMMANDS =
  'mathbb mathcal mathbf mathrm textbf textit texttt textsc rightarrow leftarrow leftrightarrow leq geq neq propto infty cdot cdots ldots lceil rceil lfloor rfloor langle rangle lVert rVert otimes oplus boldsymbol varepsilon nobreakdash allowbreak xspace uparrow downarrow widehat widetilde circone circtwo circthree circfour'.split(
    ' ',
  )

const RESIDUES: readonly (readonly [kind: string, found: RegExp])[] = [
  ['a command', /\\[A-Za-z]+|\\[^\s\w]|\\/gu],
  ['a script', /[\^_]\{|\^\(,|[₀-₉]\.\d|\^(?![({\p{L}\p{N}*+])|\^(?:circ|star|top|prime)(?!\p{L})|(?<!\\)[\^_]$/gu],
  ['a brace', /[{}]/gu],
  ['a dollar sign', /\$/gu],
  ['a tag', /<\/?(?:i|b|em|strong|u|tt|code|small|span|font|p|div|sub|sup|br|a)(?: [^<>]*)?\/?>/giu],
  ['an entity', /&(?:[a-z]{2,8}|#\d+|#x[\da-f]+);/giu],
  // `code` in single backticks is how people quote code.
  ['Markdown', /(?<!\d)\*\*|\*\*(?!\d)|\]\(|``|(?<![^\s(])_\p{L}[^_\s]*_(?![\p{L}\p{N}_])/gu],
  ['a lost command', new RegExp(`(?<![A-Za-z])(?:${COMMANDS.join('|')})(?![a-z])`, 'gu')],
  [
    'a lost sign',
    /(?<=\d)(?:times|deg)(?![a-z])|(?<=\d)timessim|(?<![A-Za-z])times(?=\d)|(?<![\p{L}\d])(?:\p{Lu}|\d{2,}) times (?:\p{Lu}(?!\p{L})|\d{2,}(?![\d.,]*%?\s+\p{Ll}))|(?<=\d\.\d+%?) pm (?=\d)|(?<=[(=])pm(?=\d)|frac\d\d|(?<!\p{L})cal\p{Lu}(?![\p{L}])/gu,
  ],
  [
    'a lost relation',
    /(?<![A-Za-z])approx(?=\d)|(?<=[\d)\p{No}]) approx (?=[\d\p{L}])|(?<=\([\p{L}-]{1,20}) approx (?=\d[\d.]*\))|(?<=\p{Ll}) le (?=\d[\d.]*%)|(?<=\d)to(?=\d+\.\d)|(?<=\p{L})cdot(?!\p{L})|(?<!\p{L})sim!|!in!|(?<=\(\p{L}) mid (?=\p{L}[),])|(?<=(?<!\p{L})\p{L}, )ell(?=[),])|(?<=[₀-₉], )dots(?=[)}])/gu,
  ],
  ['a fence', /left\((?=[^()]* right\))/gu],
  ['a colour', /(?<!\p{L})(?:soft|dark|light)(?:red|green|blue)(?=\p{Lu})/gu],
  ['a mark', /(?:^|[\s(])[\u0300-\u036f]/gu],
  // An address stands apart from the words before it, and no space that does not break is left.
  ['an address', /~ ?(?=x{9})|(?<=\p{L})(?<!x)x{9}/gu],
  ['a dash', /(?<=[\d%×])--(?=\d)/gu],
  ['a quote', /(?<=\p{L})''(?!')|(?<=\p{L})`(?=s(?![\p{L}`]))(?<!`[^`]{1,80}`)/gu],
  ['an accent', /(?<=[A-Za-z]{3})ś(?!\p{L})/gu],
  ['a name', /∼(?=2(?:real|sim)\b)|(?<=(?:propose|present|introduce|effectiveness of) )[oO]urs\b/gu],
]

/** Lists what is left, each with the words around it; none in a text that reads well. */
export function residueOf(text: string): string[] {
  // An address may hold anything.
  const words = text
    .replace(/(?:https?:\/\/|www\.)[^\s{}]+/g, (address) => 'x'.repeat(address.replace(/\\.*/, '').length))
    .replace(OWN_BRACES, ' ')
    .replace(OWN_DOLLARS, ' ')
  return RESIDUES.flatMap(([kind, found]) =>
    [...words.matchAll(found)].map(({ index, 0: sign }) => {
      return `${kind}: ${words.slice(Math.max(0, index - 30), index + sign.length + 30)}`
    }),
  )
}
