// Commands of LaTeX by what they do to a line of plain text. What is on no list prints its symbol,
// or what it is given, or its name.

/** Commands that print nothing, together with what they are given. */
export const SILENT =
  /^(?:begin|end|label|(?:eq|auto|c|C|page)?ref|(?:no)?cite[a-z]*|bibitem|definecolor|[vh]space|[hv]?phantom|includegraphics|thanks|(?:bl)?footnote(?:mark|text)?|[a-z]+icon|input|include|index)$/
/** Commands that print nothing by themselves and take nothing. */
export const SWITCHES =
  /^(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|(?:no)?limits|xspace|protect|noindent|centering|bf|it|em|rm|tt|sc|sf|sl|bfseries|itshape|tiny|small|normalsize|large|Large|LARGE|huge|newline|linebreak|par|item|nonumber|notag|boldmath|maketitle|allowbreak|nobreakdash)$/
/** Commands whose first argument is an address or a colour, and whose second is what they print. */
export const SECOND_SPEAKS =
  /^(?:href|textcolor|colorbox|hyperref|raisebox|scalebox|foreignlanguage|stackrel|underset|overset)$/
/** Commands that only dress what they are given: of nothing they say nothing. */
export const STYLES = /^(?:text|math|emph|underline|bold|bm$|mbox|operatorname)/
/**
 * Alphabets that Unicode has letters of; the bold and slanted ones read better as plain letters.
 */
export const ALPHABET = /^math(?:bb|cal|frak|scr|ds)$/
export const FRACTION = /^(?:[dtsc]?frac|nicefrac)$/
export const SPACES = /^(?:quad|qquad|enspace|thinspace|medspace|thickspace|space)$/
/** Accents over a letter: signs, and letters that need a brace or a space before it. */
export const ACCENT_SIGNS = `'"\`^~=.`
export const ACCENT_LETTERS = /^[cvuHkrdbt]$/
/** Functions with names: upright, and apart from a letter before them. */
export const FUNCTION = /^(?:log|ln|lg|exp|sin|cos|tan|tanh|max|min|sup|inf|lim|arg|argmax|argmin|det|dim|ker|gcd|Pr)$/
/** Braces that are drawn, with a label that no line has room for. */
export const BRACE = /^(?:under|over)brace$/
export const BINOMIAL = /^[dt]?binom$/
/** Environments that are tables of cells, by the brackets around them. */
export const TABLES: Record<string, readonly [open: string, close: string]> = {
  matrix: ['', ''],
  smallmatrix: ['', ''],
  array: ['', ''],
  cases: ['', ''],
  pmatrix: ['(', ')'],
  bmatrix: ['[', ']'],
  Bmatrix: ['{', '}'],
  vmatrix: ['|', '|'],
  Vmatrix: ['‖', '‖'],
}
/** Fences whose inner side has no space, whatever the source puts there. */
export const OPENING = /^(?:l[vV]ert|lceil|lfloor)$/
export const CLOSING = /^(?:r[vV]ert|rceil|rfloor)$/
