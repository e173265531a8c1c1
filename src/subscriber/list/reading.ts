// A list's file as rows, one after the other: never more of it in memory than a record. What is no
// table is told with its line.
import { isUtf8 } from 'node:buffer'
import { pipeline, Readable } from 'node:stream'
import { type CsvError, type Info, parse } from 'csv-parse'

/** A record with the line on which it ends, or what is wrong with it. */
export type ListRow = { line: number; cells: string[] } | { line: number; problem: string }

/** A quote that is never closed swallows no more than this. */
const RECORD_MAX_CHARACTERS = 100_000
const NEWLINE = 0x0a

/**
 * Reads CSV, with or without a byte order mark, whatever its line ends. Throws a RangeError for
 * what is not UTF-8.
 */
export async function* readRows(input: AsyncIterable<Buffer>): AsyncGenerator<ListRow> {
  const skipped: ListRow[] = []
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: RECORD_MAX_CHARACTERS,
    record_delimiter: '\n',
    on_skip: (error) => {
      const problem = problemOf(error)
      // What is left of a broken line is often broken as well.
      if (skipped.at(-1)?.line !== problem.line) skipped.push(problem)
      return undefined
    },
  })
  // A fault of the input reaches the loop through the parser, which it destroys.
  pipeline(Readable.from(wholeLines(input)), parser, () => {})
  try {
    for await (const { info, record } of parser as AsyncIterable<{ info: Info; record: string[] }>) {
      // The parser reads ahead: what it skipped further down waits for its turn.
      while (skipped[0] && skipped[0].line <= info.lines) yield skipped.shift() as ListRow
      yield { line: info.lines, cells: record }
    }
  } catch (error) {
    // The last quote was never closed: the end of the file is all that is lost.
    if (!isCsvError(error)) throw error
    skipped.push(problemOf(error))
  }
  yield* skipped
}

/** Hands the input on in whole lines, so that no character is cut, each of them checked. */
async function* wholeLines(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let line = 1
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of input) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const end = bytes.lastIndexOf(NEWLINE) + 1
    // A line longer than any record is no line of a list: it goes on as it is and is refused there.
    const whole = end === 0 && bytes.length > RECORD_MAX_CHARACTERS * 4 ? bytes : bytes.subarray(0, end)
    line = checkUtf8(whole, line)
    if (whole.length > 0) yield withPlainLineEnds(whole)
    rest = bytes.subarray(whole.length)
  }
  checkUtf8(rest, line)
  if (rest.length > 0) yield rest
}

/** Two signs a line end would count twice inside quotes, and edited files hold both kinds. */
function withPlainLineEnds(bytes: Buffer): Buffer {
  return bytes.includes('\r\n') ? Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1') : bytes
}

/** Returns the line that follows. */
function checkUtf8(bytes: Buffer, firstLine: number): number {
  let line = firstLine
  const valid = isUtf8(bytes)
  for (let from = 0; ; line++) {
    const end = bytes.indexOf(NEWLINE, from)
    if (!valid && !isUtf8(bytes.subarray(from, end < 0 ? bytes.length : end))) {
      throw new RangeError(`line ${line} is not UTF-8: save the file as UTF-8 and import it again`)
    }
    if (end < 0) return line
    from = end + 1
  }
}

function problemOf(error: CsvError | undefined): ListRow {
  const line = typeof error?.lines === 'number' ? error.lines : 0
  return { line, problem: 'not a row of a table: a quote is open or out of place' }
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_')
}
