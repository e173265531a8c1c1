// The fields that say when a digest comes, twin of templates/pages/rhythm.hbs: as a form prints
// them, and in words. Pure.
import { CADENCES } from '../../database/states.ts'
import { clockOf, DEFAULT_RHYTHM, type Rhythm, WEEKDAY_NAMES } from '../../subscriber/preferences.ts'

/** The fields as they were typed: shown again, never trusted. */
export type RhythmEntry = Record<keyof Rhythm, string>

export interface Choice {
  value: string
  label: string
  selected: boolean
}

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

/** What is said beside a zone that is not known. */
export const UNKNOWN_ZONE = 'This time zone is not known here. Choose the nearest city.'

const CADENCE_LABELS = { daily: 'Daily', 'working-days': 'Working days', weekly: 'Weekly' }
const HOURS = 24

/** UTC, and the places that this runtime lists; the old names among them are no place's. */
const ZONES = [DEFAULT_RHYTHM.zone, ...Intl.supportedValuesOf('timeZone').filter((zone) => zone.includes('/'))]
const GROUPS = groupAll()

/** Returns the fields of a rhythm with what is chosen marked. */
export function rhythmValues(entry: RhythmEntry, zoneProblem: string | undefined, guess: boolean): RhythmValues {
  const choice = (value: string, label: string, chosen: string) => ({ value, label, selected: value === chosen })
  return {
    cadences: CADENCES.map((cadence) => choice(cadence, CADENCE_LABELS[cadence], entry.cadence)),
    weekdays: WEEKDAY_NAMES.map((label, index) => choice(String(index + 1), label, entry.weekday)),
    hours: Array.from({ length: HOURS }, (_, hour) => choice(String(hour), clockOf(hour), entry.hour)),
    zones: groupZones(entry.zone),
    zoneProblem: zoneProblem ?? '',
    guess,
  }
}

/**
 * The chosen zone is among them under whatever name it came: a form shown again keeps what was
 * chosen. Groups without it are the same objects for everybody.
 */
function groupZones(chosen: string): RhythmValues['zones'] {
  const isOther = chosen !== '' && !ZONES.includes(chosen)
  return GROUPS.map((group) => {
    if (isOther && group.label === '') {
      return { label: '', zones: [{ value: chosen, label: nameOf(chosen), selected: true }, ...group.zones] }
    }
    if (!group.zones.some(({ value }) => value === chosen)) return group
    const zones = group.zones.map((zone) => ({ ...zone, selected: zone.value === chosen }))
    return { label: group.label, zones }
  })
}

/** By continent, none of them chosen; first what is on none. */
function groupAll(): RhythmValues['zones'] {
  const groups = new Map<string, Choice[]>([['', []]])
  for (const zone of ZONES) {
    const slash = zone.indexOf('/')
    const continent = slash > 0 ? zone.slice(0, slash) : ''
    const group = groups.get(continent) ?? []
    group.push({ value: zone, label: nameOf(zone.slice(slash + 1)), selected: false })
    groups.set(continent, group)
  }
  return [...groups].map(([label, zones]) => ({ label, zones }))
}

function nameOf(zone: string): string {
  return zone.replaceAll('_', ' ')
}

/** Says when a digest comes: "every day at 07:00, Europe/Paris". */
export function rhythmOf({ cadence, weekday, hour, zone }: Rhythm): string {
  const days = {
    daily: 'every day',
    'working-days': 'on working days',
    weekly: `every ${WEEKDAY_NAMES[weekday - 1]}`,
  }[cadence]
  return `${days} at ${clockOf(hour)}, ${zone.replaceAll('_', ' ')}`
}
