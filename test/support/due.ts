// When a digest falls due, computed a second time, without the database: from the offsets that the
// runtime knows.
import { IANAZone } from 'luxon'
import type { Rhythm } from '../../src/subscriber/preferences.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Returns the reader's first chosen hour after a moment, both in milliseconds since 1970. */
export function nextHour(reader: Rhythm, after: number): number {
  return Math.min(...chosenHours(reader, after).filter((at) => at > after))
}

/** Returns the reader's last chosen hour at or before a moment. */
export function lastHour(reader: Rhythm, before: number): number {
  return Math.max(...chosenHours(reader, before).filter((at) => at <= before))
}

/** Returns the date on the reader's wall at a moment. */
export function localDate(zone: string, at: number): string {
  return new Date(at + offsetMs(zone, at)).toISOString().slice(0, 10)
}

/** Lists the moments of a span at which a zone's clocks change, to the minute. */
export function listClockChanges(zone: string, from: number, to: number): number[] {
  const changes: number[] = []
  // Nobody changes the clocks and back within a week.
  for (let week = from; week < to; week += 7 * DAY_MS) {
    if (offsetMs(zone, week) === offsetMs(zone, week + 7 * DAY_MS)) continue
    let [before, after] = [week, week + 7 * DAY_MS]
    while (after - before > 60_000) {
      const middle = Math.floor((before + after) / 2 / 60_000) * 60_000
      if (offsetMs(zone, middle) === offsetMs(zone, before)) before = middle
      else after = middle
    }
    changes.push(after)
  }
  return changes
}

/** Days to look at on either side: the longest wait, a date that is left out, and one to spare. */
const REACH: Readonly<Record<Rhythm['cadence'], number>> = { daily: 3, 'working-days': 5, weekly: 9 }

function chosenHours({ cadence, weekday, hour, zone }: Rhythm, around: number): number[] {
  const today = Date.parse(localDate(zone, around))
  const hours: number[] = []
  for (let day = -REACH[cadence]; day <= REACH[cadence]; day++) {
    const date = today + day * DAY_MS
    const isoWeekday = new Date(date).getUTCDay() || 7
    const chosen = { daily: true, 'working-days': isoWeekday <= 5, weekly: isoWeekday === weekday }
    if (chosen[cadence]) hours.push(instantOf(zone, date + hour * HOUR_MS))
  }
  return hours
}

/**
 * `wall` reads like UTC. An hour that comes twice is the later one; one that never comes moves on
 * by what is missing, or back an hour where that would be the next date.
 */
function instantOf(zone: string, wall: number): number {
  const before = wall - offsetMs(zone, wall - DAY_MS)
  const after = wall - offsetMs(zone, wall + DAY_MS)
  const real = [before, after].filter((at) => at + offsetMs(zone, at) === wall)
  if (real.length > 0) return Math.max(...real)
  return localDate(zone, before) === new Date(wall).toISOString().slice(0, 10) ? before : before - HOUR_MS
}

function offsetMs(zone: string, at: number): number {
  return IANAZone.create(zone).offset(at) * 60_000
}
