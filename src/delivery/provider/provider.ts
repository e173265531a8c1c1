// The port to a provider: the service that takes mails. An implementation classifies what happened;
// it never retries by itself and never writes to the database.

import type { MailEncoding } from '../../digest/joining/joining.ts'
import type { Draft, Slots } from '../../digest/piece/draft.ts'
import type { Finding } from '../../errors.ts'
import type { Turn } from '../pace/paces.ts'

/** One digest, ready to leave. */
export interface Mail {
  /** The delivery's public id: tag, file name and Message-ID. Says nothing about the reader. */
  publicId: string
  to: string
  from: string
  subject: string
  /** All further headers, in the order in which they leave. */
  headers: Record<string, string>
  html: string
  text: string
  /** ISO 8601 in UTC: the delivery's `issued_at`, the same in every repeat. */
  date: string
  /**
   * What it was joined from, where it was: a provider may encode the draft once and never read
   * `headers`, `html` and `text`, which say the same.
   */
  joined?: { draft: Draft; slots: Slots }
}

export interface BatchRequest {
  /** What the mails belong to. */
  edition: { date: string; kind: string }
  /** The same for every repeat of the same bytes; at most 256 characters. */
  idempotencyKey: string
  mails: Mail[]
  signal?: AbortSignal
  /** Hears when the first byte leaves, and what the answer says of limits. */
  turn?: Heard
}

export type Heard = Pick<Turn, 'leaves' | 'limits'>

/** One mail that is not a digest. Its public id is the notice's own. */
export interface NoticeRequest {
  notice: Mail
  /** `confirm`, `export` … */
  kind: string
  /** The same for every repeat of the same bytes; at most 256 characters. */
  idempotencyKey: string
  signal?: AbortSignal
  turn?: Heard
}

export type MailOutcome =
  | { state: 'submitted'; providerId: string | null }
  /** `isGone`: by the server's word on the recipient, nobody is there. */
  | { state: 'rejected'; reason: string; isGone?: true }
  /** Certainly not accepted now; may be later. Only from a provider that takes mails one by one. */
  | {
      state: 'deferred'
      reason: string
      retryAfterMs: number
      /** The recipient's host says that it gets too many at a time. */
      tooFast?: true
    }
  /** May or may not have been accepted, as the only one: others of the request were answered. */
  | { state: 'unknown'; reason: string }

/** What became of one request. Only `answered` accounts for every mail. */
export type BatchOutcome =
  /** One outcome a mail, in the order of the request. */
  | { kind: 'answered'; outcomes: MailOutcome[] }
  /**
   * The whole request was refused for its content and nothing was accepted: halve it under new
   * keys.
   */
  | { kind: 'refused'; reason: string }
  /** The key or the account is refused: nothing goes until the operator resumes. */
  | { kind: 'stopped'; reason: string }
  /** Too fast, or out of reach: nothing was accepted; the whole queue waits. Not an attempt. */
  | { kind: 'throttled'; retryAfterMs: number; reason?: string }
  /** The same key is in flight elsewhere: the same bytes and key again, after the wait. */
  | { kind: 'concurrent'; retryAfterMs: number }
  /** The provider's quota is used up: nothing was accepted; nothing goes to it for so long. */
  | { kind: 'quota'; reason: string; retryAfterMs: number }
  /** The key is known with another payload: unknown, with an alarm, and never a new key. */
  | { kind: 'mismatch'; reason: string }
  /** It may or may not have been accepted: the same bytes and key again, while replay lasts. */
  | { kind: 'unknown'; reason: string }

/** Which mails a provider is asked about: those to these addresses, since a moment. */
export interface LookUp {
  recipients: ReadonlySet<string>
  since: Date
}

/** A mail that a provider accepted, by the delivery that it was tagged with. */
export interface FoundMail {
  publicId: string
  providerId: string
  at: Date
}

/** A mail as a provider lists it: whose it is and when it was accepted, not what is in it. */
export interface ListedMail {
  providerId: string
  to: string[]
  subject: string
  at: Date
}

/** The key may send, and not ask what was sent. */
export class MayNotListError extends Error {
  override name = 'MayNotListError'
}

/**
 * How many mails a provider takes in a day and in a calendar month, both in UTC; null where no
 * number is known.
 */
export interface Quota {
  day: number | null
  month: number | null
  /** The same of all providers, where the sender is new. */
  ramp?: Ramp | undefined
}

/** To how many readers a sender's domain writes on its first day, its second …; then to all. */
export interface Ramp {
  domain: string
  days: readonly number[]
}

/** What a provider says before anything is sent. */
export interface Checkup {
  findings: Finding[]
  at: Date | null
}

/** What became of one mail, or what concerns everything that goes to this provider. */
export type OneOutcome =
  | MailOutcome
  | Extract<BatchOutcome, { kind: 'stopped' | 'quota' }>
  | { kind: 'throttled'; reason: string; retryAfterMs: number }

/** How a provider takes mails that knows no requests of many. */
export interface OneByOne {
  /** How many it takes at the same time: so many may be marked and not settled in a process. */
  inHand: number
  /** Hands over each of them; one outcome a mail as it is there. None of them rejects. */
  handOver(mails: readonly Mail[], signal?: AbortSignal): Promise<OneOutcome>[]
  /** Puts the outcomes of mails into one of their batch. */
  summarize(mails: readonly Mail[], outcomes: readonly OneOutcome[]): BatchOutcome
}

export const PROVIDER_NAMES = ['outbox', 'resend', 'smtp'] as const
export type ProviderName = (typeof PROVIDER_NAMES)[number]

export interface Provider {
  name: ProviderName
  /** Most mails a request. */
  batchSize: number
  /** Requests a second that it takes; null when it needs no pacing. */
  requestsPerSecond: number | null
  /** How many mails it takes a day and a month. */
  quota: Quota
  /**
   * Emails a minute to one host of addresses, null as many as it takes; left out where the provider
   * sees to that itself.
   */
  domainRate?: number | null
  /**
   * How long after the first attempt a repeat of the same bytes and key cannot double, in
   * milliseconds: 0 never, Infinity always.
   */
  replayMs: number
  /** How html and text must reach `send`. */
  encoding: MailEncoding
  /** Whether mails can reach people: reserved example domains are withheld then. */
  reachesRealWorld: boolean
  /**
   * Has a connection ready for the next `send`, where one is kept: nothing leaves. Never rejects.
   */
  connect?(): Promise<void>
  send(request: BatchRequest): Promise<BatchOutcome>
  /** Where it takes mails one by one: each is a request of its own. */
  oneByOne?: OneByOne
  /** Takes one notice; `answered` holds exactly one outcome. */
  sendNotice(request: NoticeRequest): Promise<BatchOutcome>
  /** Lists what it accepted, where it remembers. Rejects when it does not tell. */
  findAccepted?(ask: LookUp): Promise<FoundMail[]>
  /**
   * Lists all that it accepted since a moment, where it remembers. Rejects when it does not tell to
   * the end, with a MayNotListError where it never will.
   */
  listAccepted?(since: Date): Promise<ListedMail[]>
  /** Returns the HTML of one mail that it accepted and lists. Rejects when it does not tell. */
  fetchAccepted?(providerId: string): Promise<string>
  /**
   * Asks whether it would take mails of the sender `from`, and sends nothing. `at`: its clock,
   * where it tells. Never rejects.
   */
  check?(from: string): Promise<Checkup>
  /** Ends open connections, where some are kept. */
  close?(): Promise<void>
}

export const NO_QUOTA: Quota = { day: null, month: null }

/** Why an email waits for which nothing was left. Rows of older versions have the same words. */
export const QUOTA_REASONS = ['quota: tomorrow', 'quota: next month', 'warm-up: tomorrow'] as const
export type QuotaReason = (typeof QUOTA_REASONS)[number]

export function isQuotaReason(reason: string | null): reason is QuotaReason {
  return QUOTA_REASONS.some((each) => each === reason)
}
