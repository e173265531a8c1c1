// Notices with a life like a batch's, the one-time credentials that they carry, and the facts that
// prove a consent.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table subscribers
    add column consent_page text,
    add column asked_at timestamptz,
    add column confirmed_at timestamptz,
    add column left_at timestamptz`,
  "create index subscribers_pending on subscribers (created_at) where consent = 'pending'",
  'create index subscribers_erased on subscribers (changed_at) where address is null',
  `create table credentials (
    hash bytea primary key,
    purpose text not null check (purpose in ('confirm', 'address', 'export', 'erase', 'undo')),
    subscriber_id int not null references subscribers on delete cascade,
    payload jsonb,
    issued_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    used_at timestamptz
  )`,
  // One link of a kind a reader: a new one takes the place of the old. Each change has an undo of
  // its own.
  `create unique index credentials_by_subscriber on credentials (subscriber_id, purpose) where purpose <> 'undo'`,
  'create index credentials_of on credentials (subscriber_id)',
  'create index credentials_expired on credentials (expires_at)',
  `create table notices (
    id int generated always as identity primary key,
    public_id uuid not null unique default gen_random_uuid(),
    subscriber_id int references subscribers on delete set null,
    kind text not null check (kind in
      ('confirm', 'subscribed-already', 'address', 'address-changed', 'export', 'erase', 'note')),
    state text not null default 'planned' check (state in
      ('planned', 'attempting', 'deferred', 'unknown', 'submitted', 'rejected', 'withheld')),
    fate text not null default 'none'
      check (fate in ('none', 'delayed', 'delivered', 'bounced', 'failed', 'suppressed', 'complained')),
    reason text,
    address text,
    address_hash bytea not null,
    sealed bytea,
    key_id int not null,
    issued_at timestamptz not null default date_trunc('second', clock_timestamp()),
    expires_at timestamptz not null,
    mail_sha256 bytea,
    notice_version smallint,
    idempotency_key text unique,
    provider text,
    provider_id text,
    lease_epoch int not null default 0,
    attempts smallint not null default 0,
    first_attempt_at timestamptz,
    next_attempt_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    check (state <> 'attempting' or (address is not null and sealed is not null and mail_sha256 is not null
      and notice_version is not null and idempotency_key is not null and provider is not null and first_attempt_at is not null)),
    check (state not in ('submitted', 'rejected', 'withheld') or (address is null and sealed is null)),
    check (state not in ('rejected', 'withheld') or reason is not null)
  )`,
  `create index notices_standing on notices (next_attempt_at)
    where state in ('planned', 'attempting', 'deferred', 'unknown')`,
  'create index notices_by_address on notices (address_hash, issued_at)',
  'create index notices_by_subscriber on notices (subscriber_id)',
]
