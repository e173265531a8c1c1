// One life, as a table: every change of state of a batch, a notice and a delivery, who may make it,
// and why. once.ts, parts.ts and ledger.ts are driven from it and are the only ones that write
// these states; docs/states.md is drawn from it, and tests hold database and code to it. Pure.
import { type RawBuilder, sql } from 'kysely'
import { fixedPart } from '../../database/prepared.ts'
import type { BatchState, DeliveryState, NoticeState } from '../../database/states.ts'
import { QUOTA_REASONS } from '../provider/provider.ts'

/** Who may make a change. */
export type Actor =
  /** Whoever decides who gets what. */
  | 'planner'
  /** A page that asks for a mail that is not a digest. */
  | 'asker'
  /** A worker, without the lease yet. */
  | 'worker'
  /** The worker that has the lease: each of its writes is fenced by the lease's epoch. */
  | 'holder'
  /** An answer or a report: true whoever heard it and however late, so it is never fenced. */
  | 'provider'
  /** A reader who goes while nothing is marked: takes the lease from whoever has it. */
  | 'reader'
  | 'operator'
  /** The clock. */
  | 'sweep'

export interface Transition<State extends string> {
  /** None where the row is made by it. */
  from: readonly State[]
  /** None where the row is removed; the states of `from` where it stays in its state. */
  to: readonly State[]
  by: Actor
  why: string
}

/** Nothing of it can have been accepted: members may leave, and it may go to another provider. */
const FRESH = ['planned', 'deferred'] as const
/** A request may have been accepted: its bytes, key and provider are fixed. */
const ATTEMPTED = ['attempting', 'unknown'] as const
/** Something is still before it. In the words and the order of the partial indexes. */
const UNSETTLED = ['planned', 'attempting', 'deferred', 'unknown'] as const

/** What a batch and a notice have in common. */
const SENDING = {
  claim: { from: UNSETTLED, to: UNSETTLED, by: 'worker', why: 'its time has come and nobody has the lease' },
  release: {
    from: UNSETTLED,
    to: UNSETTLED,
    by: 'holder',
    why: 'another provider or pace has its turn, or it was stopped',
  },
  'take-over': {
    from: UNSETTLED,
    to: UNSETTLED,
    by: 'sweep',
    why: 'its process has ended or was not heard of, or its lease ran out without a word',
  },
  mark: { from: UNSETTLED, to: ['attempting'], by: 'holder', why: 'the intent is committed, a request follows' },
  defer: {
    from: ['planned', 'attempting', 'deferred'],
    to: ['deferred'],
    by: 'holder',
    why: 'no request was accepted',
  },
  'put-back': {
    from: ATTEMPTED,
    to: ['unknown'],
    by: 'holder',
    why: 'refused, but an earlier request may have been accepted',
  },
  repeat: { from: ATTEMPTED, to: ['unknown'], by: 'holder', why: 'no answer: the same bytes and key again, later' },
  'give-up': {
    from: ATTEMPTED,
    to: ['unknown'],
    by: 'holder',
    why: 'no answer, and no repeat is safe: only evidence settles it',
  },
} as const satisfies Record<string, Transition<BatchState & NoticeState>>

export const BATCH_LIFE = {
  plan: { from: [], to: ['planned'], by: 'planner', why: 'readers are due' },
  part: { from: [], to: ['planned', 'deferred', 'unknown'], by: 'holder', why: 'it left a larger one' },
  ...SENDING,
  settle: {
    from: [...UNSETTLED, 'halved', 'settled'],
    to: ['settled'],
    by: 'provider',
    why: 'the answer accounts for every member',
  },
  account: { from: ATTEMPTED, to: ['settled'], by: 'provider', why: 'reports account for every member' },
  halve: { from: ['attempting'], to: ['halved'], by: 'holder', why: 'refused for its content: its halves go on' },
  reject: { from: ['attempting'], to: ['settled'], by: 'holder', why: 'refused for its content, with one member left' },
  split: { from: FRESH, to: FRESH, by: 'holder', why: 'too large for the provider, its quota or the pace of a host' },
  leave: { from: FRESH, to: [...FRESH, 'settled'], by: 'holder', why: 'members left; settled when nobody is left' },
  erase: { from: FRESH, to: [...FRESH, 'settled'], by: 'reader', why: 'a member was erased' },
  overtake: { from: FRESH, to: FRESH, by: 'planner', why: 'a newer edition takes members along' },
  ration: { from: FRESH, to: [], by: 'planner', why: 'laid out anew within a quota' },
  resume: { from: ['deferred'], to: ['deferred'], by: 'operator', why: 'what it waited for is over' },
  resolve: { from: ['unknown'], to: ['settled'], by: 'operator', why: 'permanently unknown, and decided' },
  restart: {
    from: ATTEMPTED,
    to: ['settled'],
    by: 'operator',
    why: 'of a restored copy: who did not get it goes on in another one',
  },
} as const satisfies Record<string, Transition<BatchState>>

export const NOTICE_LIFE = {
  ask: { from: [], to: ['planned'], by: 'asker', why: 'a link, a confirmation or a note is wanted' },
  ...SENDING,
  settle: { from: UNSETTLED, to: ['submitted', 'rejected'], by: 'provider', why: 'an answer or a report' },
  withhold: { from: FRESH, to: ['withheld'], by: 'holder', why: 'left, suppressed, late or reserved-domain' },
  erase: { from: [...FRESH, 'submitted', 'rejected', 'withheld'], to: [], by: 'reader', why: 'its reader was erased' },
  expire: {
    from: ATTEMPTED,
    to: ['unknown'],
    by: 'sweep',
    why: 'a day after its first request nothing personal stays',
  },
  prune: {
    from: ['submitted', 'rejected', 'withheld', 'unknown'],
    to: [],
    by: 'sweep',
    why: 'of nobody any more, or past RETENTION',
  },
} as const satisfies Record<string, Transition<NoticeState>>

/** A delivery changes when it is planned and when it is settled; in between its batch speaks. */
export const DELIVERY_LIFE = {
  plan: { from: [], to: ['planned'], by: 'planner', why: 'a selection for a reader who is due' },
  'pass-over': { from: [], to: ['withheld'], by: 'planner', why: 'filtered, late or merged' },
  withhold: {
    from: ['planned'],
    to: ['withheld'],
    by: 'holder',
    why: 'left, paused, suppressed, late, merged or reserved-domain, before a mark',
  },
  settle: { from: ['planned', 'unknown'], to: ['submitted', 'rejected'], by: 'provider', why: 'its answer' },
  account: { from: ['planned', 'unknown'], to: ['submitted'], by: 'provider', why: 'a report that proves it' },
  recover: {
    from: ['withheld'],
    to: ['submitted'],
    by: 'operator',
    why: 'passed over by a restored copy, and sent in the gap that it has lost',
  },
  record: { from: [], to: ['submitted'], by: 'operator', why: 'sent in a gap that a restored copy has lost' },
  again: { from: ['planned', 'unknown'], to: ['planned'], by: 'operator', why: 'sent once more under a new key' },
  drop: { from: ['planned', 'unknown'], to: ['unknown'], by: 'operator', why: 'left by the operator' },
  expire: { from: ['planned'], to: ['unknown'], by: 'sweep', why: 'its reader was erased a day ago' },
} as const satisfies Record<string, Transition<DeliveryState>>

export type BatchEvent = keyof typeof BATCH_LIFE
export type NoticeEvent = keyof typeof NOTICE_LIFE

/** Returns a list of states as SQL has it in checks and partial indexes: `('planned', …)`. */
export function statesSql(states: readonly string[]): RawBuilder<unknown> {
  return listSql(...states)
}

const listSql = fixedPart((...states: string[]) => sql`(${sql.join(states.map((state) => sql.lit(state)))})`)

/** Returns the one state that a transition leads to. Throws where it leads to several or none. */
export function toSql({ to }: Transition<string>): RawBuilder<unknown> {
  const [state, ...others] = to
  if (state === undefined || others.length > 0) throw new Error(`not one state: ${to.join(', ')}`)
  return sql.lit(state)
}

/**
 * Tells whether a batch or notice is unsettled. In the words of the partial indexes, so that they
 * are used.
 */
export function isUnsettledSql(alias: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(`${alias}.state`)} in ${statesSql(UNSETTLED)}`
}

/** Tells whether a batch waits and was never attempted: its members may still leave it. */
export function isFreshSql(alias: string): RawBuilder<boolean> {
  return sql<boolean>`(${isUnsettledSql(alias)} and ${sql.ref(`${alias}.state`)} in ${statesSql(FRESH)}
    and ${sql.ref(`${alias}.recipe_sha256`)} is null)`
}

/** Tells whether batch `b` waits because of a quota or a ramp. */
export function isPutOffSql(batch: string): RawBuilder<boolean> {
  const b = sql.table(batch)
  return sql<boolean>`(${b}.state = 'deferred' and coalesce(${b}.reason in ${listSql(...QUOTA_REASONS)}, false))`
}

/**
 * Tells whether a batch or notice is unknown for good: a late word of the provider may still settle
 * it; nothing of ours will. In words that the partial index knows.
 */
export function isForGoodSql(alias: string): RawBuilder<boolean> {
  return sql<boolean>`(${sql.ref(`${alias}.state`)} = 'unknown' and ${sql.ref(`${alias}.next_attempt_at`)} = 'infinity')`
}

/** Tells whether nobody knows yet what became of a delivery. */
export function isUnaccountedSql(alias: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(`${alias}.state`)} in ${statesSql(DELIVERY_LIFE.settle.from)}`
}
