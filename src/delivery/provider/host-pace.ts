// How fast emails go to one host of addresses, decided from the clock alone. Pure. A host that says
// in its answer that it gets too many at a time gets half as many from then on, and twice as many
// with every half hour that passes; one that never did gets as many as the host of this program
// allows.
import { MINUTE_MS, SECOND_MS } from '../../time.ts'

/** What is known of a host; moments in milliseconds. */
export interface HostPace {
  /** Emails a minute as of `slowedAt`; null where it never asked for less. */
  learned: number | null
  slowedAt: number | null
  /** When the next email has its turn. */
  nextAt: number
  /** When the last of those that wait has its turn. */
  queuedUntil: number
}

/** Who of several emails to a host has a turn now, and after how many milliseconds the others. */
export interface Turns {
  granted: number
  waitMs: number
}

/** Of whom nothing is known yet: one a second, or half as many once it asks again. */
const FIRST_PER_MINUTE = 60
const SLOWEST_PER_MINUTE = 1
/** From here on nobody is held back any more. */
const FREE_PER_MINUTE = 6_000
const DOUBLES_EVERY_MS = 30 * MINUTE_MS
/** A host that asks for less gets nothing for so long; what it says meanwhile is no new word. */
export const PAUSE_MS = MINUTE_MS
/** So much of a pace may go at once. */
const AT_ONCE_MS = 10 * SECOND_MS
const WAIT = { least: SECOND_MS, most: 5 * MINUTE_MS }

export const UNKNOWN_PACE: HostPace = { learned: null, slowedAt: null, nextAt: 0, queuedUntil: 0 }

/** Returns emails a minute at a moment; Infinity where nothing holds them back. */
export function perMinuteAt({ learned, slowedAt }: HostPace, most: number | null, now: number): number {
  const ceiling = most ?? Number.POSITIVE_INFINITY
  if (learned === null || slowedAt === null) return ceiling
  const risen = learned * 2 ** ((now - slowedAt) / DOUBLES_EVERY_MS)
  return risen >= FREE_PER_MINUTE ? ceiling : Math.min(ceiling, risen)
}

/**
 * Gives turns to `mails` emails. Those that have none wait behind those that wait already, until as
 * many of them have a turn as may go at once; `random` (0 … 1) spreads those whose turn is too far
 * away to tell.
 */
export function takeTurns(
  pace: HostPace,
  mails: number,
  most: number | null,
  now: number,
  random = Math.random(),
): { pace: HostPace; turns: Turns } {
  const perMinute = perMinuteAt(pace, most, now)
  if (perMinute === Number.POSITIVE_INFINITY) return { pace, turns: { granted: mails, waitMs: 0 } }
  const everyMs = MINUTE_MS / perMinute
  const start = Math.max(pace.nextAt, now)
  const atOnceMs = Math.max(AT_ONCE_MS, everyMs)
  const granted = Math.min(mails, Math.max(0, Math.floor((now + atOnceMs - start) / everyMs)))
  const nextAt = start + granted * everyMs
  if (granted === mails) return { pace: { ...pace, nextAt }, turns: { granted, waitMs: 0 } }
  // Turns wait for nobody: for more than may go at once, the first would have lapsed with the last.
  const awaited = Math.min(mails - granted, Math.floor(atOnceMs / everyMs))
  const queuedUntil = Math.max(pace.queuedUntil, nextAt - AT_ONCE_MS, now) + awaited * everyMs
  const waitMs = queuedUntil - now
  return waitMs <= WAIT.most
    ? { pace: { ...pace, nextAt, queuedUntil }, turns: { granted, waitMs: Math.max(WAIT.least, waitMs) } }
    : { pace: { ...pace, nextAt }, turns: { granted, waitMs: (WAIT.most * (1 + random)) / 2 } }
}

/** Follows a host that says that it gets too many. What it says of the same burst counts once. */
export function slowDown(pace: HostPace, most: number | null, now: number): HostPace {
  if (pace.slowedAt !== null && now - pace.slowedAt < PAUSE_MS) return pace
  const before = perMinuteAt(pace, most, now)
  const learned = Math.max(SLOWEST_PER_MINUTE, before === Number.POSITIVE_INFINITY ? FIRST_PER_MINUTE : before / 2)
  return { ...pace, learned, slowedAt: now, nextAt: Math.max(pace.nextAt, now + PAUSE_MS + AT_ONCE_MS) }
}
