// What is kept of a reader, for themselves: the mailed links to ask for it or to end it, and all of
// it as plain values.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type {
  Consent,
  CredentialPurpose,
  DeliveryState,
  EditionKind,
  Fate,
  NoticeKind,
  NoticeState,
  Silence,
} from '../../database/states.ts'
import { READER_HOURS } from '../../subscriber/clock.ts'
import { type Credential, claimCredential, ensureCredential, findCredential } from '../../subscriber/credential.ts'
import type { Rhythm } from '../../subscriber/preferences.ts'
import { findSubscriberById } from '../../subscriber/store.ts'
import { insertNotice } from '../notice/asking.ts'
import type { NoticeParts } from '../notice/notice.ts'
import { providerIdSql } from '../sending/provider-id.ts'

/** Links of a kind that a reader may ask for: more would only fill their mailbox. */
const LINKS_A_DAY = 5

/**
 * Mails a fresh link to a reader's own address: to their preferences, or of one use. Returns the
 * notice to send, null where none may go.
 */
export async function askLink(
  { db, linkKeys }: NoticeParts,
  subscriberId: number,
  kind: 'link' | 'export' | 'erase',
): Promise<number | null> {
  return db.transaction().execute(async (trx) => {
    await sql`select from subscribers where id = ${subscriberId} for no key update`.execute(trx)
    const subscriber = await findSubscriberById(trx, subscriberId)
    if (!subscriber || subscriber.address === null) return null
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from notices where subscriber_id = ${subscriberId} and kind = ${kind}
        and state not in ('withheld', 'rejected') and issued_at > round_clock() - interval '24 hours'`.execute(trx)
    if ((rows[0]?.count ?? 0) >= LINKS_A_DAY) return null
    const { address } = subscriber
    if (kind === 'link') return insertNotice(trx, linkKeys, { kind, subscriberId, address })
    const token = await ensureCredential(trx, kind, subscriberId, null)
    return insertNotice(trx, linkKeys, { kind, subscriberId, address, token })
  })
}

/** Looks at a mailed link to export or erase: what its page shows. */
export async function findLink(
  { db }: Pick<NoticeParts, 'db'>,
  kind: 'export' | 'erase',
  token: string,
): Promise<Credential | undefined> {
  return findCredential(db, kind, token)
}

/**
 * Uses a mailed link and returns all that is kept of its reader. Undefined for a link that cannot
 * be used.
 */
export async function exportData({ db }: Pick<NoticeParts, 'db'>, token: string): Promise<object | undefined> {
  return db.transaction().execute(async (trx) => {
    const credential = await claimCredential(trx, 'export', token)
    return credential && getOwnData(trx, credential.subscriberId)
  })
}

interface OwnSubscriber extends Rhythm {
  address: string | null
  publicId: string
  consent: Consent
  consentFacts: unknown
  silence: Silence
  pausedUntil: string | null
  choices: unknown
  tokenEpoch: number
  waitingSince: Date | null
  nextDueAt: Date | null
  createdAt: Date
  changedAt: Date
  suppression: unknown
}

interface OwnDigest {
  date: string
  kind: EditionKind
  publicId: string
  state: DeliveryState
  fate: Fate
  reason: string | null
  localDate: string | null
  address: string | null
  providerId: string | null
  issuedAt: Date | null
  changedAt: Date
  papers: unknown
}

interface OwnNotice extends Pick<OwnDigest, 'publicId' | 'fate' | 'reason' | 'address' | 'providerId' | 'changedAt'> {
  kind: NoticeKind
  state: NoticeState
  provider: string | null
  issuedAt: Date
}

interface OwnLink {
  purpose: CredentialPurpose
  payload: unknown
  issuedAt: Date
  expiresAt: Date
  usedAt: Date | null
}

interface OwnNote {
  localDate: string
  kind: 'day' | 'filters'
  noticedAt: Date | null
}

/** Returns everything that is kept of a subscriber, in our own words for it. */
export async function getOwnData(db: Kysely<Database>, subscriberId: number): Promise<object> {
  const { rows: subscribers } = await sql<OwnSubscriber>`
    select s.address, s.public_id as "publicId", s.consent,
      json_build_object('source', s.consent_source, 'page', s.consent_page, 'note', s.consent_note, 'askedAt', s.asked_at,
        'confirmedAt', s.confirmed_at, 'leftAt', s.left_at, 'leftReason', s.left_reason) as "consentFacts",
      s.cadence, s.weekday, s.hour, s.zone, s.silence, s.paused_until as "pausedUntil", p.choices,
      s.token_epoch as "tokenEpoch", c.waiting_since as "waitingSince", case when s.consent = 'confirmed' then c.next_due_at end as "nextDueAt",
      s.created_at as "createdAt", s.changed_at as "changedAt",
      (select json_build_object('reason', x.reason, 'note', x.note, 'since', x.since) from suppressions x
        where x.address_hash = s.address_hash) as suppression
    from subscribers s join preferences p on p.id = s.preferences_id
    left join ${READER_HOURS} c on c.subscriber_id = s.id where s.id = ${subscriberId}`.execute(db)
  const { rows: digests } = await sql<OwnDigest>`
    select e.date, e.kind, d.public_id as "publicId", d.state, d.fate, d.reason, d.local_date as "localDate",
      d.address, ${providerIdSql('d')} as "providerId", d.issued_at as "issuedAt", d.changed_at as "changedAt",
      coalesce((
        select json_agg(json_build_object('id', ep.paper_id, 'title', ep.paper->>'title') order by place.at)
        from selections sel cross join unnest(sel.papers) with ordinality place(position, at)
        join edition_papers ep on ep.edition_id = sel.edition_id and ep.position = place.position
        where sel.edition_id = d.edition_id and sel.id = d.selection_id
      ), (
        select json_agg(json_build_object('id', x.paper_id, 'title', p.facts->>'title') order by x.paper_id)
        from recovered_papers x left join papers p on p.id = x.paper_id
        where x.edition_id = d.edition_id and x.subscriber_id = d.subscriber_id
      ), '[]') as papers
    from deliveries d join editions e on e.id = d.edition_id
    where d.subscriber_id = ${subscriberId} order by e.date, e.kind`.execute(db)
  const { rows: notices } = await sql<OwnNotice>`
    select kind, public_id as "publicId", state, fate, reason, address, provider, provider_id as "providerId",
      issued_at as "issuedAt", changed_at as "changedAt"
    from notices where subscriber_id = ${subscriberId} order by id`.execute(db)
  const { rows: links } = await sql<OwnLink>`
    select purpose, payload, issued_at as "issuedAt", expires_at as "expiresAt", used_at as "usedAt"
    from credentials where subscriber_id = ${subscriberId} order by issued_at`.execute(db)
  const { rows: notes } = await sql<OwnNote>`
    select local_date as "localDate", kind, noticed_at as "noticedAt" from notes
    where subscriber_id = ${subscriberId} order by local_date`.execute(db)
  return { subscriber: subscribers[0] ?? null, digests, notices, notes, links }
}
