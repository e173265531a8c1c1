// From when on something is wrong enough to tell the host: a limit by an alarm's name, each of
// which may be set.
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../time.ts'

const UNITS = { m: MINUTE_MS, h: HOUR_MS, d: DAY_MS }

/** How long something may last, in milliseconds. */
const DURATIONS = {
  /** After its cut-off. */
  unfrozen: HOUR_MS,
  /** After the first readers were due. */
  unsent: HOUR_MS,
  slow: 15 * MINUTE_MS,
  /** A provider that throttles or restarts is back before this. */
  provider: 10 * MINUTE_MS,
  source: 3 * HOUR_MS,
  queue: 2 * MINUTE_MS,
  /** A mail server that restarts is back before this. */
  bounces: 30 * MINUTE_MS,
  /** A restart of PostgreSQL is over before this. */
  database: MINUTE_MS,
}

/** How many there may be; of a disk, how many megabytes there must be. */
const COUNTS = { unknown: 10, rejected: 20, disk: 200, 'sign-ups': 100 }

export type Limits = Readonly<Record<keyof typeof DURATIONS | keyof typeof COUNTS, number>>

export const DEFAULT_LIMITS: Limits = { ...DURATIONS, ...COUNTS }

/**
 * Reads `slow=30m,rejected=50`: what is not named keeps its default. Returns what is wrong with it
 * instead, as the end of a sentence that begins with the setting's name.
 */
export function readLimits(text: string): Limits | string {
  const limits: Record<string, number> = {}
  for (const part of text.split(',').map((each) => each.trim())) {
    const [name = '', value = ''] = part.split('=').map((each) => each.trim())
    if (Object.hasOwn(DURATIONS, name)) {
      const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(value) ?? []
      if (count === undefined) return `has no duration such as 30m or 2h for ${name}`
      limits[name] = Number(count) * UNITS[unit as keyof typeof UNITS]
    } else if (Object.hasOwn(COUNTS, name)) {
      if (!/^\d{1,9}$/.test(value)) return `has no number for ${name}`
      limits[name] = Number(value)
    } else {
      return `names no alarm with a limit: "${name}" (there are ${Object.keys(DEFAULT_LIMITS).join(', ')})`
    }
  }
  return { ...DEFAULT_LIMITS, ...limits }
}

/** Returns `an hour`, `15 minutes`: how long a limit is. */
export function limitInWords(ms: number): string {
  const [count, noun] = ms % HOUR_MS === 0 ? [ms / HOUR_MS, 'hour'] : [ms / MINUTE_MS, 'minute']
  if (count === 1) return noun === 'hour' ? 'an hour' : 'a minute'
  return `${count} ${noun}s`
}
