// Reads LaTeX as a reader would say it on one plain line. Never fails: what it does not know keeps
// its name and loses its backslash. One pass over the text, and nesting is bounded, so that no
// title takes long.
import {
  ACCENT_LETTERS,
  ACCENT_SIGNS,
  ALPHABET,
  BINOMIAL,
  BRACE,
  CLOSING,
  FRACTION,
  FUNCTION,
  OPENING,
  SECOND_SPEAKS,
  SILENT,
  SPACES,
  STYLES,
  SWITCHES,
  TABLES,
} from './latex-commands.ts'
import { ownWork } from './latex-own.ts'
import { accentedLetter, isMark, markedLetter, scriptOf, symbolOf } from './latex-symbols.ts'

/** Groups nested deeper are read as if their braces were not there: honest titles stop at three. */
const DEPTH_MAX = 12
/** Through the sign before it. */
const STROKE = '\u0338'
const VULGAR: Record<string, string> = { '1/2': '½', '1/3': '⅓', '2/3': '⅔', '1/4': '¼', '3/4': '¾', '1/8': '⅛' }
/** What escapes itself. */
const ESCAPED = '%&_#$ {}'

/** How much of what was said a command looks back at. */
const TAIL = 32

interface Reading {
  text: string
  at: number
  /** In formulas `_` and `^` always lower and raise, and braces only group. */
  math: boolean
  depth: number
  /** Inside what another script raises or lowers. */
  nested: boolean
}

/** What has been said so far: joined once at the end, its last characters at hand. */
interface Said {
  parts: string[]
  tail: string
}

/** Returns a formula, without its dollar signs, as text. */
export function readMath(tex: string): string {
  return readAll({ text: tex, at: 0, math: true, depth: 0, nested: false }, false)
}

/** Returns running text with the LaTeX in it read out; plain braces and underscores stay. */
export function readProse(text: string): string {
  return readAll({ text, at: 0, math: false, depth: 0, nested: false }, false)
}

/** What no reader stops at. */
const PLAIN = /[^\\{}^_'~&]+/y

function readAll(reading: Reading, inGroup: boolean): string {
  const said: Said = { parts: [], tail: '' }
  // Right after a command even running text raises and lowers: \tau^2.
  let formula = reading.math
  while (reading.at < reading.text.length) {
    const character = reading.text[reading.at] as string
    if (inGroup && character === '}') {
      reading.at += 1
      break
    }
    if (character === '\\') {
      sayCommand(reading, said)
      formula = true
      continue
    }
    if ((character === '^' || character === '_') && (formula || reading.text[reading.at + 1] === '{')) {
      reading.at += 1
      say(said, scriptOf(character, readScript(reading), reading.nested))
      formula = true
      continue
    }
    formula = reading.math
    if (character === '{') {
      say(said, readGroup(reading))
      continue
    }
    PLAIN.lastIndex = reading.at
    const run = PLAIN.exec(reading.text)?.[0] ?? character
    reading.at += run.length
    say(said, reading.math ? (IN_FORMULA[run] ?? run) : run)
  }
  return said.parts.join('')
}

/** Signs that mean something else in a formula, or nothing. */
const IN_FORMULA: Record<string, string> = { "'": '′', '~': ' ', '}': '', '&': '' }

function say(said: Said, text: string): void {
  if (text === '') return
  said.parts.push(text)
  said.tail = text.length >= TAIL ? text.slice(-TAIL) : (said.tail + text).slice(-TAIL)
}

/** Takes back a space that nothing follows after all. */
function takeBackSpace(said: Said): void {
  const last = said.parts.pop() ?? ''
  const kept = last.replace(/[ ~]$/, '')
  if (kept !== '') said.parts.push(kept)
  said.tail = said.tail.replace(/[ ~]$/, '')
}

/** Says what a command prints, fitted to what stands before and after it. */
function sayCommand(reading: Reading, said: Said): void {
  const name = nameAt(reading)
  const text = own(name, reading, said) ?? readCommand(reading)
  const next = reading.text[reading.at] ?? ''
  // d\times d: this space only ends the command.
  if (reading.math && /[^ ]$/.test(said.tail) && /^[^\p{L}\p{N} ]$/u.test(text)) skipSpace(reading)
  // What a citation leaves behind: see~\cite{a}.
  if (text === '' && /[.,;:)]/.test(next)) takeBackSpace(said)
  if (CLOSING.test(name)) takeBackSpace(said)
  if (OPENING.test(name)) skipSpace(reading)
  // n\log n
  if (FUNCTION.test(name) && /[\p{L}\p{N})\]]$/u.test(said.tail)) say(said, ' ')
  // (\etc.)
  say(said, text.endsWith('.') && next === '.' ? text.slice(0, -1) : text)
  if (FUNCTION.test(name) && /^\\[A-Za-z]/.test(reading.text.slice(reading.at, reading.at + 2))) say(said, ' ')
}

/** Returns the name of the command at the backslash; '' for signs. */
function nameAt(reading: Reading): string {
  return /^[A-Za-z]*/.exec(reading.text.slice(reading.at + 1, reading.at + 41))?.[0] ?? ''
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
  const { math, nested } = reading
  Object.assign(reading, { math: true, nested: true })
  const out = readArgument(reading)
  Object.assign(reading, { math, nested })
  return out
}

/** What a macro of the authors' says of their own work; undefined for other commands. */
function own(name: string, reading: Reading, said: Said): string | undefined {
  const end = reading.at + 1 + name.length
  const text = ownWork(name, said.tail, reading.text.slice(end, end + TAIL), reading.depth === 0)
  if (text === undefined) return undefined
  reading.at = end
  skipEmptyGroup(reading)
  if (text === '') takeBackSpace(said)
  return text
}

function readCommand(reading: Reading): string {
  const name = nameAt(reading)
  reading.at += 1 + name.length
  if (name === '') return readSign(reading)
  if (reading.text[reading.at] === '*') reading.at += 1
  if (name === 'begin') return readTable(reading)
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
  // \color{wolD}og: the capitals behind a colour are the authors' slip, and letters of theirs.
  if (name === 'color') return readArgument(reading).replace(/^(?:[a-z\d!,. ]+$|[a-z]+(?=[A-Z]+$))/, '')
  if (ALPHABET.test(name)) return readAlphabet(reading, name)
  if (FRACTION.test(name)) return readFraction(reading)
  if (BINOMIAL.test(name)) return `C(${readArgument(reading)},${readArgument(reading)})`
  if (BRACE.test(name)) return readBrace(reading)
  if (name === 'textsuperscript') return scriptOf('^', readArgument(reading))
  if (name === 'textsubscript') return scriptOf('_', readArgument(reading))
  if (name === 'sqrt') return readRoot(reading)
  if (name === 'not') return (readArgument(reading) + STROKE).normalize('NFC')
  if (SECOND_SPEAKS.test(name)) {
    readArgument(reading)
    return isGroupNext(reading) ? readArgument(reading) : ''
  }
  if (ACCENT_LETTERS.test(name) && /^(?:\{| \p{L})/u.test(reading.text.slice(reading.at, reading.at + 3))) {
    return readAccented(reading, command)
  }
  if (isMark(command) && /^(?:[{\\]| \p{L}(?!\p{L}))/u.test(reading.text.slice(reading.at, reading.at + 3))) {
    const letters = readArgument(reading)
    return markedLetter(command, letters) ?? letters
  }
  const symbol = symbolOf(command)
  if (symbol !== undefined) {
    skipEmptyGroup(reading)
    return symbol
  }
  skipOption(reading)
  if (!isGroupNext(reading)) return name
  const given = readArgument(reading)
  // \flock{} has a name to keep; \textbf{} has nothing to say.
  if (given === '') return STYLES.test(name) ? '' : name
  return given
}

/** After a backslash that no letter follows. */
function readSign(reading: Reading): string {
  const sign = reading.text[reading.at]
  if (sign === undefined) return ''
  reading.at += 1
  if (ESCAPED.includes(sign)) return sign
  // A number has no accent: \~8B is about as much.
  if (sign === '~' && /\d/.test(reading.text[reading.at] ?? '')) return '∼'
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

/** One half of something is ½x: 1/2x would be its inverse. */
function readFraction(reading: Reading): string {
  const fraction = `${fenced(readArgument(reading))}/${fenced(readArgument(reading))}`
  if (!/^[\p{L}(]/u.test(reading.text.slice(reading.at, reading.at + 2))) return fraction
  return VULGAR[fraction] ?? (/^[\d.]+\/[\d.]+$/.test(fraction) ? `(${fraction})` : fraction)
}

/** What a drawn brace holds; its label has no room on a line. */
function readBrace(reading: Reading): string {
  const held = readArgument(reading)
  if (/[_^]/.test(reading.text[reading.at] ?? '')) {
    reading.at += 1
    readScript(reading)
  }
  return held
}

/** After \begin: a table of cells as rows on one line, nothing of other environments. */
function readTable(reading: Reading): string {
  const name = isGroupNext(reading) ? readArgument(reading) : ''
  const brackets = TABLES[name]
  const end = brackets ? reading.text.indexOf(`\\end{${name}}`, reading.at) : -1
  if (brackets === undefined || end < 0) return ''
  if (name === 'array' && isGroupNext(reading)) readArgument(reading)
  const rows = reading.text.slice(reading.at, end).split('\\\\')
  reading.at = end + `\\end{${name}}`.length
  const cells = rows.map((row) => row.split('&').map((cell) => readMath(cell).trim()))
  const read = cells.map((row) => row.join(' ').trim()).filter((row) => row !== '')
  return brackets[0] + read.join('; ') + brackets[1]
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
