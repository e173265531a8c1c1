// The open alarms and what of them is still to be posted. A row is told when it is made and when it
// goes, each in the transaction that does it, so that whoever looks, however many, tells it once.
import { type Kysely, sql, type Transaction } from 'kysely'
import { lockInTransaction } from '../../database/client.ts'
import type { Database } from '../../database/schema.ts'
import type { Alarm, AlarmName } from './judging.ts'

export interface ToldAlarm extends Alarm {
  since: Date
}

/** What became news: alarms that are open since now, and those that are over. */
export interface News {
  opened: ToldAlarm[]
  ended: ToldAlarm[]
}

/**
 * What was not seen for so long is over; sooner it may only have paused, and what comes and goes is
 * one alarm.
 */
const OVER_AFTER_MINUTES = 5
/** A post that was not taken is repeated after this, twice as long each time, for a day. */
const REPEAT_SECONDS = 60
const REPEAT_MOST_SECONDS = 3_600
const POST_HOURS = 24
/** Posts that one look makes. */
const POSTS_A_LOOK = 20
/** Longer than a request may take: until then nobody else makes it. */
const LEASE_SECONDS = 60

/** Lets one look at a time judge and note. Ends with the transaction. */
export async function claimLook(trx: Transaction<Database>): Promise<void> {
  await lockInTransaction(trx, 'alarms')
}

/** Notes what is wrong now, in the caller's claim. Returns what is news. */
export async function markAlarms(trx: Transaction<Database>, alarms: readonly Alarm[]): Promise<News> {
  const found = JSON.stringify(alarms)
  await sql`
    update alarms a set seen_at = round_clock(), sentence = f.sentence
    from json_to_recordset(${found}::json) f(name text, subject text, sentence text)
    where a.name = f.name and a.subject = f.subject`.execute(trx)
  const { rows: opened } = await sql<AlarmRow>`
    insert into alarms as a (name, subject, sentence)
    select f.name, f.subject, f.sentence from json_to_recordset(${found}::json) f(name text, subject text, sentence text)
    on conflict do nothing returning a.name, a.subject, a.sentence, a.since`.execute(trx)
  const { rows: ended } = await sql<AlarmRow>`
    delete from alarms a where a.seen_at <= round_clock() - make_interval(mins => ${sql.lit(OVER_AFTER_MINUTES)})
    returning a.name, a.subject, a.sentence, a.since`.execute(trx)
  return { opened: opened.map(toldFrom), ended: ended.map(toldFrom) }
}

/** Lists the open alarms, the oldest first. */
export async function listAlarms(db: Kysely<Database>): Promise<ToldAlarm[]> {
  const rows = await db
    .selectFrom('alarms')
    .select(['name', 'subject', 'sentence', 'since'])
    .orderBy('since')
    .orderBy('name')
    .orderBy('subject')
    .execute()
  return rows.map(toldFrom)
}

/** A post that is to be made: repeated with the same id and body until it is taken. */
export interface Post {
  id: string
  body: string
}

export async function insertPosts(trx: Transaction<Database>, bodies: readonly string[]): Promise<void> {
  if (bodies.length === 0) return
  await trx
    .insertInto('alarm_posts')
    .values(bodies.map((body) => ({ body })))
    .execute()
}

/** Claims the posts that are to be made now, for as long as a request may take. */
export async function claimPosts(db: Kysely<Database>): Promise<Post[]> {
  await sql`delete from alarm_posts where made_at < round_clock() - make_interval(hours => ${sql.lit(POST_HOURS)})`.execute(
    db,
  )
  const { rows } = await sql<Post>`
    update alarm_posts p set attempts = p.attempts + 1,
      next_attempt_at = round_clock() + make_interval(secs => greatest(${sql.lit(LEASE_SECONDS)},
        least(${sql.lit(REPEAT_MOST_SECONDS)}, ${sql.lit(REPEAT_SECONDS)} * 2 ^ least(p.attempts, 10))))
    where p.id in (
      select w.id from alarm_posts w where w.next_attempt_at <= round_clock()
      order by w.made_at limit ${sql.lit(POSTS_A_LOOK)} for update skip locked
    )
    returning p.id, p.body`.execute(db)
  return rows
}

/** Removes a post that was taken. */
export async function prunePost(db: Kysely<Database>, id: string): Promise<void> {
  await db.deleteFrom('alarm_posts').where('id', '=', id).execute()
}

/**
 * Claims the beat of this day: once, from the hour on (UTC), and only while no alarm is open.
 * Returns whether it is the caller's to make.
 */
export async function claimBeat(db: Kysely<Database>, hour: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    with today as (select ${hourTodaySql(hour)} as at)
    insert into ticks as t (name, at)
    select 'heartbeat', round_clock() from today where round_clock() >= today.at and not exists (select from alarms)
    on conflict (name) do update set at = excluded.at where t.at < (select today.at from today)`.execute(db)
  return Number(numAffectedRows) > 0
}

/**
 * Tells whether today's morning report is still to be made: from the hour on (UTC), once a day. On
 * the first call ever the next day's is the first.
 */
export async function isReportDue(db: Kysely<Database>, hour: number): Promise<boolean> {
  await sql`insert into ticks (name) values ('report') on conflict do nothing`.execute(db)
  const { rows } = await sql<{ isDue: boolean | null }>`
    select ${isReportDueSql('t', hour)} as "isDue" from ticks t where t.name = 'report'`.execute(db)
  return rows[0]?.isDue === true
}

/** Claims today's morning report. Returns whether it is the caller's to make. */
export async function claimReport(trx: Transaction<Database>, hour: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update ticks t set at = round_clock() where t.name = 'report' and ${isReportDueSql('t', hour)}`.execute(trx)
  return Number(numAffectedRows) > 0
}

function isReportDueSql(tick: string, hour: number) {
  return sql<boolean>`(${sql.table(tick)}.at < ${hourTodaySql(hour)} and ${hourTodaySql(hour)} <= round_clock())`
}

/** The hour of this day, in UTC. */
function hourTodaySql(hour: number) {
  return sql<Date>`((date_trunc('day', round_clock() at time zone 'UTC') + make_interval(hours => ${hour}::int)) at time zone 'UTC')`
}

/** Gives a beat back that was not taken: the next look makes it. */
export async function markUnbeaten(db: Kysely<Database>): Promise<void> {
  await sql`update ticks set at = at - interval '1 day' where name = 'heartbeat'`.execute(db)
}

/**
 * Claims to tell of an outage that ended now and lasted `awayMs` milliseconds: one of all processes
 * that noticed it.
 */
export async function claimOutage(trx: Transaction<Database>, awayMs: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into ticks as t (name) values ('outage')
    on conflict (name) do update set at = excluded.at
      where t.at < round_clock() - make_interval(secs => ${awayMs / 1000})`.execute(trx)
  return Number(numAffectedRows) > 0
}

interface AlarmRow {
  name: string
  subject: string
  sentence: string
  since: Date
}

function toldFrom({ name, ...row }: AlarmRow): ToldAlarm {
  return { ...row, name: name as AlarmName }
}
