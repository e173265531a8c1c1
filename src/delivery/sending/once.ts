// Sent once, in one file: how a batch of digests, and a notice as a batch of one (subject.ts), gets
// from waiting to settled; docs/states.md draws the table that drives it. Four things do it:
//
// 1. One at a time. Whoever claims or takes over raises the lease's epoch, and every write but the
//    provider's own word is fenced by it: after a lease is slept through, nothing is one's own.
// 2. The mark before the request. Hash of the bytes, key, provider and moment are committed first,
//    so that whoever comes later knows that something may have been accepted, and what.
// 3. What may have been accepted is repeated to the byte and under the same key, or not at all. The
//    key follows from the bytes. Only a refusal without an earlier request frees them again.
// 4. An acceptance is true whoever heard it, and however late; what is settled stays as it is.
//
// Every moment is the database's.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { inMs } from '../../database/clock.ts'
import { fixedPart, prepared } from '../../database/prepared.ts'
import type { Database } from '../../database/schema.ts'
import { awaitStops } from '../../edition/stop.ts'
import type { Mark } from '../witness/witness.ts'
import { hasSlidSql, todaySql } from './members.ts'
import {
  type Claimed,
  claimColumnsSql,
  claimedOf,
  type Event,
  emptied,
  type Fixed,
  isMineSql,
  isMovingSql,
  lifeOf,
  type Subject,
  stateOf,
} from './subject.ts'
import { toSql } from './transitions.ts'

type Db = Kysely<Database>
type Values = readonly RawBuilder<unknown>[]

/** Covers building, marking and one request with its deadline (30 s), on a slow database. */
export const LEASE_MS = 90_000

export interface Lease {
  leaseMs?: number
  holder?: string | null
}

/**
 * Takes the lease, for the process `holder` if one is named. Returns undefined when another worker
 * has it, or it is settled or held back.
 */
export async function claim<Facts>(db: Db, subject: Subject<Facts>, id: number, lease: Lease = {}) {
  const isFree = (u: string) => sql<boolean>`${sql.ref(`${u}.id`)} = ${id} and ${isFreeSql(subject, u)}`
  const [first] = await claimWhere(db, subject, isFree, lease)
  return first
}

/** Its time has come, and nothing holds it back. */
export function isFreeSql(subject: Subject, u: string): RawBuilder<boolean> {
  return sql<boolean>`${isMovingSql(subject, 'claim', u)} and ${sql.ref(`${u}.next_attempt_at`)} <= round_clock()
      and not ${subject.isHeldSql(u)}`
}

export async function claimWhere<Facts>(
  db: Db,
  subject: Subject<Facts>,
  condition: (u: string) => RawBuilder<boolean>,
  { leaseMs = LEASE_MS, holder = null }: Lease,
): Promise<(Claimed & Facts)[]> {
  const update = sql`
    update ${sql.table(subject.table)} u set lease_epoch = u.lease_epoch + 1, next_attempt_at = ${inMs(leaseMs)},
      holder = ${holder}::uuid
    where ${condition('u')}
    returning ${claimColumnsSql(subject, 'u')}`
  return (await subject.runClaim(db, update, 'u')).map((row) => claimedOf(subject, row, leaseMs))
}

/**
 * Takes rows from whoever has them, dead or hanging: free at once, under the next epoch. A row that
 * is locked is left: a process that was stopped in the middle of a transaction must keep nobody.
 */
export async function takeOver(db: Db, table: Subject['table'], condition: RawBuilder<boolean>) {
  const { rows } = await sql<{ id: number; epoch: number }>`
    update ${sql.table(table)} t set lease_epoch = t.lease_epoch + 1, next_attempt_at = round_clock(), holder = null
    where t.id = any(array(
      select u.id from ${sql.table(table)} u where ${condition} order by u.id for update skip locked
    )) returning t.id, t.lease_epoch as epoch`.execute(db)
  return rows
}

/**
 * Commits the intent to send, before the request. While nothing is fixed, people may still leave
 * and editions stop. Returns the mark with its number, for the witness; `left` when somebody left
 * (drop them and build again), `held` when it must wait, `lost` when another worker has it or it
 * has been settled.
 */
export async function markAttempting(
  db: Db,
  subject: Subject,
  claimed: Claimed,
  intent: Fixed,
): Promise<Mark | 'left' | 'held' | 'lost'> {
  const { rows: marked } = await sql<MarkRow>`${prepared}
    with ${markingSql(subject, claimed, intent)} ${markedSql(claimed)}`.execute(db)
  const [mark] = marked
  if (mark && mark.number !== null) return { ...mark, number: mark.number }
  // What was just being made is there when this is answered.
  if (claimed.fixed === null) await awaitStops(db)
  const { rows } = await sql<{ held: boolean }>`
    select ${subject.isHeldSql('u')} as held from ${sql.table(subject.table)} u
    where ${isMineSql(subject, claimed, 'mark', 'u')}`.execute(db)
  const [mine] = rows
  return mine === undefined ? 'lost' : mine.held ? 'held' : 'left'
}

export type MarkRow = Omit<Mark, 'number'> & { number: number | null }

/** The update of a mark, as parts of a statement. `condition` beside its own. */
export function markingSql(
  subject: Subject,
  claimed: Claimed,
  intent: Fixed,
  condition: RawBuilder<boolean> = sql<boolean>`true`,
): RawBuilder<unknown> {
  const mayGo = sql`and not (${subject.hasLeaversSql('u')} or ${subject.isHeldSql('u')}) and ${subject.mayMarkSql('u')}`
  const looking = claimed.fixed === null ? subject.lookingSql?.(claimed) : undefined
  return sql`${looking === undefined ? sql`` : sql`${looking}, `}marked as (
      update ${sql.table(subject.table)} u set state = ${toSql(lifeOf(subject, 'mark'))}, ${sql.ref(subject.hashColumn)} = ${intent.hash},
        ${sql.ref(subject.versionColumn)} = ${intent.version}, idempotency_key = ${intent.idempotencyKey},
        provider = ${intent.provider}, attempts = attempts + 1,
        first_attempt_at = coalesce(first_attempt_at, round_clock()), next_attempt_at = ${inMs(claimed.leaseMs)}
      where ${isMineSql(subject, claimed, 'mark', 'u')} and ${condition} ${claimed.fixed === null ? mayGo : sql``}
      returning u.*
    )${takesDay(claimed) ? sql`, moved as (${takeTodaySql()})` : sql``}`
}

/**
 * What a statement with the parts of `markingSql` returns of the mark. The number last of all: its
 * row stays locked until the mark is committed.
 */
export function markedSql(claimed: Claimed): RawBuilder<unknown> {
  return sql`select l.database_id as "databaseId", l.branch, next_mark(round_clock()) as number
    from marked cross join lineage l
    ${takesDay(claimed) ? sql`where (select count(*) from moved) >= 0` : sql``}`
}

function takesDay({ fixed, mayHaveSlid = false }: Claimed): boolean {
  return fixed === null && mayHaveSlid
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

/** Gives back what was claimed, as it is: it may be taken at once. */
export async function markReleased(db: Db, subject: Subject, claimed: Claimed): Promise<boolean> {
  return move(db, subject, claimed, 'release', [sql`next_attempt_at = ${inMs(0)}`])
}

/** Gives back several at once. */
export async function markAllReleased(db: Db, subject: Subject, claimed: readonly Claimed[]): Promise<void> {
  if (claimed.length === 0) return
  await sql`
    update ${sql.table(subject.table)} u set ${sql.join([...stateOf(subject, 'release'), sql`next_attempt_at = ${inMs(0)}`, sql`holder = null`, ...subject.stamp])}
    from unnest(${claimed.map(({ id }) => id)}::int[], ${claimed.map(({ epoch }) => epoch)}::int[]) as c(id, epoch)
    where u.id = c.id and u.lease_epoch = c.epoch and ${isMovingSql(subject, 'release', 'u')}`.execute(db)
}

/**
 * Puts back what this request certainly did not get accepted; it does not count as an attempt. If
 * no earlier one can have been either, it is as if never attempted: people may leave again.
 */
export async function markDeferred(
  db: Db,
  subject: Subject,
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
export async function markUnknown(
  db: Db,
  subject: Subject,
  claimed: Claimed,
  reason: string,
  waitMs: number | null,
): Promise<boolean> {
  const why = sql`reason = ${reason}`
  if (waitMs !== null) return move(db, subject, claimed, 'repeat', [why, sql`next_attempt_at = ${inMs(waitMs)}`])
  const forGood = [why, sql`next_attempt_at = 'infinity'`, ...emptied(subject.personal)]
  return move(db, subject, claimed, 'give-up', forGood)
}

/**
 * Makes one change of the table under the fence. Returns false when the lease is lost or it has
 * been settled meanwhile: then nothing was written.
 */
export async function move(
  db: Db,
  subject: Subject,
  claimed: Pick<Claimed, 'id' | 'epoch'>,
  event: Event,
  values: Values = [],
): Promise<boolean> {
  // Whoever only lets members leave goes on with the rest.
  const given = event === 'leave' ? [] : [sql`holder = null`]
  const changes = [...stateOf(subject, event), ...values, ...given, ...subject.stamp]
  const { numAffectedRows } = await sql`
    update ${sql.table(subject.table)} u set ${sql.join(changes)}
    where ${isMineSql(subject, claimed, event, 'u')}`.execute(db)
  return Number(numAffectedRows) === 1
}

/**
 * Records the provider's own word under `to`, one of the states that it may lead to. Not fenced; it
 * finds nothing where that is known already. Returns whether it was news.
 */
export async function markSaid(db: Db, subject: Subject, id: number, to: string, values: Values): Promise<boolean> {
  const { numAffectedRows } = await sql`${sayingSql(subject, sql<boolean>`u.id = ${id}`, to, values)}`.execute(db)
  return Number(numAffectedRows) === 1
}

/** The update of markSaid, of those that `condition` holds for. */
export function sayingSql(subject: Subject, condition: RawBuilder<boolean>, to: string, values: Values) {
  if (!lifeOf(subject, 'settle').to.includes(to)) throw new Error(`no answer leads to ${to}`)
  const changes = [sql`state = ${to}`, ...values, ...emptied(subject.personal), ...subject.stamp]
  return sql`
    update ${sql.table(subject.table)} u set ${sql.join(changes)}
    where ${condition} and ${isMovingSql(subject, 'settle', 'u')}`
}
