// What lives the one life of transitions.ts, a batch or a notice: the words of its table, what a
// claim hands to a worker, and the fence that each of its writes stands behind. How it is sent once
// is in once.ts. Writes nothing.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { PermanentError } from '../../errors.ts'
import {
  type BATCH_LIFE,
  type BatchEvent,
  type NOTICE_LIFE,
  type NoticeEvent,
  statesSql,
  type Transition,
  toSql,
} from './transitions.ts'

export type Event = BatchEvent | NoticeEvent

/** What the mark fixed of something that was attempted. */
export interface Fixed {
  /** SHA-256 of everything that the bytes depend on. */
  hash: Buffer
  /** The version of the code that turns it into bytes. */
  version: number
  idempotencyKey: string
  provider: string
}

/** A batch or notice in the hands of one worker until its lease is over. */
export interface Claimed {
  id: number
  epoch: number
  /** Requests made so far. */
  attempts: number
  /** How long each step may keep it from others, in milliseconds. */
  leaseMs: number
  /** What the mark fixed, and how old that is; null while no request can have been accepted. */
  fixed: (Fixed & { ageMs: number }) | null
  /**
   * Whether a digest of it may have slid into a later local day: a mark that is not told so takes
   * one that has for somebody who leaves.
   */
  mayHaveSlid?: boolean
}

/** What a claim returns of a row, whatever lives there. */
export interface ClaimRow {
  id: number
  epoch: number
  attempts: number
  fixedHash: Buffer | null
  version: number | null
  idempotencyKey: string | null
  provider: string | null
  /** How long ago its first request was, in milliseconds. */
  ageMs: number | null
}

/**
 * What lives this life, in the words of its table. `Facts` is what a claim reads along; `u` is the
 * alias of its row.
 */
export interface Subject<Facts = unknown> {
  name: 'batch' | 'notice'
  table: 'batches' | 'notices'
  life: typeof BATCH_LIFE | typeof NOTICE_LIFE
  hashColumn: string
  versionColumn: string
  /**
   * Runs the update of a claim, which ends in the columns of `ClaimRow`, and reads the facts along.
   */
  runClaim(db: Kysely<Database>, update: RawBuilder<unknown>, u: string): Promise<(ClaimRow & Facts)[]>
  /**
   * Whether something else holds it back: a stopped edition. Asked by a claim, and by the mark
   * while nothing is fixed.
   */
  isHeldSql(u: string): RawBuilder<boolean>
  /** Whether nothing stops it until this very moment, asked by the mark while nothing is fixed. */
  mayMarkSql(u: string): RawBuilder<boolean>
  /**
   * What the mark looks at once for all that it asks of it, as a part of its statement, while
   * nothing is fixed.
   */
  lookingSql?(claimed: Claimed): RawBuilder<unknown>
  /** Whether somebody in it must not be written to, asked by the mark while nothing is fixed. */
  hasLeaversSql(u: string): RawBuilder<boolean>
  /** Columns that say something of a person: gone once it is settled or given up. */
  personal: readonly string[]
  /** Set with every change but claim and mark: when it last changed. */
  stamp: readonly RawBuilder<unknown>[]
}

/** Reads the row of a claim. Throws where a mark is there and not all that it fixed. */
export function claimedOf<Facts>(subject: Subject<Facts>, row: ClaimRow & Facts, leaseMs: number): Claimed & Facts {
  const { fixedHash: hash, version, idempotencyKey, provider, ageMs, ...claimed } = row
  const taken = { ...(claimed as unknown as Pick<Claimed, 'id' | 'epoch' | 'attempts'> & Facts), leaseMs }
  if (hash === null) return { ...taken, fixed: null }
  if (version === null || idempotencyKey === null || provider === null || ageMs === null) {
    throw new PermanentError(`${subject.name} ${taken.id} was attempted, but not all that its mark fixed is there`)
  }
  return { ...taken, fixed: { hash, version, idempotencyKey, provider, ageMs } }
}

/** The columns of a claim that `claimedOf` reads. */
export function claimColumnsSql({ hashColumn, versionColumn }: Subject, u: string): RawBuilder<unknown> {
  const row = sql.table(u)
  return sql`${row}.id, ${row}.lease_epoch as epoch, ${row}.attempts, ${sql.ref(`${u}.${hashColumn}`)} as "fixedHash",
      ${sql.ref(`${u}.${versionColumn}`)} as version, ${row}.idempotency_key as "idempotencyKey", ${row}.provider,
      (extract(epoch from round_clock() - ${row}.first_attempt_at) * 1000)::float8 as "ageMs"`
}

export function lifeOf({ life }: Subject, event: Event): Transition<string> {
  const found = (life as Record<string, Transition<string>>)[event]
  if (!found) throw new Error(`nothing of this kind knows the event ${event}`)
  return found
}

/** Whether the event may happen to row `u`, as its state is. */
export function isMovingSql(subject: Subject, event: Event, u: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(`${u}.state`)} in ${statesSql(lifeOf(subject, event).from)}`
}

/** The fence: whether row `u` is still in the hands of this claim, and the event may happen. */
export function isMineSql(
  subject: Subject,
  { id, epoch }: Pick<Claimed, 'id' | 'epoch'>,
  event: Event,
  alias: string,
): RawBuilder<boolean> {
  const u = sql.table(alias)
  return sql<boolean>`${u}.id = ${id} and ${u}.lease_epoch = ${epoch} and ${isMovingSql(subject, event, alias)}`
}

/** The new state, or nothing where an event leaves it as it is. */
export function stateOf(subject: Subject, event: Event): RawBuilder<unknown>[] {
  const change = lifeOf(subject, event)
  return change.to.length > 1 ? [] : [sql`state = ${toSql(change)}`]
}

export function emptied(columns: readonly string[]): RawBuilder<unknown>[] {
  return columns.map((column) => sql`${sql.ref(column)} = null`)
}
