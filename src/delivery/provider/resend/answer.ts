// What Resend's answers mean, in the port's words. Where one leaves any doubt about a single mail
// the outcome is `unknown`. Pure.
import * as z from 'zod'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../../time.ts'
import type { Limits } from '../../pace/window.ts'
import { msToMidnight, toReason } from '../outside.ts'
import type { BatchOutcome, Mail } from '../provider.ts'

/**
 * What the official client hands back. It follows no fixed shape when a gateway answered in
 * Resend's place.
 */
export interface ResendAnswer {
  data: unknown
  error: unknown
  headers: Record<string, string> | null
}

/** A wait that an answer asks for is believed up to this. */
const LONGEST_PAUSE_MS = HOUR_MS
/** The other request with the same key may still be at work for a few seconds. */
const CONCURRENT_PAUSE_MS = 2 * SECOND_MS
/**
 * A shorter wait beside an exhausted quota belongs to the limit of requests a second, not to the
 * quota.
 */
const SHORTEST_QUOTA_PAUSE_MS = 60 * SECOND_MS

const failure = z.object({ statusCode: z.number(), name: z.string().catch(''), message: z.string().catch('') })

/**
 * Classifies what the client handed back at `now` (milliseconds). Anything that it cannot account
 * for is `unknown`.
 */
export function readAnswer(answer: ResendAnswer, mails: readonly Mail[], now: number): BatchOutcome {
  if (answer.error === null && answer.data !== null) return readAcceptance(answer.data, mails)
  const parsed = failure.safeParse(answer.error)
  if (!parsed.success) return { kind: 'unknown', reason: 'no readable answer: the connection failed or was cut' }
  const { statusCode: status, name, message } = parsed.data
  const asked = readPause(answer.headers, now)
  const reason = toReason(
    `${status} ${name}: ${message}`,
    mails.map((mail) => mail.to),
  )
  if (status === 429) {
    if (name !== 'daily_quota_exceeded' && name !== 'monthly_quota_exceeded') {
      return { kind: 'throttled', retryAfterMs: Math.min(asked ?? SECOND_MS, LONGEST_PAUSE_MS) }
    }
    return { kind: 'quota', reason, retryAfterMs: quotaPause(asked, now) }
  }
  // The client's own name for a failure whose body it could not read, whatever the status: a
  // gateway may have spoken.
  if (name === 'application_error') return { kind: 'unknown', reason }
  if (isAccountRefused(status, name, message)) return { kind: 'stopped', reason }
  // 413 comes from the gateway: the request is too large as a whole, and half of it may pass.
  if (status === 400 || status === 422 || status === 413) return { kind: 'refused', reason }
  if (status === 409 && name === 'concurrent_idempotent_requests') {
    return { kind: 'concurrent', retryAfterMs: Math.min(asked ?? CONCURRENT_PAUSE_MS, LONGEST_PAUSE_MS) }
  }
  if (status === 409 && name === 'invalid_idempotent_request') return { kind: 'mismatch', reason }
  return { kind: 'unknown', reason }
}

/** Classifies the answer to a single mail: accepted under one id, or like any other failure. */
export function readNoticeAnswer(answer: ResendAnswer, notice: Mail, now: number): BatchOutcome {
  if (answer.error !== null || answer.data === null) return readAnswer(answer, [notice], now)
  const accepted = z.object({ id: z.string().min(1) }).safeParse(answer.data)
  if (!accepted.success) return { kind: 'unknown', reason: 'the answer has another shape than documented' }
  return { kind: 'answered', outcomes: [{ state: 'submitted', providerId: accepted.data.id }] }
}

const acceptance = z.object({
  data: z.array(z.object({ id: z.string().min(1) })),
  // Left out when nothing was wrong.
  errors: z.array(z.object({ index: z.number().int().nonnegative(), message: z.string() })).default([]),
})

// `data` holds only what was accepted, in order and without its place, so the places follow from
// those of the errors. They follow only if the two lists together are exactly the mails of the
// request.
function readAcceptance(body: unknown, mails: readonly Mail[]): BatchOutcome {
  const parsed = acceptance.safeParse(body)
  if (!parsed.success) return { kind: 'unknown', reason: 'the answer has another shape than documented' }
  const { data, errors } = parsed.data
  const messages = new Map(errors.map(({ index, message }) => [index, message]))
  const ids = new Set(data.map(({ id }) => id))
  const accountsForAll =
    ids.size === data.length &&
    messages.size === errors.length &&
    data.length + errors.length === mails.length &&
    errors.every(({ index }) => index < mails.length)
  if (!accountsForAll) {
    const counts = `${data.length} accepted and ${errors.length} rejected of ${mails.length}`
    return { kind: 'unknown', reason: `the answer does not account for every mail: ${counts}` }
  }
  const accepted = ids.values()
  const outcomes = mails.map((mail, index) => {
    const message = messages.get(index)
    if (message !== undefined) return { state: 'rejected' as const, reason: toReason(message, [mail.to]) }
    return { state: 'submitted' as const, providerId: accepted.next().value ?? null }
  })
  return { kind: 'answered', outcomes }
}

// Nothing in the single mail is wrong here, so halving would reject them all one by one: key,
// domain, sender, address of the API. A wrong key is documented as 403 invalid_api_key but answered
// as a validation error.
function isAccountRefused(status: number, name: string, message: string): boolean {
  if (status === 401 || status === 403 || status === 404 || status === 405 || status === 451) return true
  return name === 'invalid_from_address' || (name === 'validation_error' && /\bAPI key is invalid\b/i.test(message))
}

/** Returns what an answer says of its limits, null where it says nothing usable. */
export function readLimits(headers: Record<string, string> | null): Limits | null {
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((name) => {
    const value = headers?.[`ratelimit-${name}`]?.trim() ?? ''
    return /^\d{1,9}(\.\d+)?$/.test(value) ? Number(value) : undefined
  })
  if (limit === undefined || remaining === undefined) return null
  return { limit, remaining, resetMs: (reset ?? 1) * SECOND_MS }
}

// `retry-after` is seconds here and may be a date in HTTP at large. Undefined when it says nothing
// usable.
function readPause(headers: Record<string, string> | null, now: number): number | undefined {
  const value = headers?.['retry-after']?.trim()
  if (!value) return undefined
  const pause = /^\d+(\.\d+)?$/.test(value) ? Number(value) * SECOND_MS : Date.parse(value) - now
  return pause > 0 ? Math.ceil(pause) : undefined
}

// Without a word from Resend both quotas are tried again at the next midnight in UTC: the daily one
// ends about then, and the month's last day depends on the contract. One refused request a day
// costs nothing.
function quotaPause(asked: number | undefined, now: number): number {
  if (asked !== undefined && asked >= SHORTEST_QUOTA_PAUSE_MS) return Math.min(asked, DAY_MS)
  return msToMidnight(now)
}
