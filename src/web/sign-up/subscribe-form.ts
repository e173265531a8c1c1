// The subscribe form as values for its template, empty or as a visitor left it. It says nothing
// about any address: only about what was typed.
import { CADENCES, DEFAULT_RHYTHM } from '../../subscriber/preferences.ts'

/** What a visitor typed, as it came: shown again, never trusted. */
export interface SubscribeEntry {
  address: string
  cadence: string
  weekday: string
  hour: string
  zone: string
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

export interface Choice {
  value: string
  label: string
  selected: boolean
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

/** The fields that say when a digest comes. */
export interface RhythmValues {
  cadences: Choice[]
  weekdays: Choice[]
  hours: Choice[]
  /** By continent; those that belong to none have no label and come first. */
  zones: { label: string; zones: Choice[] }[]
  zoneProblem: string
  /** Whether the browser may put its own zone. */
  guess: boolean
}

const CADENCE_LABELS = { daily: 'Daily', 'working-days': 'Working days', weekly: 'Weekly' }
const WEEKDAY_LABELS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const HOURS = 24

const EMPTY_ENTRY: SubscribeEntry = {
  address: '',
  cadence: DEFAULT_RHYTHM.cadence,
  weekday: String(DEFAULT_RHYTHM.weekday),
  hour: String(DEFAULT_RHYTHM.hour),
  zone: DEFAULT_RHYTHM.zone,
  welcome: true,
}

/** UTC, and the places that this runtime lists; the old names among them are no place's. */
const ZONES = [DEFAULT_RHYTHM.zone, ...Intl.supportedValuesOf('timeZone').filter((zone) => zone.includes('/'))]

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

/** Returns the fields of a rhythm with what is chosen marked. */
export function rhythmValues(
  entry: Omit<SubscribeEntry, 'address' | 'welcome'>,
  zoneProblem: string | undefined,
  guess: boolean,
): RhythmValues {
  const choice = (value: string, label: string, chosen: string) => ({ value, label, selected: value === chosen })
  return {
    cadences: CADENCES.map((cadence) => choice(cadence, CADENCE_LABELS[cadence], entry.cadence)),
    weekdays: WEEKDAY_LABELS.map((label, index) => choice(String(index + 1), label, entry.weekday)),
    hours: Array.from({ length: HOURS }, (_, hour) =>
      choice(String(hour), `${String(hour).padStart(2, '0')}:00`, entry.hour),
    ),
    zones: groupZones(entry.zone),
    zoneProblem: zoneProblem ?? '',
    guess,
  }
}

/**
 * The chosen zone is among them under whatever name it came: a form shown again keeps what was
 * chosen.
 */
function groupZones(chosen: string): SubscribeFormValues['zones'] {
  const groups = new Map<string, Choice[]>([['', []]])
  const known = ZONES.includes(chosen) || chosen === '' ? ZONES : [chosen, ...ZONES]
  for (const zone of known) {
    const slash = zone.indexOf('/')
    const continent = ZONES.includes(zone) && slash > 0 ? zone.slice(0, slash) : ''
    const label = (continent === '' ? zone : zone.slice(slash + 1)).replaceAll('_', ' ')
    const group = groups.get(continent) ?? []
    group.push({ value: zone, label, selected: zone === chosen })
    groups.set(continent, group)
  }
  return [...groups].map(([label, zones]) => ({ label, zones }))
}
