// Why a reader has no mail of an edition, in words: one reason, and whose it is. Pure. What is a
// fact of an edition is read there, what met a reader is read from their delivery; everything else
// follows from what is known of both.
import type { BatchState, Cadence, Consent, DeliveryState, EditionKind } from '../../database/states.ts'
import {
  emptyWords,
  type Filtered,
  filteredWords,
  heldSentence,
  type SilenceWords,
} from '../../digest/choosing/silence-words.ts'
import { editionName, longDate, shortDate } from '../../digest/text/words.ts'
import { dateOf, type Edition } from '../../edition/edition.ts'
import type { EditionDate } from '../../source/paper.ts'
import { DAY_MS } from '../../time.ts'
import { isQuotaReason, type QuotaReason } from '../provider/provider.ts'

/** Whose reason it is: the edition's, of the reader's own choices, or ours. */
export type Whose = 'edition' | 'choices' | 'ours'

/** One reason, and whose it is. */
export interface Silence extends SilenceWords {
  whose: Whose
}

/**
 * What became of an edition for one reader: a mail, one that is still to come, or the one reason
 * why there is none.
 */
export type Outcome =
  | { kind: 'mail'; sentence: string }
  | { kind: 'coming'; sentence: string }
  | ({ kind: 'silence' } & Silence)

/** The edition that took this one in. */
export interface MergedInto {
  date: EditionDate
  /** Why no email came of it; null for one that went or may go. */
  withheld: string | null
}

/** The batch that carries a delivery. */
interface WaitingBatch {
  state: BatchState
  reason: string | null
  /** The reader's local date and hour until which it waits; null where none is known. */
  until: string | null
}

export interface Facts {
  date: EditionDate
  kind: EditionKind
  /** When its votes are counted, known or not. */
  cutoffAt: Date
  /** Undefined when nothing is known of the date. */
  edition: Pick<Edition, 'state' | 'reason' | 'archive' | 'frozenAt'> | undefined
  /** Why nothing of it goes now; null when it may. */
  stopped: string | null
  delivery:
    | {
        state: DeliveryState
        reason: string | null
        batch: WaitingBatch | null
        mergedInto: MergedInto | null
        filtered: Filtered | null
      }
    | undefined
  reader: {
    consent: Consent
    cadence: Cadence
    /** The last day of a pause, that day included; it may be over. */
    pausedUntil: string | null
    isPaused: boolean
    /** Why nothing may be written to the address. */
    suppressed: string | null
    subscribedAt: Date
    /** When they last chose, came or left: what they are now they have been since. */
    changedAt: Date
    waitingSince: Date
    /** The reader's local date and hour at which they are asked next; null for nobody confirmed. */
    nextHour: string | null
  }
  /** The database's time. */
  now: Date
  /** Whether a weekly reader's weekday and hour point to this week, or their clock stands at it. */
  isTheirWeek: boolean
  /** Whether what it brings at the hour of their clock is this edition, where it waits for them. */
  isNext: boolean
  /** When it would have come by what they chose today. */
  hourAt: Date
  /** The week within six days of this one that they were asked about, a later one first. */
  otherWeek: EditionDate | null
}

/** How long an edition waits for a reader's hour: over a weekend, or for their day of the week. */
const WAIT_MAX_DAYS = { daily: 4, weekly: 8 }

/** Tells what became of an edition for a reader. Every case ends in exactly one answer. */
export function outcomeFor(facts: Facts): Outcome {
  const { delivery, edition } = facts
  if (delivery) return outcomeOfDelivery(facts, delivery)
  const { reader, kind } = facts
  const isWeekly = reader.cadence === 'weekly'
  if (isWeekly !== (kind === 'weekly')) {
    const sentence = isWeekly ? 'You get the week, not each day.' : 'You get the days, not the week.'
    return silent({ whose: 'choices', reason: 'other-cadence', sentence })
  }
  if (isWeekly && !facts.isTheirWeek) return silent(notYourDay(facts))
  // What it held came with the later one.
  const moved = isWeekly ? movedSilence(facts) : undefined
  if (moved && (facts.otherWeek ?? '') > facts.date) return silent({ ...moved, reason: 'not-your-day' })
  return silent(editionSilence(edition, facts)) ?? outcomeOfWaiting(facts)
}

/** Says why an edition is sent to nobody; undefined for a frozen one that is not of the archive. */
export function editionSilence(
  edition: Facts['edition'],
  { date, kind, cutoffAt, now }: Pick<Facts, 'date' | 'kind' | 'cutoffAt' | 'now'>,
): Silence | undefined {
  const whose = 'edition'
  const name = editionName(date, kind)
  if (date > dateOf(now))
    return { whose, reason: 'ahead', sentence: `${name} is still to come: its day is not there yet.` }
  if (!edition && cutoffAt <= now) {
    return { whose, reason: 'not-collected', sentence: `${name} was never made: nothing is known of it.` }
  }
  // One that nobody has looked at yet is open as well.
  const { state, reason } = edition ?? { state: 'open', reason: null }
  if (state === 'open') {
    const until = `${cutoffAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
    const sentence =
      cutoffAt > now
        ? `${name} is still open: votes count until ${until}.`
        : `${name} has not come out; its votes ended at ${until}.`
    return { whose, reason: 'open', sentence }
  }
  if (state === 'held') {
    return { whose, reason: 'held', sentence: heldSentence(name, reason) }
  }
  if (state === 'empty') return { whose, ...emptyWords(reason, kind) }
  if (edition?.archive) {
    return { whose, reason: 'archive', sentence: `${name} was collected as an archive, which is sent to nobody.` }
  }
  return undefined
}

/** Says what a reason of a withheld delivery means; `detail` adds what is known of this one. */
export function withheldSilence(
  reason: string | null,
  detail: { mergedInto?: MergedInto | null; filtered?: Filtered | null } = {},
): Silence {
  switch (reason) {
    case 'filtered':
      return { whose: 'choices', ...filteredWords(detail.filtered ?? null) }
    case 'paused':
      return { whose: 'choices', reason, sentence: 'You had paused before it was sent.' }
    case 'left':
      return { whose: 'ours', reason, sentence: 'You had unsubscribed before it was sent.' }
    case 'late':
      return {
        whose: 'ours',
        reason,
        sentence: 'It was delayed too long to still be news.',
      }
    case 'merged':
      return mergedSilence(detail.mergedInto ?? null)
    case 'suppressed':
      return { whose: 'ours', reason, sentence: 'This address gets no email: earlier emails to it failed.' }
    case 'reserved-domain':
      return {
        whose: 'ours',
        reason,
        sentence: 'Example addresses cannot receive email.',
      }
    default:
      return {
        whose: 'ours',
        reason: reason ?? 'withheld',
        sentence: `Withheld (${reason ?? 'no reason recorded'}).`,
      }
  }
}

/**
 * What took it in may have left nothing itself: then no email came of either. Where nothing did,
 * the week that will may be yet to come.
 */
function mergedSilence(into: MergedInto | null): Silence {
  const reason = 'merged'
  if (into === null) {
    return { whose: 'ours', reason, sentence: 'A newer one took its place: never several emails at once.' }
  }
  if (into.withheld === null) {
    const sentence = `It went into your digest of ${shortDate(into.date)}: never several emails at once.`
    return { whose: 'ours', reason, sentence }
  }
  const together = `It went into the edition of ${shortDate(into.date)}`
  if (into.withheld !== 'filtered') {
    const { whose, sentence } = withheldSilence(into.withheld)
    return { whose, reason, sentence: `${together}, which you did not get. ${sentence}` }
  }
  return { whose: 'choices', reason, sentence: `${together}, and your settings left nothing of the two.` }
}

function outcomeOfDelivery({ stopped, reader }: Facts, delivery: NonNullable<Facts['delivery']>): Outcome {
  const { state, reason, batch } = delivery
  switch (state) {
    case 'submitted':
      return { kind: 'mail', sentence: 'It was sent.' }
    case 'planned': {
      if (stopped !== null) return { kind: 'coming', sentence: `It is planned, but sending is stopped: ${stopped}.` }
      if (batch?.state === 'unknown') return silent(sayUnknown(batch.reason))
      const words = isFree(batch) ? (barringWords(batch, reader) ?? waitingWords(batch)) : ''
      return { kind: 'coming', sentence: `It is planned${words}.` }
    }
    case 'unknown':
      return silent(sayUnknown(reason))
    case 'rejected':
      return silent({ whose: 'ours', reason: 'rejected', sentence: `The provider refused it: ${reason}.` })
    case 'withheld':
      return silent(withheldSilence(reason, delivery))
  }
}

const PUT_OFF_WORDS: Record<QuotaReason, string> = {
  'quota: tomorrow': 'as many emails as may go in a day had gone',
  'quota: next month': 'as many emails as may go in a month had gone',
  'warm-up: tomorrow': 'a new sender writes to only so many readers a day',
}

/** Whether its readers may still leave it: it was not attempted. */
function isFree(batch: WaitingBatch | null): batch is WaitingBatch {
  return batch?.state === 'planned' || batch?.state === 'deferred'
}

/** Why it does not go as the reader stands now; undefined where it does. */
function barringWords(
  { reason, until }: WaitingBatch,
  { consent, suppressed, isPaused, pausedUntil }: Facts['reader'],
): string | undefined {
  if (consent !== 'confirmed') return ', but you have unsubscribed: it does not go any more'
  if (suppressed !== null) return `, but this address gets no email: ${suppressed}`
  if (!isPaused) return undefined
  if (pausedUntil === null) return ', but you are paused: it is sent only if you resume before it goes'
  const at = isQuotaReason(reason) ? until : null
  // Whoever is still paused when it would go does not get it.
  if (at !== null && at.slice(0, 10) > pausedUntil) return undefined
  return `, but you are paused until ${longDate(pausedUntil)}: it is sent only if you resume before ${at ?? 'it goes'}`
}

function waitingWords({ state, reason, until }: WaitingBatch): string {
  if (state !== 'deferred') return ''
  if (!isQuotaReason(reason)) return ` and waits: ${reason ?? 'the provider asked for it'}`
  return ` and waits${until === null ? '' : ` until ${until}`}: ${PUT_OFF_WORDS[reason]}`
}

/**
 * A frozen edition that meets a reader without a delivery of it: it waits for them, or it never
 * did. What they are now is the reason only where they may have become it before it was their hour.
 */
function outcomeOfWaiting(facts: Facts): Outcome {
  const { kind, edition, reader } = facts
  if (reader.consent === 'pending') {
    return silent({ whose: 'choices', reason: 'pending', sentence: 'The subscription is not confirmed yet.' })
  }
  const frozenAt = edition?.frozenAt ?? new Date(0)
  const wasInTime = reader.changedAt.getTime() <= frozenAt.getTime() + WAIT_MAX_DAYS[kind] * DAY_MS
  if (reader.consent === 'unsubscribed' && wasInTime) {
    return silent({ whose: 'ours', reason: 'left', sentence: 'You have unsubscribed: nothing is sent any more.' })
  }
  if (reader.suppressed !== null) {
    const sentence = `This address gets no email: ${reader.suppressed}.`
    return silent({ whose: 'ours', reason: 'suppressed', sentence })
  }
  const paused = reader.pausedUntil === null ? '' : ` until ${longDate(reader.pausedUntil)}`
  if (reader.isPaused && wasInTime) {
    return silent({ whose: 'choices', reason: 'paused', sentence: `You are paused${paused}.` })
  }
  if (reader.consent === 'confirmed' && !reader.isPaused && frozenAt > reader.waitingSince && facts.isNext) {
    return { kind: 'coming', sentence: `It waits for your next hour: ${reader.nextHour ?? 'none is set'}.` }
  }
  if (frozenAt < reader.subscribedAt) {
    return silent({ whose: 'choices', reason: 'before', sentence: 'It came out before you subscribed.' })
  }
  if (!reader.isPaused && wasInTime && reader.pausedUntil !== null && dateOf(frozenAt) <= reader.pausedUntil) {
    return silent({ whose: 'choices', reason: 'paused', sentence: `You were paused${paused}.` })
  }
  const sentence = 'You were paused or on another schedule that day.'
  return silent((kind === 'weekly' && movedSilence(facts)) || { whose: 'choices', reason: 'not-waiting', sentence })
}

/**
 * Says that a week was none of theirs before they changed something; undefined where nothing has
 * changed since its hour. That it was their day or hour is known where another week was theirs.
 */
function movedSilence({ reader, hourAt, otherWeek }: Facts): Silence | undefined {
  if (reader.consent !== 'confirmed' || reader.changedAt <= hourAt || reader.subscribedAt > hourAt) return undefined
  const sentence =
    otherWeek === null
      ? `Your settings were different then: you changed them on ${longDate(dateOf(reader.changedAt))}.`
      : `You moved your weekly digest since: yours was the week to ${longDate(otherWeek)}.`
  return { whose: 'choices', reason: 'moved', sentence }
}

function notYourDay({ date }: Facts): Silence {
  const sentence = `Not one of your delivery days: your week does not end on ${longDate(date)}.`
  return { whose: 'choices', reason: 'not-your-day', sentence }
}

function sayUnknown(reason: string | null): Silence {
  const sentence = `The provider may or may not have accepted it${reason ? ` (${reason})` : ''}: it is not sent twice.`
  return { whose: 'ours', reason: 'unknown', sentence }
}

function silent(silence: Silence): Outcome
function silent(silence: Silence | undefined): Outcome | undefined
function silent(silence: Silence | undefined): Outcome | undefined {
  return silence && { kind: 'silence', ...silence }
}
