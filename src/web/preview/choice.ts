// What a preview shows: read from the address, filled up from what the command named, and said back
// as an address.
import { type EditionKind, LENGTHS, type Length } from '../../database/states.ts'
import type { EditionDate } from '../../source/paper.ts'

export interface PreviewChoice {
  /** Undefined: the newest there is. */
  date: EditionDate | undefined
  kind: EditionKind
  /** An address; '' for a reader with the default choices. */
  subscriber: string
  /** Undefined: the reader's own. */
  length: Length | undefined
  /**
   * Whether an outage kept earlier editions from the reader: their papers are offered late then.
   */
  missed: boolean
}

const ADDRESS_MAX = 254

/** Reads a query; what it leaves open or says in a way that means nothing is as `start` says. */
export function readChoice(query: Readonly<Record<string, string>>, start: PreviewChoice): PreviewChoice {
  const { date, kind, subscriber, length, missed } = query
  return {
    date: date !== undefined && isDate(date) ? date : start.date,
    kind: kind === 'daily' || kind === 'weekly' ? kind : start.kind,
    subscriber: subscriber === undefined ? start.subscriber : subscriber.trim().toLowerCase().slice(0, ADDRESS_MAX),
    // Present but empty says "the reader's own", whatever the command was called with.
    length: length === undefined ? start.length : LENGTHS.find((known) => known === length),
    missed: missed === undefined ? start.missed : missed === 'yes',
  }
}

/** Returns the query that leads to a choice, complete, so that `start` no longer matters. */
export function queryOf({ date, kind, subscriber, length, missed }: PreviewChoice): string {
  const said = { kind, subscriber, length: length ?? '', missed: missed ? 'yes' : '' }
  return new URLSearchParams({ ...(date && { date }), ...said }).toString()
}

function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`)
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
}
