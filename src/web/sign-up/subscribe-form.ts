// The subscribe form as values for its template, empty or as a visitor left it. It says nothing
// about any address: only about what was typed.
import { DEFAULT_RHYTHM } from '../../subscriber/preferences.ts'
import { type RhythmEntry, type RhythmValues, rhythmValues } from '../page/rhythm.ts'

/** What a visitor typed, as it came: shown again, never trusted. */
export interface SubscribeEntry extends RhythmEntry {
  address: string
  /** Whether the latest edition is wanted at once. */
  welcome: boolean
}

/** What is wrong with an entry, in sentences; '' where nothing is. */
export interface SubscribeProblems {
  address?: string
  zone?: string
  /** What the address may have been meant to be: it is asked once. */
  suggestion?: string
  /** Concerns no single field. */
  note?: string
}

export interface SubscribeFormValues extends RhythmValues {
  address: string
  addressProblem: string
  /** An address that may have been meant; ''. */
  suggestion: string
  welcome: boolean
  /** When the form was opened, signed. */
  opened: string
  note: string
}

const EMPTY_ENTRY: SubscribeEntry = {
  address: '',
  cadence: DEFAULT_RHYTHM.cadence,
  weekday: String(DEFAULT_RHYTHM.weekday),
  hour: String(DEFAULT_RHYTHM.hour),
  zone: DEFAULT_RHYTHM.zone,
  welcome: true,
}

/**
 * Returns the form's values, to be filled in for the first time or shown again with an entry and
 * its problems.
 */
export function subscribeForm(
  opened: string,
  entry: SubscribeEntry = EMPTY_ENTRY,
  problems: SubscribeProblems = {},
): SubscribeFormValues {
  return {
    address: entry.address,
    addressProblem: problems.address ?? '',
    suggestion: problems.suggestion ?? '',
    welcome: entry.welcome,
    ...rhythmValues(entry, problems.zone, entry === EMPTY_ENTRY),
    opened,
    note: problems.note ?? '',
  }
}
