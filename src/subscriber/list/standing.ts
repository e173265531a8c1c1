// What the columns of other programs' lists say of who may be written to: states, flags, and the
// time or reason of leaving. In doubt nobody is: what cannot be understood is refused.
import type { Consent } from '../../database/states.ts'
import { UsageError } from '../../errors.ts'
import { type Cell, CellError, timeFrom } from './cells.ts'

export interface Standing {
  consent: Exclude<Consent, 'pending'>
  /** Why nobody writes to them any more, where that is more than their own wish; else ''. */
  because: string
  leftAt: string | null
}

export interface StandingColumns {
  includes(name: string): boolean
  /**
   * Throws a CellError where a row's state is no consent, and a UsageError where nobody can tell
   * who left.
   */
  read(cell: Cell): Standing
}

/** Where a state stands. Whatever is in them must be known. */
const STATE_COLUMNS = ['status', 'subscription_status', 'subscriber_status', 'email_subscription_status']
/** Where another thing may stand as well: only what is known counts. */
const DOUBTFUL_COLUMNS = ['type', 'state', 'email_status']
/** Only Buttondown's list has these beside its column of types. */
const BUTTONDOWN_COLUMNS = ['unsubscription_date', 'creation_date']
/** Where somebody says yes. */
const JOINING_COLUMNS = ['subscribed', 'is_subscribed', 'subscribed_to_emails', 'opt_in', 'opted_in']
const LEAVING =
  /unsub|opt(?:ed)?_?out|disabled|bounce|suppress|complain|delet|blocked|blocklist|blacklist|removed|do_not_(?:e?mail|contact)/
/** Of every reader, whoever left or not. */
const NO_LEAVING = /_(?:url|link|token|hash|id)$/
/** What only somebody who left has. */
const LEAVING_WORDS = /reason|comment|feedback|campaign/

/** Whoever is in none of these states has not consented to anything. */
const CONFIRMED = ['enabled', 'confirmed', 'subscribed', 'active', 'regular', 'premium', 'gifted', 'churning']
const LEFT = ['disabled', 'unsubscribed', 'inactive', 'removed', 'cancelled', 'canceled', 'deleted']
const BARRED = [
  ...['blocklisted', 'blacklisted', 'blocked', 'suppressed', 'cleaned', 'bounced', 'undeliverable', 'invalid'],
  ...['complained', 'spam', 'junk'],
]
const UNCONFIRMED = ['unactivated', 'unconfirmed', 'pending', 'validating']

const YES = ['true', 'yes', 'y', '1', 't', 'x']
const NO = ['', 'false', 'no', 'n', '0', 'f', 'never', 'null', 'none', 'n/a', '-']
const DAY = /^(?:\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4})(?!\d)/
const TOLD_CHARACTERS = 40

/** Finds the columns that tell of it, by the names of a header. */
export function findStanding(header: readonly string[], names: readonly string[]): StandingColumns {
  const isButtondown = names.includes('type') && BUTTONDOWN_COLUMNS.some((name) => names.includes(name))
  const named = (columns: readonly string[]) => columns.filter((name) => names.includes(name))
  const states = named(isButtondown ? [...STATE_COLUMNS, 'type'] : STATE_COLUMNS)
  const doubtful = named(DOUBTFUL_COLUMNS).filter((name) => !states.includes(name))
  const joining = named(JOINING_COLUMNS)
  const leaving = names.filter((name) => LEAVING.test(name) && !NO_LEAVING.test(name))
  const all = new Set([...states, ...doubtful, ...joining, ...leaving])
  // Mailchimp keeps who left and who bounced in files of their own, told by their columns alone.
  const file = names.includes('clean_time') ? 'cleaned' : names.includes('unsub_time') ? 'unsubscribed' : ''
  return {
    includes: (name) => all.has(name),
    read(cell) {
      if (file !== '') {
        const leftAt = timeFrom(cell, 'unsub_time') ?? timeFrom(cell, 'clean_time')
        return { consent: 'unsubscribed', because: sayBarred(file), leftAt }
      }
      const told = [
        ...states.map((name) => readState(name, cell(name))),
        ...doubtful.map((name) => readDoubtful(name, cell(name))),
        ...joining.map((name) => readJoining(name, cell(name))),
      ].find((state) => state !== '')
      const column = leaving.find((name) => hasLeft(header[names.indexOf(name)] ?? name, name, cell(name)))
      if (told === undefined && column === undefined) return { consent: 'confirmed', because: '', leftAt: null }
      return { consent: 'unsubscribed', because: sayBarred(told), leftAt: leftAtFrom(cell, leaving) }
    },
  }
}

/** Returns the state of somebody who left, '' of everybody else. */
function readState(column: string, value: string): string {
  const state = value.toLowerCase()
  if (state === '' || CONFIRMED.includes(state)) return ''
  if (LEFT.includes(state) || BARRED.includes(state)) return state
  throw new CellError(`${column} ${JSON.stringify(state)} is no consent`)
}

function readDoubtful(column: string, value: string): string {
  const isKnown = [...LEFT, ...BARRED, ...UNCONFIRMED].includes(value.toLowerCase())
  return isKnown ? readState(column, value) : ''
}

function readJoining(column: string, value: string): string {
  const answer = value.toLowerCase()
  if (YES.includes(answer) || DAY.test(answer)) return ''
  if (answer === '') throw new CellError(`${column} is empty: that is no consent`)
  return NO.includes(answer) ? 'unsubscribed' : readState(column, answer)
}

function hasLeft(column: string, name: string, value: string): boolean {
  const answer = value.toLowerCase()
  if (NO.includes(answer)) return false
  if (YES.includes(answer) || LEFT.includes(answer) || BARRED.includes(answer)) return true
  if (DAY.test(answer) || LEAVING_WORDS.test(name)) return true
  throw new UsageError(
    `the column ${column.trim()} may tell who left, but ${JSON.stringify(value.slice(0, TOLD_CHARACTERS))} there is neither yes, no nor a time: save the file without those who left, then without that column, and import it again`,
  )
}

/** The time is no more than a fact beside: what cannot be read as one is left out. */
function leftAtFrom(cell: Cell, leaving: readonly string[]): string | null {
  for (const name of leaving) {
    if (!/^\d{4}-/.test(cell(name))) continue
    try {
      return timeFrom(cell, name, /^\d{4}-\d\d-\d\d$/.test(cell(name)) ? 'T00:00' : '')
    } catch (error) {
      if (!(error instanceof CellError)) throw error
    }
  }
  return null
}

function sayBarred(state = ''): string {
  return BARRED.includes(state) ? state : ''
}
