// How a consent begins, is confirmed, ends and comes back. Every function is one statement and
// harmless when repeated; which notice goes with it is decided in delivery/request/sign-up.ts.
import { type Kysely, sql, type Transaction } from 'kysely'
import * as z from 'zod'
import type { Database } from '../database/schema.ts'
import type { Consent, LeavingReason, Silence } from '../database/states.ts'
import { readStored } from '../database/stored.ts'
import { startClocksSql } from './clock.ts'
import { type Choices, type Rhythm, STORED_RHYTHM } from './preferences.ts'
import { ensurePreferences } from './store.ts'

/** What somebody asks for when they sign up, with what proves that they did. */
export interface Ask extends Rhythm {
  choices: Choices
  silence: Silence
  /** Send the latest edition at once after confirming. */
  welcome: boolean
  /** Where the consent comes from: `form` … */
  consentSource: string
  /** Names the words that were agreed to: page, language and version. */
  consentPage: string
}

const storedAsk = z.looseObject({
  ...STORED_RHYTHM,
  welcome: z.boolean().catch(false),
  consentSource: z.string().catch('form'),
  consentPage: z.string().catch('unknown'),
})

/** Reads an ask as it was stored: see readStored. */
export function readAsk(stored: unknown): Ask {
  return readStored(storedAsk, stored)
}

/** As much of a subscriber as signing up depends on. */
export interface KnownAddress {
  id: number
  publicId: string
  tokenEpoch: number
  consent: Consent
}

/** An unconfirmed sign-up vanishes after so many days. */
const PENDING_DAYS = 7
/** How long after leaving a reader may come back with one button. */
const COME_BACK_MINUTES = 60

/**
 * Returns who has an address, by its hash, in whatever state, and holds the row until the
 * transaction ends.
 */
export async function findKnownAddress(
  trx: Transaction<Database>,
  addressHash: Buffer,
): Promise<KnownAddress | undefined> {
  return trx
    .selectFrom('subscribers')
    .select(['id', 'public_id as publicId', 'token_epoch as tokenEpoch', 'consent'])
    .where('address_hash', '=', addressHash)
    .where('address', 'is not', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

/**
 * Tells whether an address must not be written to. What was erased may be: it bars adding and
 * importing only.
 */
export async function isBarred(db: Kysely<Database>, addressHash: Buffer): Promise<boolean> {
  const row = await db
    .selectFrom('suppressions')
    .select('reason')
    .where('address_hash', '=', addressHash)
    .where('reason', '<>', 'erased')
    .executeTakeFirst()
  return row !== undefined
}

/** Adds somebody who has yet to confirm. Nothing but a confirmation is ever sent to them. */
export async function insertPending(
  trx: Transaction<Database>,
  address: string,
  addressHash: Buffer,
  ask: Ask,
): Promise<number> {
  const [preferencesId] = await ensurePreferences(trx, [ask.choices])
  const { id } = await trx
    .insertInto('subscribers')
    .values({
      address,
      address_hash: addressHash,
      consent: 'pending',
      consent_source: ask.consentSource,
      consent_page: ask.consentPage,
      asked_at: sql<Date>`round_now()`,
      preferences_id: preferencesId as number,
      cadence: ask.cadence,
      weekday: ask.weekday,
      hour: ask.hour,
      zone: ask.zone,
      silence: ask.silence,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/**
 * Begins a subscription as it was asked for: what freezes from now on is waited for, and with
 * `welcome` the latest edition is due at once. It lifts an `erased` suppression, and no other: the
 * reader has come back by their own hand. Returns false when the subscriber is gone or must not be
 * written to.
 */
export async function markConfirmed(
  trx: Transaction<Database>,
  id: number,
  { ask, askedAt }: { ask: Ask; askedAt: Date },
): Promise<boolean> {
  const [preferencesId] = await ensurePreferences(trx, [ask.choices])
  await sql`
    delete from suppressions where reason = 'erased'
      and address_hash = (select address_hash from subscribers where id = ${id} and address is not null)`.execute(trx)
  const { numAffectedRows } = await sql`
    with confirmed as (
    update subscribers s set consent = 'confirmed', consent_source = a.consent_source, consent_page = a.consent_page, consent_note = null,
      asked_at = ${askedAt}::timestamptz, confirmed_at = round_now(), left_at = null, left_reason = null, preferences_id = a.preferences_id,
      cadence = a.cadence, weekday = a.weekday, hour = a.hour, zone = a.zone, silence = a.silence, paused_until = null,
      changed_at = round_now()
    from (select ${ask.consentSource}::text as consent_source, ${ask.consentPage}::text as consent_page,
      ${preferencesId}::int as preferences_id, ${ask.cadence}::text as cadence, ${ask.weekday}::smallint as weekday,
      ${ask.hour}::smallint as hour, ${ask.zone}::text as zone, ${ask.silence}::text as silence) a
    where s.id = ${id} and s.address is not null
      and not exists (select from suppressions x where x.address_hash = s.address_hash)
      returning s.id, s.cadence, s.weekday, s.hour, s.zone
    )
    ${startClocksSql(sql`confirmed`, ask.welcome)}`.execute(trx)
  return Number(numAffectedRows) === 1
}

/**
 * Takes back a leaving of the last hour: the subscription goes on from now. Returns false when
 * there is none to take back; true as well for whoever has come back already. Either way they have
 * confirmed anew: a wish to leave from before it, which an outage keeps elsewhere, counts no more.
 */
export async function markResubscribed(db: Kysely<Database>, publicId: string): Promise<boolean> {
  await sql`
    with mine as (
      select s.id, s.consent = 'unsubscribed' as had_left from subscribers s
      where s.public_id = ${publicId} and s.address is not null and (s.consent = 'confirmed' or s.consent = 'unsubscribed'
        and s.left_at > round_now() - make_interval(mins => ${COME_BACK_MINUTES})
        and not exists (select from suppressions x where x.address_hash = s.address_hash))
    ), back as (
      update subscribers s set consent = 'confirmed', confirmed_at = round_now(), left_at = null, left_reason = null,
        changed_at = case when had_left then round_now() else s.changed_at end
      from mine where mine.id = s.id returning s.id, s.cadence, s.weekday, s.hour, s.zone, mine.had_left
    )
    ${startClocksSql(sql`(select * from back where had_left)`)}`.execute(db)
  return isConfirmed(db, publicId)
}

async function isConfirmed(db: Kysely<Database>, publicId: string): Promise<boolean> {
  const row = await db.selectFrom('subscribers').select('consent').where('public_id', '=', publicId).executeTakeFirst()
  return row?.consent === 'confirmed'
}

/** How somebody left. */
export interface Departure {
  /** Whether one button still brings them back. */
  mayComeBack: boolean
  /** Why, if they said so. */
  reason: LeavingReason | null
}

/** Returns how a reader left; undefined for whoever is here, or has been erased. */
export async function findDeparture(db: Kysely<Database>, publicId: string): Promise<Departure | undefined> {
  const { rows } = await sql<Departure>`
    select coalesce(left_at > round_now() - make_interval(mins => ${COME_BACK_MINUTES}), false) as "mayComeBack",
      left_reason as reason
    from subscribers where public_id = ${publicId} and consent = 'unsubscribed' and address is not null`.execute(db)
  return rows[0]
}

/**
 * Removes sign-ups that nobody confirmed within a week. Of their links it stays known that they
 * were genuine, and nobody's. Returns how many.
 */
export async function prunePending(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with gone as (
      delete from subscribers where consent = 'pending'
        and created_at < round_now() - make_interval(days => ${PENDING_DAYS})
        and not exists (select from credentials c where c.subscriber_id = subscribers.id and c.expires_at > round_clock())
      returning id
    ), kept as (
      insert into spent_credentials (hash, purpose, fate, spent_at)
      select c.hash, c.purpose, 'expired', c.expires_at from credentials c join gone on gone.id = c.subscriber_id
      on conflict do nothing
    )
    select count(*) as count from gone`.execute(db)
  return rows[0]?.count ?? 0
}
