// Reads LaTeX as a reader would say it on one plain line. Never fails: what it does not know keeps
// its name and loses its backslash. One pass over the text, and nesting is bounded, so that no
// title takes long.
import {
  ACCENT_LETTERS,
  ACCENT_SIGNS,
  ALPHABET,
  FRACTION,
  SECOND_SPEAKS,
  SILENT,
  SPACES,
  STYLES,
  SWITCHES,
} from './latex-commands.ts'
import { accentedLetter, markedLetter, scriptOf, symbolOf } from './latex-symbols.ts'

/** Groups nested deeper are read as if their braces were not there: honest titles stop at three. */
const DEPTH_MAX = 12
/** Through the sign before it. */
const STROKE = '\u0338'
/** What escapes itself. */
const ESCAPED = '%&_#$ {}'

interface Reading {
  text: string
  at: number
  /** In formulas `_` and `^` always lower and raise, and braces only group. */
  math: boolean
  depth: number
}

/** Returns a formula, without its dollar signs, as text. */
export function readMath(tex: string): string {
  return readAll({ text: tex, at: 0, math: true, depth: 0 }, false)
}

/** Returns running text with the LaTeX in it read out; plain braces and underscores stay. */
export function readProse(text: string): string {
  return readAll({ text, at: 0, math: false, depth: 0 }, false)
}

function readAll(reading: Reading, inGroup: boolean): string {
  let out = ''
  // Right after a command even running text raises and lowers: \tau^2.
  let formula = reading.math
  while (reading.at < reading.text.length) {
    const character = reading.text[reading.at] as string
    if (inGroup && character === '}') {
      reading.at += 1
      return out
    }
    if (character === '\\') {
      const said = readCommand(reading)
      // d\times d: this space only ends the command.
      if (reading.math && /[^ ]$/.test(out) && /^[^\p{L}\p{N} ]$/u.test(said)) skipSpace(reading)
      // What a citation leaves behind: see~\cite{a}.
      if (said === '' && /[.,;:)]/.test(reading.text[reading.at] ?? '')) out = out.replace(/[ ~]$/, '')
      out += said
      formula = true
      continue
    }
    if ((character === '^' || character === '_') && (formula || reading.text[reading.at + 1] === '{')) {
      reading.at += 1
      out += scriptOf(character, readScript(reading))
      formula = true
      continue
    }
    formula = reading.math
    if (character === '{') {
      out += readGroup(reading)
      continue
    }
    reading.at += 1
    if (reading.math) out += character === "'" ? '′' : character === '~' ? ' ' : character === '}' ? '' : character
    else out += character
  }
  return out
}

/**
 * At an opening brace. In running text only groups that LaTeX needs lose their braces: {\bf …} and
 * BibTeX's {BERT}.
 */
function readGroup(reading: Reading): string {
  const grouping =
    reading.math ||
    /^\{(?:\\[A-Za-z]|\p{Lu}[\p{L}\p{N}-]*\}(?!\}))/u.test(reading.text.slice(reading.at, reading.at + 80))
  const doubled = reading.text[reading.at - 1] === '{'
  reading.at += 1
  if (!grouping || (doubled && !reading.math)) return '{'
  return readNested(reading)
}

/** One level further in; '' when that is too deep. */
function readNested(reading: Reading, read = readGroupEnd): string {
  if (reading.depth >= DEPTH_MAX) return ''
  reading.depth += 1
  const out = read(reading)
  reading.depth -= 1
  return out
}

/** Inside a group, after its opening brace. */
function readGroupEnd(reading: Reading): string {
  return readAll(reading, true)
}

/**
 * Reads what a command or a script is given: a group, a command, or one character. '' at the end.
 */
function readArgument(reading: Reading): string {
  skipSpace(reading)
  const character = reading.text[reading.at]
  if (character === undefined || character === '}' || character === '$') return ''
  if (character === '\\') return readNested(reading, readCommand)
  if (character === '{') {
    reading.at += 1
    return readNested(reading)
  }
  const [whole = ''] = reading.text.slice(reading.at, reading.at + 2)
  reading.at += whole.length
  return whole
}

/** What is raised or lowered is a formula wherever it stands. */
function readScript(reading: Reading): string {
  const { math } = reading
  reading.math = true
  const out = readArgument(reading)
  reading.math = math
  return out
}

function readCommand(reading: Reading): string {
  reading.at += 1
  const name = /^[A-Za-z]+/.exec(reading.text.slice(reading.at, reading.at + 40))?.[0]
  if (name === undefined) return readSign(reading)
  reading.at += name.length
  if (reading.text[reading.at] === '*') reading.at += 1
  const command = `\\${name}`
  if (SILENT.test(name)) {
    skipOption(reading)
    if (isGroupNext(reading)) readArgument(reading)
    return ''
  }
  if (SWITCHES.test(name)) {
    // \left. and \right. are fences that nobody sees.
    if (/^(?:left|right)$/.test(name) && reading.text[reading.at] === '.') reading.at += 1
    else if (reading.text[reading.at] === ' ') reading.at += 1
    return ''
  }
  if (SPACES.test(name)) return ' '
  if (ALPHABET.test(name)) return readAlphabet(reading, name)
  if (FRACTION.test(name)) return `${fenced(readArgument(reading))}/${fenced(readArgument(reading))}`
  if (name === 'sqrt') return readRoot(reading)
  if (name === 'not') return (readArgument(reading) + STROKE).normalize('NFC')
  if (SECOND_SPEAKS.test(name)) {
    readArgument(reading)
    return isGroupNext(reading) ? readArgument(reading) : ''
  }
  if (ACCENT_LETTERS.test(name) && /^(?:\{| \p{L})/u.test(reading.text.slice(reading.at, reading.at + 3))) {
    return readAccented(reading, command)
  }
  const symbol = symbolOf(command)
  if (symbol !== undefined) {
    skipEmptyGroup(reading)
    return symbol
  }
  skipOption(reading)
  if (!isGroupNext(reading)) return name
  const given = readArgument(reading)
  // \ours{} has a name to keep; \textbf{} has nothing to say.
  if (given === '') return STYLES.test(name) ? '' : name
  return markedLetter(command, given) ?? given
}

/** After a backslash that no letter follows. */
function readSign(reading: Reading): string {
  const sign = reading.text[reading.at]
  if (sign === undefined) return ''
  reading.at += 1
  if (ESCAPED.includes(sign)) return sign
  if (ACCENT_SIGNS.includes(sign)) return readAccented(reading, `\\${sign}`)
  if (',;:\\'.includes(sign)) return ' '
  if ('!-/()[]@'.includes(sign)) return ''
  return sign === '|' ? '‖' : sign
}

function readAccented(reading: Reading, command: string): string {
  const letter = readArgument(reading).trim().replace('ı', 'i').replace('ȷ', 'j')
  return accentedLetter(command, letter)
}

function readAlphabet(reading: Reading, name: string): string {
  const letters = readArgument(reading)
  const alphabet = name === 'mathscr' ? 'mathcal' : name
  return symbolOf(`\\${alphabet}{${letters}}`) ?? letters
}

function readRoot(reading: Reading): string {
  const degree = /^\[([^\]]{1,3})\]/.exec(reading.text.slice(reading.at, reading.at + 5))
  reading.at += degree?.[0].length ?? 0
  const root = degree?.[1] === '3' ? '∛' : degree?.[1] === '4' ? '∜' : `${scriptOf('^', degree?.[1] ?? '')}√`
  return root + fenced(readArgument(reading))
}

/** Two terms in one place need brackets to stay together. */
function fenced(given: string): string {
  const text = given.trim()
  return /^[\p{L}\p{M}\p{N}.]*$/u.test(text) || /^\([^()]*\)$/.test(text) ? text : `(${text})`
}

function skipSpace(reading: Reading): void {
  while (reading.text[reading.at] === ' ') reading.at += 1
}

function isGroupNext(reading: Reading): boolean {
  return reading.text[reading.at] === '{'
}

function skipOption(reading: Reading): void {
  reading.at += /^\[[^\]]*\](?=\{)/.exec(reading.text.slice(reading.at, reading.at + 60))?.[0].length ?? 0
}

function skipEmptyGroup(reading: Reading): void {
  if (reading.text.startsWith('{}', reading.at)) reading.at += 2
}
