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

/** Follows the hours of an edition, in order, through the first provider that is not out. */
export function foresee(
  routes: readonly Pick<Route, 'provider' | 'allowance' | 'out'>[],
  hours: readonly { at: Date; emails: number }[],
  now: Date,
): Sending {
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
    putOff: putOffBy(routes, hours, now),
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

/** Days are those of UTC, as quotas count. What is left today is known; another day begins anew. */
function putOffBy(
  routes: readonly Pick<Route, 'provider' | 'allowance' | 'out'>[],
  hours: readonly { at: Date; emails: number }[],
  now: Date,
): number {
  const dayOf = (at: Date) => Math.floor(at.getTime() / DAY_MS)
  const days = new Map<number, number>()
  for (const { at, emails } of hours) days.set(dayOf(at), (days.get(dayOf(at)) ?? 0) + emails)
  const isToday = (day: number) => day <= dayOf(now)
  const leftOn = (day: number) =>
    routes.reduce((sum, { provider: { quota }, allowance }) => {
      const most = Math.min(quota.day ?? Number.POSITIVE_INFINITY, quota.month ?? Number.POSITIVE_INFINITY)
      return sum + (isToday(day) ? allowance.mails : most)
    }, 0)
  return [...days].reduce(
    (sum, [day, emails]) => sum + Math.max(0, emails - Math.min(leftOn(day), leftOfRamp(routes, isToday(day)))),
    0,
  )
}

/** What the ramp leaves of today, or of the next day on which it sends. */
function leftOfRamp(routes: readonly Pick<Route, 'provider' | 'allowance'>[], isToday: boolean): number {
  const [first] = routes
  const ramp = first?.allowance.ramp
  if (!first || !ramp) return Number.POSITIVE_INFINITY
  if (isToday || !ramp.begun) return ramp.left
  return first.provider.quota.ramp?.days[ramp.day] ?? Number.POSITIVE_INFINITY
}
