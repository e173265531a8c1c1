// One reader's last days, one by one: the email that they got, or the one reason why there was
// none. Never writes.
import { type Kysely, sql } from 'kysely'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import type { Topics } from '../../digest/topics/topics.ts'
import { dateOf, shiftDate } from '../../edition/edition.ts'
import type { EditionDate } from '../../source/paper.ts'
import { lastHourSql, weekOfSql } from '../../subscriber/calendar.ts'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import { explainEdition, type Sent } from './explaining.ts'
import type { Outcome } from './silence.ts'

export interface Day {
  date: EditionDate
  kind: EditionKind
  outcome: Outcome
  sent: Sent | undefined
}

interface Ask {
  days: number
  cutoffMinutes: number
  topics: Topics
}

/**
 * Lists what became of the editions of the last days for a reader, the newest first: each day of
 * their kind, each week that is theirs, and whatever they got of the other kind. Nothing from
 * before they subscribed.
 */
export async function listDays(db: Kysely<Database>, subscriber: Subscriber, ask: Ask): Promise<Day[]> {
  const today = dateOf(await getNow(db))
  const first = await findFirstDate(db, subscriber.id, shiftDate(today, -ask.days))
  const got = await listGot(db, subscriber.id, first)
  const own: EditionKind = subscriber.cadence === 'weekly' ? 'weekly' : 'daily'
  const days: Day[] = []
  for (let date = today; date >= first; date = shiftDate(date, -1)) {
    for (const kind of ['daily', 'weekly'] as const) {
      if (kind !== own && !got.has(`${date} ${kind}`)) continue
      const { outcome, sent } = await explainEdition(db, subscriber, { ...ask, date, kind })
      const isNobodys = outcome.kind === 'silence' && ['not-your-day', 'before'].includes(outcome.reason)
      if (!isNobodys) days.push({ date, kind, outcome, sent })
    }
  }
  return days
}

/**
 * Returns the date that ends the week which a weekly reader's last hour pointed to, or of a later
 * one that they were asked about: on another day, between two rhythms.
 */
export async function findTheirWeek(
  db: Kysely<Database>,
  subscriberId: number,
  cutoffMinutes: number,
): Promise<EditionDate | undefined> {
  const { rows } = await sql<{ week: string | null }>`
    select greatest(${weekOfSql(lastHourSql('s', sql`round_now()`), cutoffMinutes)}, (
      select max(e.date) from editions e join deliveries d on d.edition_id = e.id and d.subscriber_id = s.id where e.kind = 'weekly'
    )) as week from subscribers s where s.id = ${subscriberId}`.execute(db)
  return rows[0]?.week ?? undefined
}

/** The later of `since` and the day before they came: an edition of that day may reach them. */
async function findFirstDate(db: Kysely<Database>, subscriberId: number, since: EditionDate): Promise<EditionDate> {
  const { rows } = await sql<{ first: string }>`
    select greatest(${since}::date, (created_at at time zone 'UTC')::date - 1) as first from subscribers where id = ${subscriberId}`.execute(
    db,
  )
  return rows[0]?.first ?? since
}

async function listGot(db: Kysely<Database>, subscriberId: number, since: EditionDate): Promise<Set<string>> {
  const { rows } = await sql<{ date: string; kind: EditionKind }>`
    select e.date, e.kind from deliveries d join editions e on e.id = d.edition_id
    where d.subscriber_id = ${subscriberId} and e.date >= ${since}::date`.execute(db)
  return new Set(rows.map(({ date, kind }) => `${date} ${kind}`))
}
