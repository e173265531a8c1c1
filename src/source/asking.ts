// Asks one address politely: time-outs, a bounded body, patience that grows, and the wait that the
// other side names. It returns what was answered, good or bad; it throws only when there was no
// usable answer, or when the caller gave up.
import { setTimeout as sleep } from 'node:timers/promises'
import { LaterError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { DAY_MS } from '../time.ts'

/** Times an address is asked before the fault counts as lasting for now. */
const ATTEMPTS = 4
/** A first wait of about a second, then doubled: the source is a shared public service. */
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 30_000
/** No other side may switch us off for longer than a day. */
const LONGEST_RETRY_AFTER_MS = DAY_MS
/**
 * A request of a hundred papers takes about two seconds; ten times that is a hang. It counts to the
 * last byte: an answer that only drips is cut as well.
 */
const TIMEOUT_MS = 20_000
/** A server that only moves to https, or a slash, needs one. */
const REDIRECTS_MAX = 3
/**
 * A hundred papers weigh under one megabyte; sixteen leave room for papers with thousands of
 * authors.
 */
export const BODY_MAX_BYTES = 16 * 1024 * 1024

/**
 * What asking depends on; everything has a default, so that tests can put time and network in their
 * own hands.
 */
export interface AskingOptions {
  fetch?: typeof fetch
  logger?: Logger
  /** Waits for a number of milliseconds, and rejects when the signal aborts. */
  pause?: (waitMs: number, signal?: AbortSignal) => Promise<void>
  /** A number from 0 to below 1, for jitter. */
  random?: () => number
  timeoutMs?: number
}

/**
 * An answer that no repetition would better: its status, and its text unless that was too large.
 */
export interface Answered {
  status: number
  body: string
  tooLarge: boolean
  /** Where it wanted to send us, and we do not go: another host. */
  sentTo?: string
}

type Attempt = Answered | { fault: Error; waitMs: number | null }

/**
 * Gets `url`, again after network errors, time-outs, 408, 425, 429 and 5xx. Throws a LaterError
 * when the other side asks for more patience than one question has, the last fault when all
 * attempts failed, and the reason of `signal`.
 */
export async function ask(
  url: URL,
  headers: Record<string, string>,
  options: AskingOptions,
  signal?: AbortSignal,
): Promise<Answered> {
  const { pause = pauseFor, random = Math.random } = options
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await askOnce(url, headers, options, signal)
    if (!('fault' in outcome)) return outcome
    if (outcome.waitMs !== null && outcome.waitMs > LONGEST_WAIT_MS) {
      throw new LaterError(outcome.fault.message, outcome.waitMs, { cause: outcome.fault.cause })
    }
    if (attempt === ATTEMPTS) throw outcome.fault
    const backoffMs = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS) * (0.5 + random() / 2)
    const waitMs = Math.round(Math.max(outcome.waitMs ?? 0, backoffMs))
    options.logger?.warn(
      { event: 'source.retried', host: url.host, attempt, waitMs, reason: outcome.fault.message },
      'a source was asked again after a fault',
    )
    await pause(waitMs, signal)
  }
}

/** Waits; rejects as soon as the signal aborts. */
export async function pauseFor(waitMs: number, signal?: AbortSignal): Promise<void> {
  await sleep(waitMs, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    // The caller's own reason, as everywhere else, instead of the timer's.
    signal?.throwIfAborted()
    throw error
  })
}

async function askOnce(
  url: URL,
  headers: Record<string, string>,
  options: AskingOptions,
  signal?: AbortSignal,
): Promise<Attempt> {
  signal?.throwIfAborted()
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
  try {
    const response = await follow(url, options.fetch ?? fetch, {
      headers,
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    const { status } = response
    if (isRedirect(status)) {
      await response.body?.cancel()
      const target = targetOf(response, url)
      const sentTo = target && !isSamePlace(url, target) ? { sentTo: target.host || target.protocol } : {}
      return { status, body: '', tooLarge: false, ...sentTo }
    }
    if (status === 408 || status === 425 || status === 429 || status >= 500) {
      await response.body?.cancel()
      const fault = new Error(`${url.host} answered ${status}`)
      return { fault, waitMs: retryAfterMs(response.headers.get('retry-after'), Date.now()) }
    }
    return { status, ...(await readBody(response)) }
  } catch (cause) {
    signal?.throwIfAborted()
    const sentence = timeout.aborted ? `${url.host} did not answer in time` : `${url.host} could not be reached`
    return { fault: new Error(sentence, { cause }), waitMs: null }
  }
}

/**
 * Follows redirects within the host that was named. Anywhere else could be an address that only
 * this machine reaches, such as a cloud's own at 169.254.169.254, or a service of the host's: that
 * answer is returned as it came.
 */
async function follow(url: URL, get: typeof fetch, init: RequestInit): Promise<Response> {
  let at = url
  for (let redirects = 0; ; redirects += 1) {
    const response = await get(at.href, init)
    const target = isRedirect(response.status) ? targetOf(response, at) : undefined
    if (target === undefined || redirects === REDIRECTS_MAX || !isSamePlace(url, target)) return response
    await response.body?.cancel()
    at = target
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

function targetOf(response: Response, from: URL): URL | undefined {
  const location = response.headers.get('location') ?? ''
  return location !== '' && URL.canParse(location, from.href) ? new URL(location, from) : undefined
}

/** The same host and port, or its ordinary move from http to https. */
function isSamePlace(named: URL, target: URL): boolean {
  if (target.origin === named.origin) return true
  const ordinary = named.port === '' && target.port === ''
  return ordinary && named.protocol === 'http:' && target.protocol === 'https:' && target.hostname === named.hostname
}

async function readBody(response: Response): Promise<Pick<Answered, 'body' | 'tooLarge'>> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    parts.push(part)
    size += part.byteLength
    // Leaving the loop cancels the stream: what is too large is not downloaded.
    if (size > BODY_MAX_BYTES) return { body: '', tooLarge: true }
  }
  return { body: Buffer.concat(parts).toString('utf8'), tooLarge: false }
}

/** Reads `retry-after`, seconds or a date; returns null when it is missing or neither. */
function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null || header.trim() === '') return null
  const seconds = Number(header)
  const waitMs = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1_000
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(0, waitMs), LONGEST_RETRY_AFTER_MS)
}
