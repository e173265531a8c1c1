// Parses what commands are called with. Each throws a UsageError that says what is wrong and what
// would be right.
import type { EditionKind } from '../database/states.ts'
import { shiftDate } from '../edition/edition.ts'
import type { EditionKey } from '../edition/stop.ts'
import { UsageError } from '../errors.ts'
import { openSource } from '../source/daily-papers.ts'
import type { EditionDate } from '../source/paper.ts'
import { describeRefused, normalizeAddress } from '../subscriber/subscriber.ts'
import { DAY_MS } from '../time.ts'

/** The longest range of dates that one command takes: more than a year is a mistyped year. */
const RANGE_DAYS_MAX = 366

/** It stands on one line of a terminal. */
const NOTE_MAX_CHARACTERS = 200

/** What a call is made of, each part by its own parser. */
type Parsers = Record<string, () => unknown>

/**
 * Parses every part of a call. Throws a UsageError with the problems of all of them, in their
 * order: nobody mends a call one line at a time.
 */
export function parseAll<T extends Parsers>(parsers: T): { [Name in keyof T]: ReturnType<T[Name]> } {
  const problems: string[] = []
  const entries = Object.entries(parsers).map(([name, parse]) => {
    try {
      return [name, parse()]
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      problems.push(...error.problems)
      return [name, undefined]
    }
  })
  if (problems.length > 0) throw new UsageError([...new Set(problems)])
  return Object.fromEntries(entries)
}

export function parseDate(text: string | undefined): EditionDate {
  if (text === undefined) throw new UsageError('--date is missing: name the edition as YYYY-MM-DD')
  const at = new Date(`${text}T00:00:00Z`)
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text) {
    throw new UsageError(`--date ${text} is not a date: write YYYY-MM-DD`)
  }
  return text
}

/** Returns the edition that a call names, null where it names none: all of them. */
export function parseEdition(options: { date?: string; weekly?: boolean }): EditionKey | null {
  if (options.date !== undefined) return { date: parseDate(options.date), kind: kindOf(options) }
  if (options.weekly)
    throw new UsageError('--weekly names an edition together with --date: add the date that ends its week')
  return null
}

/** Returns every date of `D` or `D..D2`, oldest first. */
export function parseDates(text: string | undefined): EditionDate[] {
  const [from, to, ...rest] = (text ?? '').split('..')
  if (rest.length > 0 || to === '' || (from === '' && to !== undefined))
    throw new UsageError(`--date ${text} is not a range: write YYYY-MM-DD..YYYY-MM-DD`)
  const first = parseDate(from === '' ? undefined : from)
  const last = to === undefined ? first : parseDate(to)
  const days = (Date.parse(last) - Date.parse(first)) / DAY_MS
  if (days < 0) throw new UsageError(`--date ${text} ends before it begins`)
  if (days >= RANGE_DAYS_MAX) throw new UsageError(`--date ${text} is longer than ${RANGE_DAYS_MAX} days`)
  return Array.from({ length: days + 1 }, (_, day) => shiftDate(first, day))
}

/** Throws a UsageError for a source that cannot be opened; undefined is the configured one. */
export function parseSource(setting: string | undefined): string | undefined {
  if (setting === undefined) return undefined
  try {
    openSource(setting)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    // The setting of this name may be as it should be.
    throw new UsageError(error.message.replace(/^SOURCE\b/, '--source'))
  }
  return setting
}

export function parseAddress(text: string): string {
  const address = normalizeAddress(text)
  if (address === undefined) throw new UsageError(`${text} is ${describeRefused(text)}`)
  return address
}

/** Returns the whole number of an option between two bounds. */
export function parseWhole(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max || text.trim() === '') {
    throw new UsageError(`${option} ${text} is not a whole number from ${min} to ${max}`)
  }
  return value
}

/**
 * Returns words of the operator on one line, to stand inside a sentence; null where there are none.
 */
export function parseNote(option: string, text: string | undefined): string | null {
  const note = (text ?? '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/(?<!\.)\.$/, '')
  if (note.length > NOTE_MAX_CHARACTERS) {
    throw new UsageError(`${option} is longer than ${NOTE_MAX_CHARACTERS} characters: say it on one line`)
  }
  return note === '' ? null : note
}

export function kindOf(options: { weekly?: boolean }): EditionKind {
  return options.weekly ? 'weekly' : 'daily'
}
