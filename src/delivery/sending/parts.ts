// A batch into parts, and what only batches do: what of an answer comes apart, halves of what was
// refused, smaller ones for a provider or a quota, once more by the operator. Every delivery is in
// exactly one batch that is not settled or halved, before and after.
import { type Kysely, sql, type Transaction } from 'kysely'
import { inMs } from '../../database/clock.ts'
import { prepared } from '../../database/prepared.ts'
import type { Database } from '../../database/schema.ts'
import type { BatchState } from '../../database/states.ts'
import type { MailOutcome } from '../provider/provider.ts'
import { BATCH, type ClaimedBatch } from './batch.ts'
import { type Glance, glanceSql } from './glance.ts'
import {
  answeringSql,
  claimUnaccounted,
  DROPPED,
  emptyAddresses,
  type MailResult,
  markAnswered,
  markDropped,
  markPassedOver,
  markPlannedAgain,
} from './ledger.ts'
import { markSaid, move, sayingSql } from './once.ts'
import { BATCH_LIFE, isForGoodSql, isFreshSql, isPutOffSql, isUnaccountedSql, statesSql, toSql } from './transitions.ts'

/** A wait that is told for one mail doubles so often: five minutes become 80, then it stays. */
const DOUBLINGS_MAX = 4

/**
 * Records what the provider said of every member. Not fenced: an acceptance is true whoever heard
 * it, and rows that are already settled stay as they are. Members that were not decided leave the
 * batch: put off ones into a batch as if never attempted, unknown ones into one that stays so.
 * Returns the ids of these two, and what it saw of the edition where it looked.
 */
export async function markSettled(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  results: readonly { subscriberId: number; outcome: MailOutcome }[],
): Promise<{ deferred: number[]; unknown: number[]; glance?: Glance }> {
  const answered = results.filter((result): result is MailResult => isAnswered(result.outcome))
  if (answered.length === results.length) {
    return { deferred: [], unknown: [], glance: await markAllAnswered(db, batch, answered) }
  }
  return db.transaction().execute(async (trx) => {
    // The batch before its deliveries, as everywhere: reports of the same mails may come at this
    // moment.
    await sql`select from batches where id = ${batch.id} for update`.execute(trx)
    await markAnswered(trx, batch.editionId, answered)
    // After it, so that only what is still in this batch and undecided can leave it.
    const open = results.filter(({ outcome }) => !isAnswered(outcome))
    const parts = await moveOpenMembers(trx, batch, open)
    await markSaid(trx, BATCH, batch.id, 'settled', [sql`reason = null`])
    return parts
  })
}

/**
 * Settles a batch of which everything was answered, in one statement. Its row is locked first, so
 * that no report of the same mails can stand in the way; one that came before leaves its rows as
 * they are, since every update looks at the newest version.
 */
async function markAllAnswered(
  db: Kysely<Database>,
  { id, editionId }: ClaimedBatch,
  results: readonly MailResult[],
): Promise<Glance> {
  const { rows } = await sql<Glance & { count: number }>`${prepared}
    with held as materialized (select from batches where id = ${id} for update),
    answered as (${answeringSql(editionId, results)} and exists (select from held) returning d.subscriber_id),
    said as (${sayingSql(BATCH, sql<boolean>`u.id = ${id}`, 'settled', [sql`reason = null`])} and exists (select from held) returning u.id)
    select count(*) as count, ${glanceSql(editionId, id)} from answered`.execute(db)
  const { count, ...glance } = rows[0] as Glance & { count: number }
  if (count < results.length) {
    const ids = results.map(({ subscriberId }) => subscriberId)
    await emptyAddresses(db, editionId, ids)
  }
  return glance
}

function isAnswered({ state }: MailOutcome): boolean {
  return state === 'submitted' || state === 'rejected'
}

/**
 * Moves members without an answer of their own into batches of their own, one for each outcome and
 * host that asked for less.
 */
async function moveOpenMembers(
  trx: Transaction<Database>,
  batch: ClaimedBatch,
  open: readonly { subscriberId: number; outcome: MailOutcome }[],
): Promise<{ deferred: number[]; unknown: number[] }> {
  const { rows } = await sql<{ id: number }>`
    select d.subscriber_id as id from unnest(${open.map(() => batch.editionId)}::int[], ${open.map((each) => each.subscriberId)}::int[])
      as m(edition_id, subscriber_id)
    join deliveries d on d.edition_id = m.edition_id and d.subscriber_id = m.subscriber_id
    where d.batch_id = ${batch.id} and ${isUnaccountedSql('d')} for update of d`.execute(trx)
  const here = new Set(rows.map((row) => row.id))
  const parts = { deferred: [] as number[], unknown: [] as number[] }
  for (const part of new Set(open.map(({ outcome }) => partOf(outcome)))) {
    const leaving = open.filter(({ subscriberId, outcome }) => partOf(outcome) === part && here.has(subscriberId))
    const outcome = leaving[0]?.outcome
    if (outcome?.state !== 'deferred' && outcome?.state !== 'unknown') continue
    const { state, reason } = outcome
    // The attempt is remembered for the next wait alone, nothing of it is fixed; a host's pace sees
    // to the waits of its own.
    const isPaced = outcome.state === 'deferred' && outcome.tooFast === true
    const doublings = isPaced ? 0 : Math.min(batch.attempts, DOUBLINGS_MAX)
    const waitMs = outcome.state === 'deferred' ? outcome.retryAfterMs * 2 ** doublings : 0
    const attempts = batch.attempts + (isPaced ? 0 : 1)
    const members = leaving.map((each) => each.subscriberId)
    parts[state].push(await insertPart(trx, batch.editionId, members, { state, reason, attempts, waitMs }))
  }
  // What stays unknown keeps the marks of its one attempt, as evidence and for the quota. Its key
  // belongs to the whole request.
  await sql`
    update batches p set recipe_sha256 = b.recipe_sha256, join_version = b.join_version, provider = b.provider,
      first_attempt_at = b.first_attempt_at, idempotency_key = b.idempotency_key || '-unknown', next_attempt_at = 'infinity'
    from batches b where b.id = ${batch.id} and p.id = any(${parts.unknown})`.execute(trx)
  await sql`
    update batches set
      members = array(select m from unnest(members) with ordinality x(m, place) where m <> all(${[...here]}::int[]) order by place)
    where id = ${batch.id}`.execute(trx)
  return parts
}

function partOf(outcome: MailOutcome): string {
  return outcome.state === 'deferred' && outcome.tooFast ? outcome.reason : outcome.state
}

/**
 * Cuts a batch whose content was refused as a whole into two that were never attempted; a single
 * member is rejected. An earlier request of unknown outcome does not matter: its bytes were the
 * same, so it was refused as well. Returns the ids of the halves, none when the lease is lost or
 * there was nothing to cut.
 */
export async function markHalved(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  members: readonly number[],
  reason: string,
): Promise<number[]> {
  return db.transaction().execute(async (trx) => {
    const single = members.length === 1
    if (!(await move(trx, BATCH, batch, single ? 'reject' : 'halve', [sql`reason = ${reason}`]))) return []
    // Whoever the provider has reported of meanwhile was accepted after all, and must not go into
    // another request.
    const open = await claimUnaccounted(trx, batch.editionId, members)
    if (open.length < members.length) await emptyAddresses(trx, batch.editionId, members)
    const [first] = open
    if (single && first !== undefined) {
      await markAnswered(trx, batch.editionId, [{ subscriberId: first, outcome: { state: 'rejected', reason } }])
      return []
    }
    return insertParts(trx, batch.editionId, open, Math.ceil(open.length / 2))
  })
}

/**
 * Cuts a batch that was never attempted into one of `first` members and others of at most `size`,
 * all free to be taken. Returns the ids of all parts, none when the lease is lost.
 */
export async function splitBatch(
  db: Kysely<Database>,
  batch: ClaimedBatch,
  first: number,
  size: number,
): Promise<number[]> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ members: number[] }>`
      select b.members from batches b where b.id = ${batch.id} and b.lease_epoch = ${batch.epoch} and ${isFreshSql('b')}
      for update`.execute(trx)
    const members = rows[0]?.members
    if (!members) return []
    await move(trx, BATCH, batch, 'split', [
      sql`members = ${members.slice(0, first)}`,
      sql`next_attempt_at = ${inMs(0)}`,
    ])
    return [batch.id, ...(await insertParts(trx, batch.editionId, members.slice(first), size))]
  })
}

/**
 * Lays the batches that `waiting` lists out anew (a table of the transaction with batch_id,
 * edition_id, subscriber_id, place, zone, goes_at, reason, chosen and withheld): the chosen may go
 * at once, the others wait with their reason until their moment, by zones, and what is withheld
 * leaves.
 */
export async function layOutAnew(trx: Transaction<Database>, waiting: string, batchSize: number): Promise<void> {
  const list = sql.table(waiting)
  for (const reason of ['merged', 'late'] as const) {
    await markPassedOver(trx, sql`(select edition_id, subscriber_id from ${list} where withheld = ${reason})`, reason)
  }
  await sql`
    delete from batches b using (select distinct batch_id from ${list}) w where b.id = w.batch_id and ${isFreshSql('b')}`.execute(
    trx,
  )
  await sql`
    with staying as (
      select batch_id, edition_id, subscriber_id, place, chosen, case when not chosen then zone end as zone,
        case when not chosen then goes_at end as goes_at, case when not chosen then reason end as reason
      from ${list} where withheld is null
    ), parts as (
      select *, (row_number() over (partition by edition_id, goes_at, zone, reason order by batch_id, place) - 1) / ${batchSize}::int as part
      from staying
    ), inserted as (
      insert into batches (edition_id, state, members, reason, next_attempt_at)
      select edition_id, case when chosen then 'planned' else 'deferred' end, array_agg(subscriber_id order by batch_id, place),
        reason, coalesce(goes_at, round_clock())
      from parts group by edition_id, chosen, goes_at, zone, reason, part
      returning id, edition_id, members
    ), members as (select id, edition_id, unnest(members) as subscriber_id from inserted)
    update deliveries d set batch_id = m.id from members m
    where d.edition_id = m.edition_id and d.subscriber_id = m.subscriber_id`.execute(trx)
}

/** Lets what of an edition was put off go at once, and forgets for whose hour it waited. */
export async function markHastened(trx: Transaction<Database>, editionId: number): Promise<void> {
  await sql`
    update batches b set next_attempt_at = round_clock(), reason = case when not ${isPutOffSql('b')} then b.reason end
    where b.edition_id = ${editionId} and b.state in ${statesSql(BATCH_LIFE.resume.from)} and b.next_attempt_at > round_clock()`.execute(
    trx,
  )
}

/**
 * Decides what of an edition is permanently unknown, batch by batch and each in its own
 * transaction: what was decided stays decided when a later one fails. With `keyId` it goes again
 * under a new key (whoever did get it gets a second one), otherwise it is left unknown. Returns how
 * many deliveries.
 */
export async function markResolved(db: Kysely<Database>, editionId: number, keyId: number | null): Promise<number> {
  const { rows } = await sql<{ id: number; members: number[] }>`
    select b.id, b.members from batches b where b.edition_id = ${editionId} and ${isForGoodSql('b')} order by b.id`.execute(
    db,
  )
  let count = 0
  for (const { id, members } of rows) {
    count += await db.transaction().execute(async (trx) => {
      const held = await sql`select from batches b where b.id = ${id} and ${isForGoodSql('b')} for update`.execute(trx)
      if (held.rows.length === 0) return 0
      const open = await claimUnaccounted(trx, editionId, members)
      if (open.length > 0 && keyId !== null) {
        await markPlannedAgain(trx, editionId, open, keyId)
        await insertPart(trx, editionId, open)
      } else if (open.length > 0) await markDropped(trx, editionId, open)
      await emptyAddresses(trx, editionId, members)
      const reason = open.length === 0 ? null : keyId === null ? DROPPED : 'sent again under a new key'
      await sql`
        update batches set state = ${toSql(BATCH_LIFE.resolve)}, reason = ${reason} where id = ${id}`.execute(trx)
      return open.length
    })
  }
  return count
}

/**
 * Takes batches of a restored copy that were attempted: whoever is not accounted for goes on under
 * a new key, made with `keyId`. Only for what is known not to have been sent, and while nothing
 * works on it. Returns how many deliveries go again.
 */
export async function markRestarted(
  trx: Transaction<Database>,
  batches: readonly { id: number; editionId: number; members: readonly number[] }[],
  keyId: number,
): Promise<number> {
  let count = 0
  for (const { id, editionId, members } of batches) {
    const open = await claimUnaccounted(trx, editionId, members)
    if (open.length > 0) {
      await markPlannedAgain(trx, editionId, open, keyId)
      await insertPart(trx, editionId, open)
    }
    await emptyAddresses(trx, editionId, members)
    await sql`
      update batches set state = ${toSql(BATCH_LIFE.restart)}, reason = 'taken up again after a restore', lease_epoch = lease_epoch + 1
      where id = ${id}`.execute(trx)
    count += open.length
  }
  return count
}

async function insertParts(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
  size: number,
): Promise<number[]> {
  const ids: number[] = []
  for (let at = 0; at < members.length; at += size) {
    ids.push(await insertPart(trx, editionId, members.slice(at, at + size)))
  }
  return ids
}

/**
 * Inserts a batch of deliveries that leave another one. Never attempted unless `given` says more.
 */
export async function insertPart(
  trx: Transaction<Database>,
  editionId: number,
  members: readonly number[],
  given: { state: BatchState; reason?: string | null; attempts?: number; waitMs?: number } = { state: 'planned' },
): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    insert into batches (edition_id, state, members, reason, attempts, next_attempt_at)
    values (${editionId}, ${given.state}, ${[...members]}, ${given.reason ?? null}, ${given.attempts ?? 0}, ${inMs(given.waitMs ?? 0)})
    returning id`.execute(trx)
  const id = rows[0]?.id as number
  await sql`
    update deliveries d set batch_id = ${id}
    from unnest(${members.map(() => editionId)}::int[], ${[...members]}::int[]) as m(edition_id, subscriber_id)
    where d.edition_id = m.edition_id and d.subscriber_id = m.subscriber_id`.execute(trx)
  return id
}
