// Rows of subscribers, of the choices they share and of suppressions.
import { type Kysely, type Selectable, sql } from 'kysely'
import type { Database, SubscriberRow } from '../database/schema.ts'
import { nextHourSql } from './calendar.ts'
import { type Choices, hashChoices, isZone, type Rhythm } from './preferences.ts'
import { hashAddress, type Subscriber } from './subscriber.ts'

export interface NewSubscriber extends Rhythm {
  /** Normalised. */
  address: string
  choices: Choices
  /** Where the consent comes from: `operator`, `demo` … */
  consentSource: string
}

/** What became of an attempt to add an address. */
export type Insertion = 'added' | 'known' | 'suppressed'

/** Adds a confirmed subscriber. An address that is known in any state is left as it is; a suppressed one is refused. */
export async function insertSubscriber(db: Kysely<Database>, subscriber: NewSubscriber): Promise<Insertion> {
  const [insertion] = await insertSubscribers(db, [subscriber])
  return insertion as Insertion
}

/**
 * Adds many at once, one outcome each in the same order; see insertSubscriber. Of an address given twice the first counts, the
 * others are known. Throws a RangeError when a zone is unknown to this runtime or to PostgreSQL; nothing is added then.
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
    preferences: preferences[index],
    cadence: subscriber.cadence,
    weekday: subscriber.weekday,
    hour: subscriber.hour,
    zone: subscriber.zone,
  }))
  const { rows: results } = await sql<{ address: string; suppressed: boolean; added: boolean }>`
    with given as (
      select g.*, decode(g.hash, 'hex') as address_hash
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g(place int, address text, hash text, source text,
        preferences int, cadence text, weekday smallint, hour smallint, zone text)
    ), added as (
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, weekday, hour, zone,
        next_due_at)
      select address, address_hash, 'confirmed', source, preferences, cadence, weekday, hour, zone,
        ${nextHourSql('given', sql`now()`)}
      from given where not exists (select from suppressions s where s.address_hash = given.address_hash)
      order by place on conflict do nothing returning address
    )
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
  const row = await subscribers(db).where('s.address', '=', address).executeTakeFirst()
  return row && subscriberFrom(row)
}

/** Returns undefined when no subscriber has this public id. */
export async function findSubscriberByPublicId(
  db: Kysely<Database>,
  publicId: string,
): Promise<Subscriber | undefined> {
  const row = await subscribers(db).where('s.public_id', '=', publicId).executeTakeFirst()
  return row && subscriberFrom(row)
}

/** Lists up to `limit` subscribers with an id above `afterId`, by id: the whole list in flat memory, page by page. */
export async function listSubscribers(db: Kysely<Database>, afterId: number, limit: number): Promise<Subscriber[]> {
  const rows = await subscribers(db).where('s.id', '>', afterId).orderBy('s.id').limit(limit).execute()
  return rows.map(subscriberFrom)
}

/** Ends a subscription. Repeating it changes nothing. Returns false when the public id is unknown. */
export async function markUnsubscribed(db: Kysely<Database>, publicId: string): Promise<boolean> {
  const row = await db
    .updateTable('subscribers')
    .set({
      consent: 'unsubscribed',
      next_due_at: null,
      changed_at: sql`case when consent = 'unsubscribed' then changed_at else now() end`,
    })
    .where('public_id', '=', publicId)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Pauses until a local date (that day included), or resumes with null: what freezes meanwhile is not waited for. */
export async function markPaused(db: Kysely<Database>, id: number, until: string | null): Promise<void> {
  await db
    .updateTable('subscribers')
    .set({ paused_until: until, waiting_since: sql`now()`, changed_at: sql`now()` })
    .where('id', '=', id)
    .execute()
}

/** Tells whether any confirmed reader's chosen hour has come. */
export async function isReaderDue(db: Kysely<Database>): Promise<boolean> {
  const { rows } =
    await sql`select from subscribers where consent = 'confirmed' and next_due_at <= now() limit 1`.execute(db)
  return rows.length > 0
}

/** Tells whether some confirmed weekly reader's next digest is the week that ends with `date` and that edition is still to be made. */
export async function isWeekWanted(db: Kysely<Database>, date: string, cutoffMinutes: number): Promise<boolean> {
  const cutoff = sql`(${date}::date + 1) at time zone 'UTC' + make_interval(mins => ${cutoffMinutes})`
  const { rows } = await sql`
    select from subscribers where consent = 'confirmed' and cadence = 'weekly'
      and next_due_at >= ${cutoff} and next_due_at < ${cutoff} + interval '1 day'
      and not exists (select from editions where date = ${date} and kind = 'weekly' and state in ('frozen', 'empty'))
    limit 1`.execute(db)
  return rows.length > 0
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

/**
 * Throws a RangeError that names the zones which either this runtime or PostgreSQL does not know: both must. CET and the
 * like count as unknown, because PostgreSQL takes them for abbreviations, which have no summer time.
 */
async function assertZones(db: Kysely<Database>, zones: ReadonlySet<string>): Promise<void> {
  const known = await sql<{ name: string }>`
    select name from pg_timezone_names where name = any(${[...zones]}::text[])
      and (name in ('UTC', 'GMT') or name not in (select abbrev from pg_timezone_abbrevs))`.execute(db)
  const inDatabase = new Set(known.rows.map((row) => row.name))
  const unknown = [...zones].filter((zone) => !isZone(zone) || !inDatabase.has(zone))
  if (unknown.length > 0) {
    throw new RangeError(
      `unknown time zone ${unknown.map((zone) => JSON.stringify(zone)).join(', ')}: use an IANA name such as Europe/Paris`,
    )
  }
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

function subscribers(db: Kysely<Database>) {
  return db
    .selectFrom('subscribers as s')
    .innerJoin('preferences as p', 'p.id', 's.preferences_id')
    .selectAll('s')
    .select('p.choices')
}

function subscriberFrom(row: Selectable<SubscriberRow> & { choices: unknown }): Subscriber {
  return {
    id: row.id,
    publicId: row.public_id,
    address: row.address,
    consent: row.consent,
    choices: row.choices as Choices,
    cadence: row.cadence as Rhythm['cadence'],
    weekday: row.weekday,
    hour: row.hour,
    zone: row.zone,
    silence: row.silence as Subscriber['silence'],
    pausedUntil: row.paused_until,
    tokenEpoch: row.token_epoch,
    nextDueAt: row.next_due_at,
  }
}
