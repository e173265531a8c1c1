// Rows of subscribers, of the choices they share and of suppressions.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { Cadence, Consent, LeavingReason } from '../database/states.ts'
import { weeklyHourSql, weekOfSql } from './calendar.ts'
import { hasReaderSql, READER_HOURS, startClocksSql } from './clock.ts'
import { type Choices, hashChoices, openChoices, type Rhythm } from './preferences.ts'
import { hashAddress, type Subscriber } from './subscriber.ts'
import { assertZones } from './zone.ts'

export interface NewSubscriber extends Rhythm {
  /** Normalised. */
  address: string
  choices: Choices
  /** Where the consent comes from: `operator`, `demo` … */
  consentSource: string
  /** The command by which an operator vouches for it, and what they say of it. */
  consentPage?: string
  consentNote?: string | null
}

/**
 * Who has just confirmed takes a week that ended up to so many days before the last; of an older
 * one, the last is made for them.
 */
export const WELCOME_WEEK_DAYS = 6

/** What became of an attempt to add an address. */
export type Insertion = 'added' | 'known' | 'suppressed'

/**
 * Adds a confirmed subscriber. An address that is known in any state is left as it is; a suppressed
 * one is refused.
 */
export async function insertSubscriber(db: Kysely<Database>, subscriber: NewSubscriber): Promise<Insertion> {
  const [insertion] = await insertSubscribers(db, [subscriber])
  return insertion as Insertion
}

/**
 * Adds many at once, one outcome each in the same order; see insertSubscriber. Of an address given
 * twice the first counts, the others are known. Throws an UnknownZoneError when a zone is unknown
 * to this runtime or to PostgreSQL; nothing is added then.
 */
export async function insertSubscribers(db: Kysely<Database>, list: readonly NewSubscriber[]): Promise<Insertion[]> {
  await assertZones(db, new Set(list.map((subscriber) => subscriber.zone)))
  const key = await getAddressKey(db)
  const preferences = await ensurePreferences(
    db,
    list.map((subscriber) => subscriber.choices),
  )
  const rows = list.map((subscriber, index) => ({
    place: index,
    address: subscriber.address,
    hash: hashAddress(key, subscriber.address).toString('hex'),
    source: subscriber.consentSource,
    page: subscriber.consentPage ?? null,
    note: subscriber.consentNote ?? null,
    preferences: preferences[index],
    cadence: subscriber.cadence,
    weekday: subscriber.weekday,
    hour: subscriber.hour,
    zone: subscriber.zone,
  }))
  const { rows: results } = await sql<{ address: string | null; suppressed: boolean; added: boolean }>`
    with given as (
      select g.*, decode(g.hash, 'hex') as address_hash
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g(place int, address text, hash text, source text,
        page text, note text, preferences int, cadence text, weekday smallint, hour smallint, zone text)
    ), added as (
      insert into subscribers (address, address_hash, consent, consent_source, consent_page, consent_note, confirmed_at,
        preferences_id, cadence, weekday, hour, zone)
      select address, address_hash, 'confirmed', source, page, note, case when source = 'operator' then round_now() end, preferences, cadence, weekday, hour, zone
      from given where not exists (select from suppressions s where s.address_hash = given.address_hash)
      order by place on conflict do nothing returning id, address, cadence, weekday, hour, zone
    ), clocks as (${startClocksSql(sql`added`)})
    select given.address, added.address is not null as added,
      exists (select from suppressions s where s.address_hash = given.address_hash) as suppressed
    from given left join added using (address)`.execute(db)
  const suppressed = new Set(results.filter((row) => row.suppressed).map((row) => row.address))
  const added = new Set(results.filter((row) => row.added).map((row) => row.address))
  return list.map(({ address }) => {
    if (suppressed.has(address)) return 'suppressed'
    return added.delete(address) ? 'added' : 'known'
  })
}

/** Returns undefined when the address (normalised) is not known. */
export async function findSubscriberByAddress(db: Kysely<Database>, address: string): Promise<Subscriber | undefined> {
  const [row] = await listRows(db, 'address', address)
  return row && subscriberFrom(row)
}

/** Returns undefined when no subscriber has this public id. */
export async function findSubscriberByPublicId(
  db: Kysely<Database>,
  publicId: string,
): Promise<Subscriber | undefined> {
  const [row] = await listRows(db, 'public_id', publicId)
  return row && subscriberFrom(row)
}

/** As `findSubscriberByPublicId`, with the database's time: a page that asks for both asks once. */
export async function findSubscriberNow(
  db: Kysely<Database>,
  publicId: string,
): Promise<{ subscriber: Subscriber; now: Date } | undefined> {
  const { rows } = await sql<Row & { now: Date }>`
    select r.*, round_clock() as now from (${selectSql} where s.public_id = ${publicId}) r`.execute(db)
  const [found] = rows
  if (!found) return undefined
  const { now, ...row } = found
  return { subscriber: subscriberFrom(row), now }
}

/** Returns undefined when the id is unknown. */
export async function findSubscriberById(db: Kysely<Database>, id: number): Promise<Subscriber | undefined> {
  const [row] = await listRows(db, 'id', id)
  return row && subscriberFrom(row)
}

/**
 * Lists up to `limit` subscribers with an id above `afterId`, by id: the whole list in flat memory,
 * page by page.
 */
export async function listSubscribers(db: Kysely<Database>, afterId: number, limit: number): Promise<Subscriber[]> {
  const { rows } = await sql<Row>`${selectSql} where s.id > ${afterId} order by s.id limit ${limit}`.execute(db)
  const read = openChoices()
  return rows.map((row) => subscriberFrom(row, read))
}

/**
 * Since when somebody is on the list, and why nothing may be written to them; null where it may.
 */
export interface ListFacts {
  id: number
  createdAt: Date
  suppressed: string | null
}

/** Lists the same rows as listSubscribers, with what is known of them beside their choices. */
export async function listFacts(
  db: Kysely<Database>,
  afterId: number,
  limit: number,
): Promise<ReadonlyMap<number, ListFacts>> {
  const { rows } = await sql<ListFacts>`
    select s.id, s.created_at as "createdAt", x.reason as suppressed
    from subscribers s left join suppressions x on x.address_hash = s.address_hash
    where s.id > ${afterId} order by s.id limit ${limit}`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

/**
 * Ends a subscription. Repeating it changes nothing. Returns false when the public id is unknown.
 * The clock is left to the planner, so that nobody who leaves waits for one.
 */
export async function markUnsubscribed(db: Kysely<Database>, publicId: string): Promise<boolean> {
  const row = await db
    .updateTable('subscribers')
    .set({
      consent: 'unsubscribed',
      left_at: sql`case when consent = 'unsubscribed' then left_at else round_now() end`,
      changed_at: sql`case when consent = 'unsubscribed' then changed_at else round_now() end`,
    })
    .where('public_id', '=', publicId)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Notes why somebody left; who is still here, or came back, has no reason. The last one counts. */
export async function markLeavingReason(db: Kysely<Database>, publicId: string, reason: LeavingReason): Promise<void> {
  await db
    .updateTable('subscribers')
    .set({ left_reason: reason })
    .where('public_id', '=', publicId)
    .where('consent', '=', 'unsubscribed')
    .where('left_at', 'is not', null)
    .execute()
}

/**
 * Pauses until a local date (that day included), or resumes with null: what freezes meanwhile is
 * not waited for.
 */
export async function markPaused(db: Kysely<Database>, id: number, until: string | null): Promise<void> {
  await sql`
    with paused as (
      update subscribers set paused_until = ${until}::date, changed_at = round_now() where id = ${id} returning id
    )
    update reader_clocks c set waiting_since = round_now() from paused where c.subscriber_id = paused.id`.execute(db)
}

/** Counts readers by consent and cadence; erased ones are none. */
export async function listReaderCounts(
  db: Kysely<Database>,
): Promise<{ consent: Consent; cadence: Cadence; count: number }[]> {
  return db
    .selectFrom('subscribers')
    .select((eb) => ['consent', 'cadence', eb.fn.countAll<number>().as('count')])
    .where('address', 'is not', null)
    .groupBy(['consent', 'cadence'])
    .execute()
}

/** Tells whether any clock has come to its hour. */
export async function isReaderDue(db: Kysely<Database>): Promise<boolean> {
  const { rows } = await sql`
    (select from reader_clocks where next_due_at <= round_now() order by next_due_at limit 1)
    union all (select from shared_clocks where next_due_at <= round_now() order by next_due_at limit 1)`.execute(db)
  return rows.length > 0
}

/**
 * Lists the weeks, by the date that ends them, that confirmed weekly readers point to with their
 * hour, that are over (their cut-off has passed) and still to be made: after an outage more than
 * one. Who has just confirmed takes any recent week.
 */
export async function listWantedWeeks(db: Kysely<Database>, cutoffMinutes: number): Promise<string[]> {
  const cutoffAfter = (days: number) =>
    sql`(last.week + 1) at time zone 'UTC' + make_interval(days => ${sql.lit(days)}, mins => ${cutoffMinutes})`
  // Of those whose hour is still to come one is enough; an hour that has passed by a week has come
  // again since.
  const { rows } = await sql<{ week: string | null }>`
    with last as (select ${weekOfSql(sql`round_now()`, cutoffMinutes)} as week),
    pointed as (
      select last.week, false as welcome from last where exists (
        select from reader_clocks c cross join lateral (select * from subscribers s where s.id = c.subscriber_id offset 0) s
        where c.weekly and c.next_due_at > round_now() and c.next_due_at < ${cutoffAfter(1)} and s.consent = 'confirmed'
      ) or exists (
        select from shared_clocks k
        where k.cadence = 'weekly' and k.next_due_at > round_now() and k.next_due_at < ${cutoffAfter(1)} and ${hasReaderSql('k')}
      )
      union
      select ${weekOfSql(sql`h.at`, cutoffMinutes)}, c.welcome from reader_clocks c cross join lateral (select * from subscribers s where s.id = c.subscriber_id offset 0) s cross join lateral (
        select ${weeklyHourSql('s', sql`c.next_due_at`)} as at
      ) h
      where c.weekly and c.next_due_at <= round_now() and s.consent = 'confirmed'
      union
      select ${weekOfSql(sql`h.at`, cutoffMinutes)}, false from shared_clocks k cross join lateral (
        select ${weeklyHourSql('k', sql`k.next_due_at`)} as at
      ) h
      where k.cadence = 'weekly' and k.next_due_at <= round_now() and ${hasReaderSql('k')}
    )
    select distinct week from pointed where not exists (
      select from editions e where e.kind = 'weekly' and e.state in ('frozen', 'empty')
        and e.date between week - case when welcome then ${sql.lit(WELCOME_WEEK_DAYS)} else 0 end and week
    )
    order by 1`.execute(db)
  return rows.flatMap((row) => row.week ?? [])
}

/** Returns the row id of each set of choices, in order, making those that are missing. */
export async function ensurePreferences(db: Kysely<Database>, list: readonly Choices[]): Promise<number[]> {
  const byHash = new Map(list.map((choices) => [hashChoices(choices).toString('hex'), choices]))
  const rows = JSON.stringify([...byHash].map(([hash, choices]) => ({ hash, choices })))
  await sql`
    insert into preferences (sha256, choices)
    select decode(r->>'hash', 'hex'), r->'choices' from jsonb_array_elements(${rows}::jsonb) r
    on conflict do nothing`.execute(db)
  const found = await sql<{ hash: string; id: number }>`
    select encode(sha256, 'hex') as hash, id from preferences
    where sha256 in (select decode(r->>'hash', 'hex') from jsonb_array_elements(${rows}::jsonb) r)`.execute(db)
  const ids = new Map(found.rows.map((row) => [row.hash, row.id]))
  return list.map((choices) => ids.get(hashChoices(choices).toString('hex')) as number)
}

/** Lists the minimums of votes, above 0, that confirmed readers of daily editions ask for. */
export async function listVoteBars(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ bar: number | null }>`
    select distinct (p.choices->>'minimumVotes')::int as bar
    from subscribers s join preferences p on p.id = s.preferences_id
    where s.consent = 'confirmed' and s.cadence <> 'weekly' and p.choices->>'minimumVotes' ~ '^[1-9][0-9]{0,5}$'
    order by 1`.execute(db)
  return rows.flatMap(({ bar }) => bar ?? [])
}

/** Returns the key under which addresses are hashed: made with the database, never rotated. */
export async function getAddressKey(db: Kysely<Database>): Promise<Buffer> {
  const row = await db
    .selectFrom('secrets')
    .select('value')
    .where('name', '=', 'address-hash')
    .executeTakeFirstOrThrow()
  return row.value
}

type Row = Omit<Subscriber, 'choices'> & { preferences_id: number; choices: unknown }

const selectSql = sql`
  select s.id, s.public_id as "publicId", s.address, s.consent, s.cadence, s.weekday, s.hour, s.zone, s.silence,
    s.paused_until as "pausedUntil", s.token_epoch as "tokenEpoch", (
      select c.next_due_at from ${READER_HOURS} c where c.subscriber_id = s.id and s.consent = 'confirmed'
    ) as "nextDueAt", s.preferences_id, p.choices
  from subscribers s join preferences p on p.id = s.preferences_id`

async function listRows(
  db: Kysely<Database>,
  column: 'id' | 'public_id' | 'address',
  value: number | string,
): Promise<Row[]> {
  const { rows } = await sql<Row>`${selectSql} where ${sql.ref(`s.${column}`)} = ${value}`.execute(db)
  return rows
}

function subscriberFrom({ preferences_id, choices, ...row }: Row, read = openChoices()): Subscriber {
  return { ...row, choices: read({ preferences_id, choices }) }
}
