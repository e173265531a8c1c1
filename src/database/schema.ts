// The picture of the database: every table's row type, in the order of the round. Rules live with
// the nouns that own the rows; the SQL that makes these tables is in migrations/.
// Long because the picture is read as a whole.
//
//   papers ── listings ── votes           what a source lists under a date, and how it moved
//                                         (one collection = one look)
//   editions ── edition_papers ── pieces  a date's frozen order and its ready-made HTML and text
//   preferences ── subscribers            choices shared by everyone who chose the same; an address
//                  └─ reader_clocks       with a consent; when their next hour is, of their own or
//                     └─ shared_clocks    with all who have the same
//   selections ── deliveries ── batches   the ledger: one digest to one address, and the request
//                                         that carries it
//   stops, progress                     what the operator has stopped; what the log said of an
//                                         edition
//   notes                                 a short mail instead of a digest that a day did not bring
//   notices, credentials,                 mails that are not digests, the one-time links that some
//   spent_credentials                     of them carry, and what became of those
//   providers, quota_waits,               which provider is out; who waits because a quota is
//   sender_domains, host_paces            used up; how far a new sender's ramp has come; which
//                                         hosts of addresses get less at a time
//   events, suppressions,                 what providers reported; who must not be written to, and
//   lifted_suppressions, sent_days        may again; how much was sent on days that are over
//   bounce_mailboxes                      who reads the mailbox of bounces, and how that goes
//   lineage                               which database this is, and how far its marks went
//   heartbeats                            which processes live that mark or plan
//   alarms, alarm_posts,                  what is wrong now and was told, and what of it is still
//   refusal_readings                      to be posted; sign-ups refused and challenged as of an
//                                         hour ago
//   secrets, link_keys, ticks; rate_limits, whose rows are rate-limiter-flexible's own
import type { ColumnType, Generated, GeneratedAlways } from 'kysely'
import type { Json, Optional, OptionalTimestamp, StampedTimestamp, Timestamp } from './columns.ts'
import type {
  BatchState,
  Cadence,
  Consent,
  CredentialFate,
  CredentialPurpose,
  DeliveryState,
  EditionKind,
  EditionState,
  Fate,
  LeavingReason,
  Length,
  NoticeKind,
  NoticeState,
  ReportType,
  Section,
  Silence,
} from './states.ts'

export interface Database {
  papers: PaperRow
  collections: CollectionRow
  listings: ListingRow
  votes: VoteRow
  editions: EditionRow
  edition_papers: EditionPaperRow
  pieces: PieceRow
  stops: StopRow
  progress: ProgressRow
  preferences: PreferencesRow
  subscribers: SubscriberRow
  reader_clocks: ReaderClockRow
  shared_clocks: SharedClockRow
  selections: SelectionRow
  batches: BatchRow
  deliveries: DeliveryRow
  recovered_papers: RecoveredPaperRow
  notes: NoteRow
  notices: NoticeRow
  credentials: CredentialRow
  spent_credentials: SpentCredentialRow
  providers: ProviderRow
  quota_waits: QuotaWaitRow
  sender_domains: SenderDomainRow
  sent_days: SentDayRow
  host_paces: HostPaceRow
  events: EventRow
  suppressions: SuppressionRow
  lifted_suppressions: LiftedSuppressionRow
  secrets: SecretRow
  link_keys: LinkKeyRow
  ticks: TickRow
  lineage: LineageRow
  sign_up_answers: SignUpAnswerRow
  alarms: AlarmRow
  alarm_posts: AlarmPostRow
  refusal_readings: RefusalReadingRow
  heartbeats: HeartbeatRow
  provider_paces: ProviderPaceRow
  bounce_mailboxes: BounceMailboxRow
}

/**
 * The facts of a paper as last seen. `facts` is a source/paper `Paper`; `words` is what searching
 * reads of it.
 */
export interface PaperRow {
  id: string
  facts: Json<unknown>
  words: GeneratedAlways<string | null>
  changed_at: StampedTimestamp
}

/**
 * One look at a date: what the guard said of it. `listed` counts readable rows, `set_aside`
 * unreadable ones.
 */
export interface CollectionRow {
  id: GeneratedAlways<number>
  date: string
  source: string
  verdict: string
  reason: Optional<string>
  listed: number
  set_aside: number
  /** The first of them: their indexes in the answer, and why. */
  set_aside_at: Generated<number[]>
  set_aside_reasons: Generated<string[]>
  /** Held for nothing but how few papers it found. */
  small: Generated<boolean>
  collected_at: StampedTimestamp
}

/** A paper under a date. `submitted_at` is the first one seen and never overwritten. */
export interface ListingRow {
  date: string
  paper_id: string
  submitted_at: OptionalTimestamp
  first_seen_at: StampedTimestamp
}

/** Votes and comments of a paper at one collection: the history that ranking reads. */
export interface VoteRow {
  collection_id: number
  date: string
  paper_id: string
  upvotes: number
  comments: number
}

/**
 * The ranked papers of one date and kind. `reason` says why it is held or empty, `stopped_reason`
 * why its dispatch is stuck by itself (key refused, quota, brake). `due` counts the deliveries
 * ever planned: raised by the transaction that inserts them.
 */
export interface EditionRow {
  id: GeneratedAlways<number>
  date: string
  kind: EditionKind
  state: EditionState
  reason: Optional<string>
  source: Optional<string>
  incomplete: Generated<boolean>
  archive: Generated<boolean>
  cutoff_at: Timestamp
  frozen_at: OptionalTimestamp
  due: Generated<number>
  stopped_reason: Optional<string>
  stopped_until: OptionalTimestamp
  /** When the brake was last lifted: it judges only what came after. */
  resumed_at: OptionalTimestamp
  /** When RETENTION removed its pieces and what was personal in its deliveries. */
  pruned_at: OptionalTimestamp
}

/**
 * One place of a frozen edition. `section`: ranked, rising (candidates for late risers) or late
 * (papers of earlier editions for readers who missed one). `listed_on` and `rank` are the paper's
 * own date and its place there; `paper` is the frozen fact sheet.
 */
export interface EditionPaperRow {
  edition_id: number
  position: number
  paper_id: string
  section: Section
  listed_on: string
  rank: number
  upvotes: number
  comments: number
  reason: string
  paper: Json<unknown>
  /** Votes when the edition of its own date froze; of papers of earlier dates that were in it. */
  upvotes_before: Optional<number>
  /** Its place there; of late risers only. */
  rank_before: Optional<number>
}

/**
 * The operator has stopped an edition, made already or not; without date and kind all digests. Only
 * their own word lifts it.
 */
export interface StopRow {
  id: GeneratedAlways<number>
  date: Optional<string>
  kind: Optional<EditionKind>
  reason: Optional<string>
  since: StampedTimestamp
}

/**
 * How far the log has followed an edition: `expected` readers when it was first planned, the last
 * `tenth` of them that has a line, and when the last line was written.
 */
export interface ProgressRow {
  edition_id: number
  expected: number
  tenth: Generated<number>
  looked_at: StampedTimestamp
  finished_at: OptionalTimestamp
}

/**
 * Ready-made text of an edition and length, in both encodings in which mails leave; slots are
 * marked inside.
 */
export interface PieceRow {
  edition_id: number
  length: Length
  name: string
  sha256: Buffer
  body: string
  quoted_printable: string
}

/**
 * One set of choices, shared by everyone who chose the same. `choices` is a subscriber/preferences
 * `Choices`, read there; rows never change. `sha256` is of what differs from the defaults.
 */
export interface PreferencesRow {
  id: GeneratedAlways<number>
  sha256: Buffer
  choices: Json<unknown>
}

/**
 * An address with a consent. When: cadence, weekday, hour, zone, paused_until; what:
 * preferences_id; else: silence. `address` is null once erased; `address_hash` stays.
 */
export interface SubscriberRow {
  id: GeneratedAlways<number>
  public_id: Generated<string>
  address: Optional<string>
  address_hash: Buffer
  consent: Consent
  /**
   * What proves the consent: where it comes from, the page's words (version) that were agreed to,
   * and when.
   */
  consent_source: string
  consent_page: Optional<string>
  /** What the operator says of a consent that they vouch for. */
  consent_note: Optional<string>
  asked_at: OptionalTimestamp
  confirmed_at: OptionalTimestamp
  left_at: OptionalTimestamp
  /** In one tap on the goodbye page; gone once they come back. */
  left_reason: Optional<LeavingReason>
  preferences_id: number
  cadence: Cadence
  /** 1 Monday … 7 Sunday; read for weekly only. */
  weekday: Generated<number>
  hour: number
  zone: string
  silence: Generated<Silence>
  paused_until: Optional<string>
  token_epoch: Generated<number>
  created_at: StampedTimestamp
  changed_at: StampedTimestamp
}

/**
 * When a reader is due, apart from what rarely changes. Everyone who is confirmed has one, and most
 * who have left: it may still run for a while, and is never started for them (subscriber/clock.ts).
 */
export interface ReaderClockRow {
  /**
   * The hour of their next digest where it is their own; else they go by the shared clock. Without
   * either they are never due.
   */
  next_due_at: OptionalTimestamp
  shared_clock_id: Optional<number>
  /** What froze earlier is not waited for. */
  waiting_since: StampedTimestamp
  subscriber_id: number
  /**
   * Just confirmed: the latest frozen edition is due at once, whatever the hour. Set together with
   * next_due_at = round_now().
   */
  welcome: Generated<boolean>
  /** Of the cadence: a weekly reader waits for a week to be made. */
  weekly: boolean
}

/**
 * The clock of readers with one rhythm: planned together, it is moved on as one row. Whoever
 * changes anything of theirs leaves it, and joins one again when they were planned.
 */
export interface SharedClockRow {
  id: GeneratedAlways<number>
  next_due_at: Timestamp
  /** What froze earlier is not waited for by any of them; null before it was first moved. */
  waiting_since: OptionalTimestamp
  /** As of when it was last planned, with those who have joined since. */
  members: number
  cadence: Cadence
  weekday: number
  hour: number
  zone: string
}

/**
 * An ordered choice of an edition's positions, shared by readers with the same choices and history.
 * `remarks`: one a paper or none.
 */
export interface SelectionRow {
  edition_id: number
  id: number
  length: Length
  papers: number[]
  reasons: number[]
  remarks: Generated<string[]>
  /** What its mails say first, as JSON; null for selections from before there were openings. */
  opening: Optional<string>
}

/**
 * One request to the provider. `attempting` lives here, so that a delivery is written once at
 * planning and once at settling. `members` are the subscribers in the order of the request, fixed
 * by the mark. `next_attempt_at` is also the lease's end, and `holder` the process that has it.
 */
export interface BatchRow {
  id: GeneratedAlways<number>
  edition_id: number
  state: BatchState
  members: number[]
  recipe_sha256: Optional<Buffer>
  join_version: Optional<number>
  idempotency_key: Optional<string>
  provider: Optional<string>
  lease_epoch: Generated<number>
  holder: Optional<string>
  first_attempt_at: OptionalTimestamp
  attempts: Generated<number>
  reason: Optional<string>
  next_attempt_at: StampedTimestamp
}

/**
 * One digest to one address: our state and the provider's fate. What the bytes depend on is copied
 * here (public_id, token_epoch, key_id, issued_at, address), so that nothing that changes in
 * between can change a mail.
 */
export interface DeliveryRow {
  edition_id: number
  subscriber_id: number
  selection_id: Optional<number>
  batch_id: Optional<number>
  /** The reader's local day that this digest takes; null when withheld or rejected. */
  local_date: Optional<string>
  state: DeliveryState
  fate: Generated<Fate>
  reason: Optional<string>
  public_id: Generated<string>
  token_epoch: Optional<number>
  key_id: Optional<number>
  /** Null once settled. */
  address: Optional<string>
  issued_at: OptionalTimestamp
  /** The provider's id of the email: a UUID, or any other in `provider_id`. */
  provider_uuid: Optional<string>
  provider_id: Optional<string>
  changed_at: StampedTimestamp
}

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
  /** Of the address without what its holder may change at will; null of notices from before. */
  mailbox_hash: Optional<Buffer>
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
  holder: Optional<string>
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
  payload: ColumnType<unknown, string | null | undefined, string | null>
  issued_at: StampedTimestamp
  expires_at: Timestamp
  used_at: OptionalTimestamp
}

/**
 * What became of a one-time link, by the hash of its token. Without a subscriber where a sign-up
 * vanished, and where it erased its reader, who has no others.
 */
export interface SpentCredentialRow {
  hash: Buffer
  purpose: CredentialPurpose
  subscriber_id: Optional<number>
  fate: CredentialFate
  spent_at: StampedTimestamp
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
  /** In the operator's words. */
  note: Optional<string>
  since: StampedTimestamp
}

/** Kept for as long as the journal knows what was lifted. */
export interface LiftedSuppressionRow {
  address_hash: Buffer
  lifted_at: Timestamp
}

/** How many emails a day (UTC) sent, once it is over. */
export interface SentDayRow {
  day: string
  sent: number
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

/**
 * A domain that mails are sent from, while its ramp lasts: `since` its first mark, `days` on which
 * it sent, `last_day` (UTC) the last of them.
 */
export interface SenderDomainRow {
  domain: string
  since: StampedTimestamp
  days: Generated<number>
  last_day: Generated<string>
}

/**
 * A host of addresses that is held back. `per_minute` as of `slowed_at`, when it said (`reason`)
 * that it gets too many; null where only DOMAIN_RATE holds it back. `next_at`: the next email's
 * turn; `queued_until`: that of the last one that waits.
 */
export interface HostPaceRow {
  host: string
  per_minute: Optional<number>
  slowed_at: OptionalTimestamp
  reason: Optional<string>
  next_at: StampedTimestamp
  queued_until: StampedTimestamp
}

/** Keys that the first migration makes and that are never rotated (`address-hash`). */
export interface SecretRow {
  name: string
  value: Buffer
}

/** The id of a key that links were signed with. */
export interface LinkKeyRow {
  id: number
  since: StampedTimestamp
}

/** When a periodic duty was last done, by the database's clock. */
export interface TickRow {
  name: string
  at: StampedTimestamp
}

/**
 * The one row that says which database this is. `number` counts marks, each in its own transaction;
 * `branch` rises whenever a restored copy goes on. `held_at`, `held_why` and `gap_from` are the
 * hold of a restored copy: all of them or none.
 */
export interface LineageRow {
  database_id: Generated<string>
  branch: Generated<number>
  number: Generated<number>
  marked_at: OptionalTimestamp
  held_at: OptionalTimestamp
  held_why: Optional<string>
  gap_from: OptionalTimestamp
}

/**
 * A paper of a digest that a restored copy did not know, read from the email. It need not be among
 * `papers`, nor among the places of its edition.
 */
export interface RecoveredPaperRow {
  subscriber_id: number
  edition_id: number
  paper_id: string
}

/** How sign-ups were answered, counted since ever. */
export interface SignUpAnswerRow {
  answer: string
  count: Generated<number>
}

/**
 * An open alarm: told when the row was made, told as over when it goes. `subject` sets alarms of
 * one name apart (an edition, a provider), empty where there is one only.
 */
export interface AlarmRow {
  name: string
  subject: string
  sentence: string
  since: StampedTimestamp
  seen_at: StampedTimestamp
}

/** A post to ALARM_URL that was not taken yet; its id and body never change. */
export interface AlarmPostRow {
  id: Generated<string>
  body: string
  attempts: Generated<number>
  made_at: StampedTimestamp
  next_attempt_at: StampedTimestamp
}

/**
 * How many sign-ups had ever been refused (`sign-ups`) or challenged when an hour began, and the
 * one before.
 */
export interface RefusalReadingRow {
  name: string
  at: StampedTimestamp
  refused: number
  refused_before: number
}

/**
 * A process that marks or plans and lives: its last beat, since when it has not missed any, and a
 * fingerprint of each setting that it goes by. Gone once it has ended, or what it held was taken
 * over.
 */
export interface HeartbeatRow {
  id: string
  roles: string[]
  host: string
  beat_at: StampedTimestamp
  unbroken_since: StampedTimestamp
  settings: ColumnType<Record<string, string>, string | undefined, string>
}

/**
 * The one mailbox that bounces come back to. `reader` is the process that reads it, until
 * `leased_until`; `failed_since` and `failure` are null while it can.
 */
export interface BounceMailboxRow {
  name: string
  reader: string
  leased_until: Timestamp
  read_at: OptionalTimestamp
  failed_since: OptionalTimestamp
  failure: Optional<string>
  applied: Generated<number>
  passed_over: Generated<number>
}

/** The turns of requests to a provider, as the workers read them (delivery/pace/window.ts). */
export interface ProviderPaceRow {
  provider: string
  turns: string
}
