// Single cells of a list: moments, choices among a few, phrases, and the guard that keeps
// spreadsheets from running them.

/** Returns the text of a column, '' where there is none. */
export type Cell = (name: string) => string

/** A cell that cannot be read: its row is refused with this sentence, the others go on. */
export class CellError extends Error {
  override name = 'CellError'
}

const TIME = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(?:(Z|UTC)|([+-]\d\d):?(\d\d)?(?: [A-Z]+)?)?$/
/** What a spreadsheet takes for a formula, after any signs of ours. */
const FORMULA = /^'*[=+\-@\t\r＝＋－＠]/
const ESCAPED_FORMULA = /^'+[=+\-@\t\r＝＋－＠]/

/** Returns a cell that no spreadsheet takes for a formula. */
export function guardCell(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell
}

/** Takes the guard off again: what was written is what is read, quotes of its own included. */
export function unguardCell(cell: string): string {
  return ESCAPED_FORMULA.test(cell) ? cell.slice(1) : cell
}

/** Returns which of the names a cell holds. Throws a CellError for any other. */
export function oneOf<Name extends string>(cell: Cell, column: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === cell(column))
  if (!found) throw new CellError(`${column} is none of ${names.join(', ')}`)
  return found
}

/**
 * Returns a moment in ISO 8601, in UTC where no zone is told; null for an empty cell. Throws a
 * CellError for what is none.
 */
export function timeFrom(cell: Cell, column: string, time = ''): string | null {
  if (cell(column) === '') return null
  const [, date, clock, , hours, minutes = '00'] = TIME.exec(cell(column) + time) ?? []
  const at = new Date(`${date}T${clock}${hours ? `${hours}:${minutes}` : 'Z'}`)
  // A day that its month has not is counted on into the next one.
  const isDay = new Date(`${date}T00:00Z`).getUTCDate() === Number(date?.slice(-2))
  if (Number.isNaN(at.getTime()) || !isDay) throw new CellError(`${column} is not a time like 2026-03-05 07:00:00`)
  return at.toISOString()
}

/**
 * Returns what a cell of JSON holds, to be parsed as phrases. Throws a CellError for anything
 * else.
 */
export function phrasesFrom(column: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CellError(`${column} is not a list like ["one", "two"]`)
  }
}
