// Who may make a request to a provider next, and when: decided from what all workers have told so
// far. A provider counts requests in any second; what counts is when they reach it, which nobody
// here sees. But an answer says by when its request had: it took so much longer than the quickest
// of late. A turn is the moment at which the first byte of a request may leave; one that is not
// used lapses, and none is caught up. Pure; moments in milliseconds, by one clock for all.

import * as z from 'zod'
import { readStored } from '../../database/stored.ts'
import { SECOND_MS } from '../../time.ts'

/** What is known of the requests to one provider. */
export interface Window {
  /** No turn before it, so that requests go about evenly. */
  nextAt: number
  /** Nothing leaves before it, by the provider's own word. */
  pausedUntil: number
  /** Requests a second of which the provider spoke, and how long that counts. */
  limit: number | null
  limitUntil: number
  /** How much later than the quickest one a request may arrive, as far as it is allowed for. */
  unevenMs: number
  /** How long the quickest of late took from its first byte to its answer, null before any. */
  quickestMs: number | null
  /** Of how many answers that is known. */
  answers: number
  /** Each request that may still count: its turn, and when it has reached the provider at last. */
  requests: [turn: number, reachedBy: number][]
}

/** What an answer says of the provider's limits. */
export interface Limits {
  /** Requests that it takes in a window. */
  limit: number
  /** How many of them are left. */
  remaining: number
  /** Until all of them are there again, in milliseconds. */
  resetMs: number
}

/** A turn, and what is known with it. */
export interface Taken {
  at: number
  window: Window
}

export type Asked =
  | Taken
  /** None is near: ask again after so many milliseconds. */
  | { waitMs: number; window?: never }

/**
 * What a slow answer says of its request's arrival is believed up to the most of these; less where
 * the provider's own count shows that it is slow for reasons of its own.
 */
const UNEVEN = { least: 50, most: 250 }
export const NO_REQUESTS: Window = {
  nextAt: 0,
  pausedUntil: 0,
  limit: null,
  limitUntil: 0,
  unevenMs: UNEVEN.most,
  quickestMs: null,
  answers: 0,
  requests: [],
}

const moment = z.number()
const storedWindow = z.looseObject({
  nextAt: moment.catch(NO_REQUESTS.nextAt),
  pausedUntil: moment.catch(NO_REQUESTS.pausedUntil),
  limit: z.number().nullable().catch(NO_REQUESTS.limit),
  limitUntil: moment.catch(NO_REQUESTS.limitUntil),
  unevenMs: z.number().catch(NO_REQUESTS.unevenMs),
  quickestMs: z.number().nullable().catch(NO_REQUESTS.quickestMs),
  answers: z.number().catch(NO_REQUESTS.answers),
  requests: z.array(z.tuple([moment, moment])).catch(() => []),
})

/** Reads what workers have kept: see readStored. */
export function readWindow(text: string | null): Window {
  return text === null ? NO_REQUESTS : readStored(storedWindow, JSON.parse(text))
}

/** As late as a request may be before anything is known of it. */
export const LATE_MS = 50

/** What the clocks of two ends and the last step to the wire may be out by. */
const MARGIN_MS = 2
/**
 * Of the even distance between two turns, so that one that was late does not keep all that come
 * after it.
 */
const EVEN_SHARE = 0.9
/** Up to so many requests are known one by one; more of them go evenly, with room for all. */
const KNOWN_MAX = 50
/** A word about a limit counts for so long: the next answer says it again. */
const LIMIT_COUNTS_MS = 60 * SECOND_MS
/** What is quick is learned anew when it has become slower, so much with every answer. */
const SLOWER_MS = 0.05
/** As the quickest is learned anew, it is never more sure than that of so many answers. */
const SEEN_MAX = 30
/** Of what is believed, where it was shown to be too much. */
const BELIEVED_LESS = 0.9
/** A reset that is further away is none, but a moment in some other reckoning. */
const RESET_MAX_MS = 3_600 * SECOND_MS

/**
 * Gives the next turn, for `weight` requests at once, where it is at most `aheadMs` away.
 * `perSecond`: what the host allows.
 */
export function askTurn(
  window: Window,
  { perSecond, weight, now, aheadMs }: { perSecond: number; weight: number; now: number; aheadMs: number },
): Asked {
  const { count, spanMs } = paceOf(window, perSecond, now)
  const isKnown = count <= KNOWN_MAX
  const everyMs = isKnown ? (EVEN_SHARE * spanMs) / count : (spanMs + LATE_MS) / count
  // So many of the latest may stand beside this one.
  const crowd = isKnown ? latest(window, Math.max(0, count - weight)) + spanMs + MARGIN_MS : 0
  const at = Math.max(now, window.nextAt, window.pausedUntil, crowd)
  if (at - now > aheadMs) return { waitMs: at - now - aheadMs }
  const counting = window.requests.filter(([, reachedBy]) => reachedBy > now - 2 * Math.max(spanMs, SECOND_MS))
  const own = isKnown ? Array.from({ length: weight }, (): [number, number] => [at, at + LATE_MS]) : []
  return {
    at,
    window: { ...window, nextAt: at + weight * everyMs, requests: [...counting, ...own] },
  }
}

/** Takes a turn back of which nothing came. */
export function giveBack(window: Window, turn: number): Window {
  return { ...window, requests: window.requests.filter(([at]) => at !== turn) }
}

export interface Reached {
  turn: number
  /** When its first byte left, at the latest. */
  leftBy: number
  /** How long its answer took from then on, null where nobody knows. */
  tookMs: number | null
  limits: Limits | null
  now: number
  perSecond: number
}

/**
 * How much quicker than the quickest of so many one can still be, but for one time in twenty, where
 * they are uneven by LATE_MS.
 */
function unseenMs(answers: number): number {
  return LATE_MS * (1 - 0.05 ** (1 / Math.min(SEEN_MAX, answers)))
}

/** Notes what is known of the request of a turn: by when it had arrived, and what was answered. */
export function noteReached(window: Window, reached: Reached): Window {
  const { turn, leftBy, tookMs, now, perSecond } = reached
  const { quickestMs, unevenMs } = window
  const answers = window.answers + (tookMs === null ? 0 : 1)
  const quickest = Math.min(tookMs ?? Number.POSITIVE_INFINITY, (quickestMs ?? Number.POSITIVE_INFINITY) + SLOWER_MS)
  const slower = tookMs === null ? LATE_MS : tookMs - quickest + unseenMs(answers)
  const reachedBy = leftBy + Math.min(unevenMs, slower)
  // Where this one was quicker than all before, they took so much longer than was thought.
  const longerMs = Math.max(0, (quickestMs ?? quickest) - quickest)
  const requests = window.requests.map(([at, by]): [number, number] => [at, at === turn ? reachedBy : by + longerMs])
  const known = { ...window, requests, answers, quickestMs: Number.isFinite(quickest) ? quickest : null }
  return reached.limits === null ? known : followLimits(known, reached.limits, { turn, reachedBy, now, perSecond })
}

function followLimits(
  window: Window,
  { limit, remaining, resetMs }: Limits,
  { turn, reachedBy, now, perSecond }: { turn: number; reachedBy: number; now: number; perSecond: number },
): Window {
  if (resetMs > RESET_MAX_MS) return window
  if (resetMs > SECOND_MS) {
    // A longer window than ours: only its end is heeded.
    return remaining > 0 ? window : { ...window, pausedUntil: Math.max(window.pausedUntil, now + resetMs) }
  }
  const { requests, unevenMs } = window
  const counted = limit - remaining
  // By what is believed of them, these at least were in its second.
  const believed = requests.filter(([at, by]) => by > reachedBy - SECOND_MS && at <= turn).length
  const limited: Window = {
    ...window,
    ...(limit >= 1 ? { limit, limitUntil: now + LIMIT_COUNTS_MS } : {}),
    unevenMs: counted < believed ? Math.max(UNEVEN.least, unevenMs * BELIEVED_LESS) : unevenMs,
  }
  const { count } = paceOf(limited, perSecond, now)
  // As many of ours as it can have counted; what is beyond them was somebody else's.
  const ours = requests.filter(([at, by]) => by > turn - SECOND_MS && at <= reachedBy).length
  const others = counted - ours - Math.max(0, limit - count)
  if (others <= 0 || count > KNOWN_MAX) return limited
  const theirs = Array.from({ length: Math.min(others, count) }, (): [number, number] => [-1, reachedBy])
  return { ...limited, requests: [...requests, ...theirs] }
}

/**
 * Tells whether others need to know of an answer: where so many may go that they are not known one
 * by one, only of one that asks for less.
 */
export function isWorthTelling(perSecond: number, limits: Limits | null): boolean {
  return !isEven(perSecond) || (limits !== null && (limits.limit < perSecond || limits.remaining === 0))
}

/** Whether so many may go that they are not known one by one: they go evenly. */
export function isEven(perSecond: number): boolean {
  return perSecond > KNOWN_MAX
}

/** Notes that nothing leaves before a moment. A longer pause stays. */
export function notePause(window: Window, until: number): Window {
  return { ...window, pausedUntil: Math.max(window.pausedUntil, until) }
}

/** So many requests in any such span. */
function paceOf({ limit, limitUntil }: Window, perSecond: number, now: number): { count: number; spanMs: number } {
  if (limit !== null && limitUntil > now && limit < perSecond) return { count: limit, spanMs: SECOND_MS }
  const count = Math.max(1, Math.floor(perSecond))
  return { count, spanMs: (count / perSecond) * SECOND_MS }
}

/** By when the latest but `before` had arrived. */
function latest({ requests }: Window, before: number): number {
  const moments = requests.map(([, reachedBy]) => reachedBy).sort((a, b) => b - a)
  return moments[before] ?? Number.NEGATIVE_INFINITY
}
