// Row types beside the ledger: mails that are not digests, what providers reported, and who must
// not be written to. The picture of the whole is in schema.ts.
import type { ColumnType, Generated, GeneratedAlways } from 'kysely'
import type { Optional, OptionalTimestamp, StampedTimestamp, Timestamp } from './columns.ts'
import type { CredentialPurpose, Fate, NoticeKind, NoticeState, ReportType } from './states.ts'

/**
 * A local day on which a reader gets a short note instead of a digest: `day` for who asked for
 * notes, `filters` after two silent weeks. `edition_id` is the edition that brought them nothing,
 * null where there was none. `noticed_at` is set with its notice.
 */
export interface NoteRow {
  subscriber_id: number
  local_date: string
  kind: 'day' | 'filters'
  edition_id: Optional<number>
  noticed_at: OptionalTimestamp
}

/**
 * A mail that is not a digest, with the life of a batch of one. `address` and `sealed` (what it
 * says about its reader, locked under the key `key_id`) are emptied once it is settled;
 * `mail_sha256` is the hash of the very mail that the mark fixed.
 */
export interface NoticeRow {
  id: GeneratedAlways<number>
  public_id: Generated<string>
  /** Null where nobody subscribed (yet), or no longer. */
  subscriber_id: Optional<number>
  kind: NoticeKind
  state: Generated<NoticeState>
  fate: Generated<Fate>
  reason: Optional<string>
  address: Optional<string>
  address_hash: Buffer
  sealed: Optional<Buffer>
  key_id: number
  issued_at: StampedTimestamp
  /** After it, a notice that never left is of no use any more. */
  expires_at: Timestamp
  mail_sha256: Optional<Buffer>
  notice_version: Optional<number>
  idempotency_key: Optional<string>
  provider: Optional<string>
  provider_id: Optional<string>
  lease_epoch: Generated<number>
  attempts: Generated<number>
  first_attempt_at: OptionalTimestamp
  next_attempt_at: StampedTimestamp
  changed_at: StampedTimestamp
}

/**
 * A one-time link, by the hash of its random token. `payload` is what using it does, of personal
 * kind; it goes with the row.
 */
export interface CredentialRow {
  hash: Buffer
  purpose: CredentialPurpose
  subscriber_id: number
  payload: ColumnType<unknown, string | null, string | null>
  issued_at: StampedTimestamp
  expires_at: Timestamp
  used_at: OptionalTimestamp
}

/**
 * One report of a provider, by the provider's own id of it. `at` is the provider's clock,
 * `received_at` ours. Edition and subscriber are the delivery's key; both are null when the report
 * named nothing of ours. `lifted` ones count no more.
 */
export interface EventRow {
  id: string
  type: ReportType
  edition_id: Optional<number>
  subscriber_id: Optional<number>
  at: Timestamp
  received_at: StampedTimestamp
  lifted: Generated<boolean>
}

/** An address, by keyed hash, that must not be written to. */
export interface SuppressionRow {
  address_hash: Buffer
  reason: string
  since: StampedTimestamp
}

/**
 * A provider that is out: nothing goes to it before `stopped_until`, null until the operator
 * resumes. No row: it takes mails.
 */
export interface ProviderRow {
  name: string
  stopped_reason: string
  stopped_until: OptionalTimestamp
  since: StampedTimestamp
}

/**
 * A reader whose digest was put off because a quota was used up. Over once a digest was submitted
 * to them after `since`.
 */
export interface QuotaWaitRow {
  subscriber_id: number
  since: StampedTimestamp
}
