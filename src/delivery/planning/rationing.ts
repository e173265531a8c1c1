// Who goes first when a quota does not last for everybody who waits. Fair over days: who was put
// off before comes first, and what they will need is kept back for them; the rest in an order that
// is another one every day. Whoever is put off waits for an hour of their own, where the newest
// edition finds them. It never touches a batch that was attempted, and never puts anybody off twice
// over.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import { lockInTransaction } from '../../database/client.ts'
import type { Database } from '../../database/schema.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import { isStoppedByHandSql } from '../../edition/stop.ts'
import { OPEN_CUTOFFS } from '../../edition/store.ts'
import { firstHourSql, hourOnDaySql, lastHourSql, localDateSql } from '../../subscriber/calendar.ts'
import { deliveryOfSql, hasSlidSql, todaySql } from '../sending/members.ts'
import { LEASE_MS } from '../sending/once.ts'
import { layOutAnew } from '../sending/parts.ts'
import { isFreshSql, isPutOffSql } from '../sending/transitions.ts'
import { createWorkTable } from './work-tables.ts'

export interface Ration {
  /** Mails that may still go; Infinity without a limit. */
  mails: number
  /** Most members of a batch. */
  batchSize: number
  /** What those who have to wait are told. */
  reason: string
  /** When more may go: the quota's next day or month begins. Null without a limit. */
  freeAt: Date | null
  latenessMs: number
}

/** Whose hour is a cut-off waits so long at a time for what freezes then: longer than a lease. */
const AWAITING_MS = 2 * 60_000
/** PostgreSQL counts with this where nothing limits it. */
const UNLIMITED = 2 ** 31 - 1

/**
 * Lays the batches that wait and were never attempted out anew, so that the first `mails` readers
 * can go and the others wait as told. While there is enough for all of them, what is left goes to
 * those who were put off earlier on their day. Returns how many were put off.
 */
export async function rationWaiting(db: Kysely<Database>, given: Ration): Promise<number> {
  const ration = { ...given, mails: Math.min(given.mails, UNLIMITED) }
  if (!isAnythingToDo(await look(db, ration), ration)) return 0
  return db.transaction().execute(async (trx) => {
    await lockInTransaction(trx, 'ration')
    const seen = await look(trx, ration)
    if (!isAnythingToDo(seen, ration)) return 0
    await layOutWaiting(trx, ration, seen)
    await chooseFirst(trx, ration, seen)
    const { rows } = await sql<{ changed: boolean }>`
      select exists (
        select from waiting_mails where case when put_off then chosen or withheld is not null else not chosen end
      ) as changed`.execute(trx)
    if (rows[0]?.changed !== true) return 0
    await layOutAnew(trx, 'waiting_mails', ration.batchSize)
    return insertWaits(trx)
  })
}

/** Mails of batches of which nothing was attempted. */
interface Seen {
  /** They may go at this moment, as their batches say. */
  waiting: number
  /** Of those, what was put off until now. */
  awoken: number
  /** They will need what is left, before there is more. */
  coming: number
  /** They were put off, and their reader's day is not over. */
  ofToday: number
}

async function look(db: Kysely<Database>, { freeAt }: Ration): Promise<Seen> {
  const { rows } = await sql<Seen>`
    with b as materialized (${freshSql()}), seen as (
      select cardinality(b.members) as mails, b.next_attempt_at as at, ${isPutOffSql('b')} as put_off, t.today
      from b cross join lateral (select ${isOfTodaySql('b')} as today) t
    )
    select coalesce(sum(mails) filter (where at <= round_clock()), 0)::int as waiting,
      coalesce(sum(mails) filter (where at <= round_clock() and put_off), 0)::int as awoken,
      coalesce(sum(mails) filter (where at > round_clock() and at < ${freeAt}::timestamptz and not today), 0)::int as coming,
      coalesce(sum(mails) filter (where today), 0)::int as "ofToday"
    from seen`.execute(db)
  return rows[0] as Seen
}

function isAnythingToDo({ waiting, awoken, coming, ofToday }: Seen, { mails }: Ration): boolean {
  return waiting + coming > mails ? waiting > 0 : awoken > 0 || (ofToday > 0 && waiting + coming < mails)
}

function freshSql(): RawBuilder<unknown> {
  return sql`
    select b.* from batches b join editions e on e.id = b.edition_id
    where ${isFreshSql('b')} and not (${isStoppedSql('e')} or ${isStoppedByHandSql('e')})`
}

/**
 * Tells whether batch `b` waits for a later moment for want of a quota, and might go on the day
 * that it is for its readers. One speaks for all: they are of one zone and hour. What ends as soon
 * as a lease may be one.
 */
function isOfTodaySql(batch: string): RawBuilder<boolean> {
  const b = sql.table(batch)
  return sql<boolean>`case when ${isPutOffSql(batch)} and ${b}.next_attempt_at > round_clock() + make_interval(secs => ${sql.lit(LEASE_MS / 1000)}) then coalesce((
      select ${mayGoTodaySql('d', 's')} from ${deliveryOfSql(batch, sql`${b}.members[1]`)} d
      cross join lateral (select * from subscribers s where s.id = d.subscriber_id offset 0) s
    ), false) else false end`
}

/**
 * Tells whether a digest that was put off may go on this local day of its reader: it was planned on
 * it, or their hour of it has passed.
 */
function mayGoTodaySql(delivery: string, reader: string): RawBuilder<boolean> {
  return sql<boolean>`(${localDateSql(reader, sql`${sql.table(delivery)}.issued_at`)} >= ${todaySql(reader)} or ${hasHourPassedSql(reader)})`
}

/** A week that was put off goes on any day. */
function hasHourPassedSql(reader: string): RawBuilder<boolean> {
  const s = sql.table(reader)
  return sql<boolean>`((${s}.cadence <> 'working-days' or extract(isodow from ${todaySql(reader)}) <= 5)
    and ${hourOnDaySql(todaySql(reader), sql`${s}.hour`, sql`${s}.zone`)} <= round_now())`
}

/** Tells whether the last hour of rhythm `r` is today's, and what freezes at it is still open. */
function isAwaitingFreezeSql(rhythm: string): RawBuilder<boolean> {
  const hour = lastHourSql(rhythm, sql`round_now()`)
  return sql<boolean>`(${hour} in (${OPEN_CUTOFFS}) and ${localDateSql(rhythm, hour)} = ${todaySql(rhythm)})`
}

/**
 * Locks the waiting batches: whoever claims one meanwhile finds it laid out anew or gone. Where
 * there is enough for all of them, only those that were put off until now, or are of today.
 */
async function layOutWaiting(trx: Transaction<Database>, ration: Ration, { waiting, coming }: Seen): Promise<void> {
  const { reason, freeAt, latenessMs } = ration
  const isShort = waiting + coming > ration.mails
  await createWorkTable(trx, 'waiting_mails')
  // Hours are reckoned once a rhythm, not once a reader. Whose hour has passed since they were to
  // go, in an outage, goes now.
  await sql`
    insert into waiting_mails (batch_id, edition_id, subscriber_id, place, zone, goes_at, reason, due, put_off, chosen, withheld)
    with locked as materialized (
      select b.* from batches b
      where ${isFreshSql('b')} and case when ${isShort}::boolean then b.next_attempt_at <= round_clock()
        else b.next_attempt_at <= round_clock() and ${isPutOffSql('b')} or ${isOfTodaySql('b')} end
      for update skip locked
    ), m as materialized (
      select b.id as batch_id, b.edition_id, x.subscriber_id, x.place, b.reason, ${isPutOffSql('b')} as waited,
        b.next_attempt_at as at, b.next_attempt_at > round_clock() as put_off, s.zone, s.hour, e.kind, ${localDateSql('s', sql`d.issued_at`)} as issued_on,
        -- A week that was put off goes on any day.
        case s.cadence when 'weekly' then 'daily' else s.cadence end as cadence, 1 as weekday,
        ${isPutOffSql('b')} and ${hasSlidSql('d', 's')} and case when e.kind = 'weekly' then d.issued_at < late.at
          else e.frozen_at < late.at and e.frozen_at >= d.issued_at - late.after end as late,
        row_number() over (partition by x.subscriber_id order by e.kind = 'weekly' desc, e.date desc, e.id desc) as age
      from locked b join editions e on e.id = b.edition_id and not (${isStoppedSql('e')} or ${isStoppedByHandSql('e')})
      cross join (select round_now() - l.after as at, l.after from (select make_interval(secs => ${latenessMs / 1000}) as after) l) late
      cross join unnest(b.members) with ordinality x(subscriber_id, place)
      cross join ${deliveryOfSql('b', sql`x.subscriber_id`)} d
      cross join lateral (select * from subscribers s where s.id = x.subscriber_id offset 0) s
    ), rhythms as materialized (
      select r.*, ${todaySql('r')} as today, ${hasHourPassedSql('r')} as passed, ${isAwaitingFreezeSql('r')} as awaits,
        ${lastHourSql('r', sql`round_now()`)} as last_hour, ${firstHourSql('r', sql`round_now()`)} as next_hour,
        case when ${localDateSql('r', sql`${freeAt}::timestamptz`)} = ${todaySql('r')} then ${freeAt}::timestamptz
          else ${firstHourSql('r', sql`${freeAt}::timestamptz`)} end as free_hour
      from (select distinct cadence, weekday, hour, zone from m) r
    )
    select m.batch_id, m.edition_id, m.subscriber_id, m.place, m.zone,
      case when f.awaits then round_clock() + make_interval(secs => ${sql.lit(AWAITING_MS / 1000)})
        when f.due then coalesce(r.free_hour, r.next_hour) else r.next_hour end,
      case when f.due then ${reason} else m.reason end, f.due, m.put_off, false, case when m.late then 'late' when m.age > 1 then 'merged' end
    from m join rhythms r on (r.cadence, r.hour, r.zone) = (m.cadence, m.hour, m.zone)
    cross join lateral (select r.awaits and m.waited and m.kind = 'daily' and m.issued_on < r.today as awaits) w
    cross join lateral (
      select w.awaits, not w.awaits and (not m.waited or m.issued_on >= r.today or r.passed or r.last_hour >= m.at) as due
    ) f`.execute(trx)
}

/** Whoever is to come before there is more has their turn among those who wait. */
async function chooseFirst(trx: Transaction<Database>, { mails, freeAt }: Ration, seen: Seen): Promise<void> {
  const unlisted = seen.waiting + seen.coming > mails ? 0 : seen.waiting - seen.awoken
  await sql`
    with coming as (
      select x.subscriber_id from (${freshSql()}) b cross join unnest(b.members) x(subscriber_id)
      where b.next_attempt_at > round_clock() and b.next_attempt_at < ${freeAt}::timestamptz
        and not exists (select from waiting_mails w where w.batch_id = b.id)
    ), turns as (
      select w.subscriber_id, w.listed, row_number() over (
        order by w.put_off, q.since nulls last, md5(w.subscriber_id || ' ' || (round_clock() at time zone 'UTC')::date), w.subscriber_id
      ) as turn
      from (
        select subscriber_id, true as listed, put_off from waiting_mails where due and withheld is null
        union all
        select distinct subscriber_id, false, false from coming
      ) w left join lateral (
        select since from quota_waits where quota_waits.subscriber_id = w.subscriber_id and not ${isServedSql('quota_waits')}
      ) q on true
    )
    update waiting_mails w set chosen = true from turns t
    where t.subscriber_id = w.subscriber_id and t.listed and t.turn <= ${mails - unlisted} and w.due and w.withheld is null`.execute(
    trx,
  )
}

async function insertWaits(trx: Transaction<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with refused as (
      select subscriber_id from waiting_mails where due and not put_off and withheld is null and not chosen
    ), noted as (
      insert into quota_waits (subscriber_id) select subscriber_id from refused
      on conflict (subscriber_id) do update set since = excluded.since where ${isServedSql('quota_waits')}
    )
    select count(*)::int as count from refused`.execute(trx)
  return rows[0]?.count ?? 0
}

/** Whether a reader who was put off got a digest since. */
function isServedSql(wait: string): RawBuilder<boolean> {
  const w = sql.table(wait)
  return sql<boolean>`exists (
    select from deliveries d where d.subscriber_id = ${w}.subscriber_id and d.state = 'submitted' and d.changed_at > ${w}.since
  )`
}
