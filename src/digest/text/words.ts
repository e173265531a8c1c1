// Dates and counts in words. Own names for days and months: the same bytes on every machine
// and every Node.
import type { EditionKind } from '../../database/states.ts'
import type { EditionDate } from '../../source/paper.ts'
import { WEEKDAY_NAMES } from '../../subscriber/preferences.ts'
import { DAY_MS } from '../../time.ts'

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const WEEKDAY_LETTERS = 3
const MONTH_LETTERS = 3

/** Returns `Thu 5 March`. */
export function shortDate(date: EditionDate): string {
  const at = new Date(`${date}T00:00:00Z`)
  return `${weekdayOf(at).slice(0, WEEKDAY_LETTERS)} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`
}

/** Returns `Thursday 5 March 2026`. */
export function longDate(date: EditionDate): string {
  const at = new Date(`${date}T00:00:00Z`)
  return `${weekdayOf(at)} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`
}

/** Returns `Thu 5 Mar`: for a subject. */
export function briefDate(date: EditionDate): string {
  const [weekday, day, month = ''] = shortDate(date).split(' ')
  return `${weekday} ${day} ${month.slice(0, MONTH_LETTERS)}`
}

/** Returns the day of an edition, or the seven days that a weekly one looks back on. */
export function editionDay(date: EditionDate, kind: EditionKind): string {
  return kind === 'weekly' ? `Week to ${longDate(date)}` : longDate(date)
}

/** Names an edition at the beginning of a sentence. */
export function editionName(date: EditionDate, kind: EditionKind): string {
  return kind === 'weekly' ? `The week to ${shortDate(date)}` : `The edition of ${shortDate(date)}`
}

/** Returns `Thursday` for a day of the week before `date`, `5 March` for an earlier one. */
export function sinceDay(day: EditionDate, date: EditionDate): string {
  const at = new Date(`${day}T00:00:00Z`)
  const days = (Date.parse(`${date}T00:00:00Z`) - at.getTime()) / DAY_MS
  return days < WEEKDAY_NAMES.length ? weekdayOf(at) : `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`
}

/** Returns `March 2026` for `2026-03`. */
export function monthName(month: string): string {
  const at = new Date(`${month}-01T00:00:00Z`)
  return `${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`
}

/** Returns `1 vote`, `1,204 votes`: thousands grouped, the noun in the number's form. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** Returns `950`, `1.2k`, `12k`: enough digits for a chip. */
export function brieflyCounted(count: number): string {
  if (count < 1000) return String(count)
  const thousands = count / 1000
  return `${thousands < 9.95 ? thousands.toFixed(1).replace(/\.0$/, '') : Math.round(thousands)}k`
}

/** Sunday is 0 to a Date, and the last of the names. */
function weekdayOf(at: Date): string {
  return WEEKDAY_NAMES.at(at.getUTCDay() - 1) as string
}

/** Returns `1,204`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A space at which no line ends. */
export const UNBREAKABLE = '\u00a0'

/** Returns words in which no line ends between a number and what it counts, or within a rise. */
export function together(words: string): string {
  return words.replace(/(?<=\d) (?=votes?\b|comments?\b|→)|(?<=[→★]) /g, UNBREAKABLE)
}
