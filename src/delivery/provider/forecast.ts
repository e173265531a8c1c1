// How long a day's emails take at the providers' pace, and whether their quotas and the sender's
// ramp last. Pure.
import { DAY_MS, SECOND_MS } from '../../time.ts'
import type { Provider } from './provider.ts'
import type { RampDay } from './ramp.ts'
import type { Route } from './routes.ts'

export interface Sending {
  /** The provider that takes them, null while all are out. */
  provider: string | null
  /** Emails a minute at its pace, null where nothing limits it. */
  perMinute: number | null
  /** When the last one is through, null without any. */
  endsAt: Date | null
  /** Emails for which no quota, or nothing of the ramp, is left on their day. */
  putOff: number
  /** Where a new sender stands on its ramp; null without one. */
  ramp: RampDay | null
}

const MINUTE_SECONDS = 60

type Routes = readonly Pick<Route, 'provider' | 'allowance' | 'out'>[]
type Hours = readonly { at: Date; emails: number }[]

/**
 * Follows the hours of an edition, in order, through the first provider that is not out. `putOff`:
 * what waits of other editions, and goes first on its day.
 */
export function foresee(routes: Routes, hours: Hours, now: Date, putOff: Hours = []): Sending {
  const free = routes.filter(({ out }) => !out)
  const first = free[0]?.provider
  const perMinute = first?.requestsPerSecond ? first.requestsPerSecond * mailsPerRequest(first) * MINUTE_SECONDS : null
  let endsAtMs: number | null = null
  for (const { at, emails } of hours) {
    const startMs: number = Math.max(at.getTime(), endsAtMs ?? 0)
    endsAtMs = startMs + (first ? requestsMs(first, emails) : 0)
  }
  return {
    provider: first?.name ?? null,
    perMinute,
    endsAt: endsAtMs === null ? null : new Date(endsAtMs),
    putOff: putOffBy(routes, hours, now, putOff),
    ramp: routes[0]?.allowance.ramp ?? null,
  }
}

function requestsMs(provider: Provider, emails: number): number {
  const { requestsPerSecond } = provider
  return requestsPerSecond === null
    ? 0
    : (Math.ceil(emails / mailsPerRequest(provider)) / requestsPerSecond) * SECOND_MS
}

function mailsPerRequest({ oneByOne, batchSize }: Provider): number {
  return oneByOne ? 1 : batchSize
}

/**
 * Days are those of UTC, as quotas count, and so are months. What is left today is known; another
 * day begins anew. Who is put off comes first on the day after.
 */
function putOffBy(routes: Routes, hours: Hours, now: Date, waiting: Hours): number {
  const own = emailsByDay(hours)
  const others = emailsByDay(waiting)
  const today = dayOf(now)
  let putOff = 0
  let behind = 0
  let month = monthOf(today)
  let gone = 0
  for (const day of [...new Set([...own.keys(), ...others.keys()])].sort((a, b) => a - b)) {
    if (monthOf(day) !== month) [month, gone] = [monthOf(day), 0]
    const left = Math.max(0, Math.min(leftOn(routes, day, today, gone), leftOfRamp(routes, day <= today)))
    const first = (others.get(day) ?? 0) + behind
    const emails = own.get(day) ?? 0
    const going = Math.min(left, first + emails)
    const waits = emails - Math.max(0, going - first)
    putOff += waits
    behind = Math.max(0, first - going) + waits
    gone += going
  }
  return putOff
}

/** What the quotas leave of a day, when so many emails have `gone` earlier in its month. */
function leftOn(routes: Routes, day: number, today: number, gone: number): number {
  let [ofDay, ofMonth] = [0, 0]
  for (const { provider, allowance } of routes) {
    const most =
      monthOf(day) === monthOf(today) ? allowance.ofMonth : (provider.quota.month ?? Number.POSITIVE_INFINITY)
    ofDay += day <= today ? allowance.mails : Math.min(provider.quota.day ?? Number.POSITIVE_INFINITY, most)
    ofMonth += most
  }
  return Math.min(ofDay, ofMonth - gone)
}

function emailsByDay(hours: Hours): Map<number, number> {
  const days = new Map<number, number>()
  for (const { at, emails } of hours) days.set(dayOf(at), (days.get(dayOf(at)) ?? 0) + emails)
  return days
}

function dayOf(at: Date): number {
  return Math.floor(at.getTime() / DAY_MS)
}

function monthOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 7)
}

/** What the ramp leaves of today, or of the next day on which it sends. */
function leftOfRamp(routes: Routes, isToday: boolean): number {
  const [first] = routes
  const ramp = first?.allowance.ramp
  if (!first || !ramp) return Number.POSITIVE_INFINITY
  if (isToday || !ramp.begun) return ramp.left
  return first.provider.quota.ramp?.days[ramp.day] ?? Number.POSITIVE_INFINITY
}
