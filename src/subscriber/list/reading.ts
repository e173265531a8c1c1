// A list's file as rows, one after the other: never more of it in memory than a record. What is no
// table is told with its line.
import { isUtf8 } from 'node:buffer'
import { CsvError, parse } from 'csv-parse/sync'
import { normalizeAddress } from '../subscriber.ts'

/**
 * A record with the line on which it begins, or what is wrong with it and how many lines are not
 * read for it; `text` is a header that is no row.
 */
export type ListRow =
  | { line: number; cells: string[] }
  | { line: number; problem: string; lines: number; text?: string }

interface Line {
  line: number
  /** Without its end. */
  text: string
  quotes: number
}

/** A quote that is never closed is looked for no further than this. */
const RECORD_MAX_CHARACTERS = 100_000
const LINE_MAX_BYTES = RECORD_MAX_CHARACTERS * 4
const NEWLINE = 0x0a
const RETURN = 0x0d
/** Of the first line that has one: a newline, with returns before it or not, or a return alone. */
const FIRST_END = /^[^\r\n]*(?:\r*(\n)|\r+([^\r\n]))/
const BROKEN = 'not a row of a table: a quote is open or out of place'

/**
 * Reads CSV, with or without a byte order mark, whatever its line ends. Where a quote is open or
 * out of place, only the line on which its record begins is refused: reading goes on with the next.
 * Throws a RangeError for what is not UTF-8.
 */
export async function* readRows(input: AsyncIterable<Buffer>): AsyncGenerator<ListRow> {
  const lines = readLines(unifyEnds(input))
  const ahead: Line[] = []
  /** Returns the line that stands so far behind the next one, undefined behind the last. */
  const lineAt = async (index: number) => {
    while (ahead.length <= index) {
      const { value, done } = await lines.next()
      if (done) return undefined
      ahead.push(value)
    }
    return ahead[index]
  }
  let width: number | undefined
  let doubtful = { from: 0, to: 0 }
  for (let first = await lineAt(0); first !== undefined; first = await lineAt(0)) {
    let { text, quotes } = first
    if (text === '') {
      ahead.shift()
      continue
    }
    let last: Line | undefined = first
    let count = 1
    // Whatever is well quoted has an even number of them.
    while (quotes % 2 === 1 && text.length <= RECORD_MAX_CHARACTERS) {
      last = await lineAt(count)
      if (last === undefined) break
      count++
      text += `\n${last.text}`
      quotes += last.quotes
    }
    const cells = last === undefined || text.length > RECORD_MAX_CHARACTERS ? undefined : cellsOf(text, quotes)
    const { line } = first
    if (cells === undefined) {
      if (count > 1) doubtful = { from: line, to: ahead[count - 1]?.line ?? line }
      ahead.shift()
      yield { line, problem: BROKEN, lines: 1, ...(width === undefined && { text: first.text }) }
      continue
    }
    const within = ahead.splice(0, count).slice(1)
    width ??= cells.length
    if (within.some(({ text }) => isLikeRow(text, width))) {
      const problem = `a quote opens here and closes on line ${last?.line}, and what stands between looks like readers: mend the quote`
      yield { line, problem, lines: count }
    } else if (line <= doubtful.to && cells.length !== width) {
      // It may be the rest of a note, where an address is no reader.
      yield { line, problem: `the quote of line ${doubtful.from} may be open until here: mend that line`, lines: 1 }
    } else yield { line, cells }
  }
}

/** Returns undefined for what is no row. */
function cellsOf(text: string, quotes: number): string[] | undefined {
  // Most have no quotes, and hundreds of thousands of them are read.
  if (quotes === 0) return text.split(',')
  try {
    const [cells, ...more] = parse(text, { record_delimiter: '\n' })
    return more.length === 0 ? cells : undefined
  } catch (error) {
    if (error instanceof CsvError) return undefined
    throw error
  }
}

/** Whether a line inside quotes would be a reader's row without them. */
function isLikeRow(text: string, width: number | undefined): boolean {
  const cells = text.replaceAll('"', '').split(',')
  return cells.length === width && cells.some((cell) => normalizeAddress(cell) !== undefined)
}

/**
 * Returns the same bytes, with a newline at the end of each line where the first one has a carriage
 * return alone, as some spreadsheets save.
 */
async function* unifyEnds(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isReturned: boolean | undefined
  let begun: Buffer = Buffer.alloc(0)
  for await (const chunk of input) {
    if (isReturned === undefined) {
      begun = Buffer.concat([begun, chunk])
      const [, newline, other] = FIRST_END.exec(begun.toString('latin1')) ?? []
      if (newline === undefined && other === undefined && begun.length < LINE_MAX_BYTES) continue
      isReturned = other !== undefined
      yield isReturned ? endedByNewlines(begun) : begun
    } else yield isReturned ? endedByNewlines(chunk) : chunk
  }
  if (isReturned === undefined) yield begun
}

function endedByNewlines(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => (byte === RETURN ? NEWLINE : byte)))
}

/** Reads whole lines, so that no character is cut, each of them checked. */
async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<Line, undefined> {
  let line = 1
  let rest: Buffer = Buffer.alloc(0)
  const toLine = (bytes: Buffer): Line => {
    if (bytes.length < LINE_MAX_BYTES && !isUtf8(bytes))
      throw new RangeError(`line ${line} is not UTF-8: save the file as UTF-8 and import it again`)
    // Two signs a line end, and edited files hold both kinds.
    const text = bytes.toString('utf8').replace(line === 1 ? /^\ufeff|\r$/g : /\r$/, '')
    return { line: line++, text, quotes: text.split('"').length - 1 }
  }
  for await (const chunk of input) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      yield toLine(bytes.subarray(from, end))
      from = end + 1
    }
    // A line longer than any record is none of a list: no more of it is kept than shows that, cut
    // wherever it may be.
    rest = bytes.subarray(from, from + LINE_MAX_BYTES)
  }
  if (rest.length > 0) yield toLine(rest)
}
