// Sent once, in one file: how a batch of digests, and a notice as a batch of one, gets from waiting
// to settled (docs/states.md draws the table that drives it). Four things make it once:
//
// 1. One at a time. A claim raises the lease's epoch, and every write but the provider's own word
//    is fenced by it: whoever slept through their lease finds that nothing is theirs any more.
// 2. The mark before the request. Hash of the bytes, key, provider and moment are committed first,
//    so that whoever comes later knows that something may have been accepted, and what.
// 3. What may have been accepted is repeated to the byte and under the same key, or not at all. The
//    key follows from the bytes. Only a refusal without an earlier request frees them again.
// 4. An acceptance is true whoever heard it, and however late; what is settled stays as it is.
//
// Every moment is the database's.
//
// Long because the four are only understood together.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { inMs } from '../../database/clock.ts'
import { fixedPart, prepared } from '../../database/prepared.ts'
import type { Database } from '../../database/schema.ts'
import { awaitStops } from '../../edition/stop.ts'
import { PermanentError } from '../../errors.ts'
import type { Mark } from '../witness/witness.ts'
import { hasSlidSql, todaySql } from './members.ts'
import {
  type BATCH_LIFE,
  type BatchEvent,
  isUnsettledSql,
  type NOTICE_LIFE,
  type NoticeEvent,
  statesSql,
  type Transition,
  toSql,
} from './transitions.ts'

type Event = BatchEvent | NoticeEvent

/** Covers building, marking and one request with its deadline (30 s), on a slow database. */
export const LEASE_MS = 90_000

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
export interface Subject<Facts> {
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
  lookingSql?(id: number): RawBuilder<unknown>
  /** Whether somebody in it must not be written to, asked by the mark while nothing is fixed. */
  hasLeaversSql(u: string): RawBuilder<boolean>
  /** Columns that say something of a person: gone once it is settled or given up. */
  personal: readonly string[]
  /** Set with every change but claim and mark: when it last changed. */
  stamp: readonly RawBuilder<unknown>[]
}

/**
 * Takes the lease, for the process `holder` if one is named. Returns undefined when another worker
 * has it, or it is settled or held back.
 */
export async function claim<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  id: number,
  lease: Lease = {},
): Promise<(Claimed & Facts) | undefined> {
  const [first] = await claimWhere(
    db,
    subject,
    (u) => sql<boolean>`${sql.ref(`${u}.id`)} = ${id} and ${isFreeSql(subject, u)}`,
    lease,
  )
  return first
}

/**
 * Takes the leases of whatever is free among `count` ids from `from` on, and waits for none of
 * them.
 */
export async function claimStretch<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  { from, count }: { from: number; count: number },
  lease: Lease = {},
): Promise<(Claimed & Facts)[]> {
  const free = (u: string) => sql<boolean>`${sql.ref(`${u}.id`)} = any(array(
    select x.id from ${sql.table(subject.table)} x
    where x.id >= ${from} and x.id < ${from + count} and ${isFreeSql(subject, 'x')} order by x.id for update skip locked))`
  return (await claimWhere(db, subject, free, lease)).sort((a, b) => a.id - b.id)
}

interface Lease {
  leaseMs?: number
  holder?: string | null
}

/** Its time has come, and nothing holds it back. */
function isFreeSql<Facts>(subject: Subject<Facts>, u: string): RawBuilder<boolean> {
  return sql<boolean>`${isMoving(subject, 'claim', u)} and ${sql.ref(`${u}.next_attempt_at`)} <= round_clock()
      and not ${subject.isHeldSql(u)}`
}

async function claimWhere<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  condition: (u: string) => RawBuilder<boolean>,
  { leaseMs = LEASE_MS, holder = null }: Lease,
): Promise<(Claimed & Facts)[]> {
  const update = sql`
    update ${sql.table(subject.table)} u set lease_epoch = u.lease_epoch + 1, next_attempt_at = ${inMs(leaseMs)},
      holder = ${holder}::uuid
    where ${condition('u')}
    returning u.id, u.lease_epoch as epoch, u.attempts, ${sql.ref(`u.${subject.hashColumn}`)} as "fixedHash",
      ${sql.ref(`u.${subject.versionColumn}`)} as version, u.idempotency_key as "idempotencyKey", u.provider,
      (extract(epoch from round_clock() - u.first_attempt_at) * 1000)::float8 as "ageMs"`
  return (await subject.runClaim(db, update, 'u')).map((row) => claimedOf(subject, row, leaseMs))
}

function claimedOf<Facts>(subject: Subject<Facts>, row: ClaimRow & Facts, leaseMs: number): Claimed & Facts {
  const { fixedHash: hash, version, idempotencyKey, provider, ageMs, ...claimed } = row
  const taken = { ...(claimed as unknown as Pick<Claimed, 'id' | 'epoch' | 'attempts'> & Facts), leaseMs }
  if (hash === null) return { ...taken, fixed: null }
  if (version === null || idempotencyKey === null || provider === null || ageMs === null) {
    throw new PermanentError(`${subject.name} ${taken.id} was attempted, but not all that its mark fixed is there`)
  }
  return { ...taken, fixed: { hash, version, idempotencyKey, provider, ageMs } }
}

/**
 * Commits the intent to send, before the request. While nothing is fixed, people may still leave
 * and editions stop. Returns the mark with its number, for the witness; `left` when somebody left
 * (drop them and build again), `held` when it must wait, `lost` when another worker has it or it
 * has been settled.
 */
export async function markAttempting<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  claimed: Claimed,
  intent: Fixed,
): Promise<Mark | 'left' | 'held' | 'lost'> {
  const fresh = claimed.fixed === null
  const { rows: marked } =
    await sql<MarkRow>`${prepared} with ${markingSql(subject, claimed, intent)} ${markedSql(subject, claimed)}`.execute(
      db,
    )
  const [mark] = marked
  if (mark && mark.number !== null) return { ...mark, number: mark.number }
  // What was just being made is there when this is answered.
  if (fresh) await awaitStops(db)
  const { rows } = await sql<{ held: boolean }>`
    select ${subject.isHeldSql('u')} as held from ${sql.table(subject.table)} u
    where ${isMine(subject, claimed, 'mark', 'u')}`.execute(db)
  const [mine] = rows
  return mine === undefined ? 'lost' : mine.held ? 'held' : 'left'
}

export type MarkRow = Omit<Mark, 'number'> & { number: number | null }

/** The update of a mark, as parts of a statement. `condition` beside its own. */
export function markingSql<Facts>(
  subject: Subject<Facts>,
  claimed: Claimed,
  intent: Fixed,
  condition: RawBuilder<boolean> = sql<boolean>`true`,
): RawBuilder<unknown> {
  const mayGo = sql`and not (${subject.hasLeaversSql('u')} or ${subject.isHeldSql('u')}) and ${subject.mayMarkSql('u')}`
  const looking = claimed.fixed === null ? subject.lookingSql?.(claimed.id) : undefined
  return sql`${looking === undefined ? sql`` : sql`${looking}, `}marked as (
      update ${sql.table(subject.table)} u set state = ${toSql(lifeOf(subject, 'mark'))}, ${sql.ref(subject.hashColumn)} = ${intent.hash},
        ${sql.ref(subject.versionColumn)} = ${intent.version}, idempotency_key = ${intent.idempotencyKey},
        provider = ${intent.provider}, attempts = attempts + 1,
        first_attempt_at = coalesce(first_attempt_at, round_clock()), next_attempt_at = ${inMs(claimed.leaseMs)}
      where ${isMine(subject, claimed, 'mark', 'u')} and ${condition} ${claimed.fixed === null ? mayGo : sql``}
      returning u.*
    )${takesDay(subject, claimed) ? sql`, moved as (${takeTodaySql()})` : sql``}`
}

/**
 * What a statement with the parts of `markingSql` returns of the mark. The number last of all: its
 * row stays locked until the mark is committed.
 */
export function markedSql<Facts>(subject: Subject<Facts>, claimed: Claimed): RawBuilder<unknown> {
  return sql`select l.database_id as "databaseId", l.branch, next_mark(round_clock()) as number
    from marked cross join lineage l
    ${takesDay(subject, claimed) ? sql`where (select count(*) from moved) >= 0` : sql``}`
}

function takesDay<Facts>({ table }: Subject<Facts>, { fixed }: Claimed): boolean {
  return fixed === null && table === 'batches'
}

/** Gives back what was claimed, as it is: it may be taken at once. */
export async function markReleased<Facts>(db: Kysely<Database>, subject: Subject<Facts>, claimed: Claimed) {
  return move(db, subject, claimed, 'release', [sql`next_attempt_at = ${inMs(0)}`])
}

/** Gives back several at once. */
export async function markAllReleased<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  claimed: readonly Claimed[],
): Promise<void> {
  if (claimed.length === 0) return
  await sql`
    update ${sql.table(subject.table)} u set ${sql.join([...stateOf(subject, 'release'), sql`next_attempt_at = ${inMs(0)}`, sql`holder = null`, ...subject.stamp])}
    from unnest(${claimed.map(({ id }) => id)}::int[], ${claimed.map(({ epoch }) => epoch)}::int[]) as c(id, epoch)
    where u.id = c.id and u.lease_epoch = c.epoch and ${isMoving(subject, 'release', 'u')}`.execute(db)
}

/**
 * Puts back what this request certainly did not get accepted; it does not count as an attempt. If
 * no earlier one can have been either, it is as if never attempted: people may leave again.
 */
export async function markDeferred<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  claimed: Claimed,
  reason: string,
  waitMs: number,
): Promise<boolean> {
  const later = [sql`reason = ${reason}`, sql`attempts = ${claimed.attempts}`, sql`next_attempt_at = ${inMs(waitMs)}`]
  if (claimed.fixed !== null) return move(db, subject, claimed, 'put-back', later)
  const fixing = [subject.hashColumn, subject.versionColumn, 'idempotency_key', 'provider', 'first_attempt_at']
  return move(db, subject, claimed, 'defer', [...later, ...emptied(fixing)])
}

/**
 * Notes that a request may or may not have been accepted: the same bytes and key again after
 * `waitMs`, never again with null.
 */
export async function markUnknown<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  claimed: Claimed,
  reason: string,
  waitMs: number | null,
): Promise<boolean> {
  if (waitMs !== null) {
    return move(db, subject, claimed, 'repeat', [sql`reason = ${reason}`, sql`next_attempt_at = ${inMs(waitMs)}`])
  }
  const forGood = [sql`reason = ${reason}`, sql`next_attempt_at = 'infinity'`, ...emptied(subject.personal)]
  return move(db, subject, claimed, 'give-up', forGood)
}

/** Lists what nobody works on and may be attempted now, the longest-waiting first. */
export async function listWaiting<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  limit: number,
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select u.id from ${sql.table(subject.table)} u
    where ${isUnsettledSql('u')} and u.next_attempt_at <= round_clock() and not ${subject.isHeldSql('u')}
    order by u.next_attempt_at limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
}

/**
 * Makes one change of the table under the fence. Returns false when the lease is lost or it has
 * been settled meanwhile: then nothing was written.
 */
export async function move<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  claimed: Pick<Claimed, 'id' | 'epoch'>,
  event: Event,
  values: readonly RawBuilder<unknown>[] = [],
): Promise<boolean> {
  // Whoever only lets members leave goes on with the rest.
  const given = event === 'leave' ? [] : [sql`holder = null`]
  const changes = [...stateOf(subject, event), ...values, ...given, ...subject.stamp]
  const { numAffectedRows } = await sql`
    update ${sql.table(subject.table)} u set ${sql.join(changes)} where ${isMine(subject, claimed, event, 'u')}`.execute(
    db,
  )
  return Number(numAffectedRows) === 1
}

/**
 * Records the provider's own word under `to`, one of the states that it may lead to. Not fenced; it
 * finds nothing where that is known already. Returns whether it was news.
 */
export async function markSaid<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  id: number,
  to: string,
  values: readonly RawBuilder<unknown>[],
): Promise<boolean> {
  const { numAffectedRows } = await sql`${sayingSql(subject, sql<boolean>`u.id = ${id}`, to, values)}`.execute(db)
  return Number(numAffectedRows) === 1
}

/** The update of markSaid, of those that `condition` holds for. */
export function sayingSql<Facts>(
  subject: Subject<Facts>,
  condition: RawBuilder<boolean>,
  to: string,
  values: readonly RawBuilder<unknown>[],
): RawBuilder<unknown> {
  if (!lifeOf(subject, 'settle').to.includes(to)) throw new Error(`no answer leads to ${to}`)
  const changes = [sql`state = ${to}`, ...values, ...emptied(subject.personal), ...subject.stamp]
  return sql`
    update ${sql.table(subject.table)} u set ${sql.join(changes)}
    where ${condition} and ${isMoving(subject, 'settle', 'u')}`
}

/**
 * A digest that slid into a later local day takes that day. Should another have taken it at this
 * very moment, the key of subscriber and day refuses the mark as a whole, and the next claim finds
 * the reason to leave.
 */
const takeTodaySql = fixedPart(
  () => sql`
    update deliveries d set local_date = ${todaySql('s')}
    from marked cross join looked l join subscribers s on s.id = l.subscriber_id
    where l.slid and d.edition_id = marked.edition_id and d.subscriber_id = l.subscriber_id and ${hasSlidSql('d', 's')}
    returning d.subscriber_id`,
)

function lifeOf<Facts>({ life }: Subject<Facts>, event: Event): Transition<string> {
  const found = (life as Record<string, Transition<string>>)[event]
  if (!found) throw new Error(`nothing of this kind knows the event ${event}`)
  return found
}

function isMoving<Facts>(subject: Subject<Facts>, event: Event, alias: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(`${alias}.state`)} in ${statesSql(lifeOf(subject, event).from)}`
}

function isMine<Facts>(
  subject: Subject<Facts>,
  { id, epoch }: Pick<Claimed, 'id' | 'epoch'>,
  event: Event,
  alias: string,
): RawBuilder<boolean> {
  const u = sql.table(alias)
  return sql<boolean>`${u}.id = ${id} and ${u}.lease_epoch = ${epoch} and ${isMoving(subject, event, alias)}`
}

/** The new state, or nothing where an event leaves it as it is. */
function stateOf<Facts>(subject: Subject<Facts>, event: Event): RawBuilder<unknown>[] {
  const change = lifeOf(subject, event)
  return change.to.length > 1 ? [] : [sql`state = ${toSql(change)}`]
}

function emptied(columns: readonly string[]): RawBuilder<unknown>[] {
  return columns.map((column) => sql`${sql.ref(column)} = null`)
}
