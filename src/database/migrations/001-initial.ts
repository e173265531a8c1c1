// The first schema. Choices that are not obvious: the ledger's keys begin with edition_id, so that
// partitions stay possible; fillfactors leave room for the one later write of a row (HOT updates);
// states are text with checks, so that adding one is a change of a constraint and not of a type;
// deliveries have no foreign keys, as four checks a row cost more than the row itself (20 of 36 µs)
// and only planning writes them, from rows that are never deleted.
import { randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
  // Made once a database and never rotated: suppressions must outlive every change of LINK_SECRET.
  await sql`insert into secrets (name, value) values ('address-hash', ${randomBytes(32)})`.execute(db)
}

const statements = [
  `create table papers (
    id text primary key,
    facts jsonb not null,
    changed_at timestamptz not null default now()
  )`,
  `create table collections (
    id int generated always as identity primary key,
    date date not null,
    source text not null,
    verdict text not null check (verdict in ('complete', 'held', 'empty', 'refused')),
    reason text,
    listed int not null,
    set_aside int not null,
    collected_at timestamptz not null default now()
  )`,
  'create index collections_by_date on collections (date, id)',
  `create table listings (
    date date not null,
    paper_id text not null references papers,
    submitted_at timestamptz,
    first_seen_at timestamptz not null default now(),
    primary key (date, paper_id)
  )`,
  `create table votes (
    collection_id int not null references collections on delete cascade,
    date date not null,
    paper_id text not null references papers,
    upvotes int not null check (upvotes >= 0),
    comments int not null check (comments >= 0),
    primary key (date, paper_id, collection_id)
  )`,
  `create table editions (
    id int generated always as identity primary key,
    date date not null,
    kind text not null check (kind in ('daily', 'weekly')),
    state text not null check (state in ('open', 'held', 'frozen', 'empty')),
    reason text,
    source text,
    incomplete boolean not null default false,
    archive boolean not null default false,
    cutoff_at timestamptz not null,
    frozen_at timestamptz,
    due int not null default 0,
    stopped_reason text,
    stopped_until timestamptz,
    unique (date, kind),
    check ((state = 'frozen') = (frozen_at is not null)),
    check (state not in ('held', 'empty') or reason is not null)
  )`,
  `create table edition_papers (
    edition_id int not null references editions,
    position smallint not null,
    paper_id text not null references papers,
    section text not null check (section in ('ranked', 'rising', 'late')),
    listed_on date not null,
    rank smallint not null check (rank > 0),
    upvotes int not null,
    comments int not null,
    reason text not null,
    paper jsonb not null,
    primary key (edition_id, position),
    unique (edition_id, paper_id)
  )`,
  'create index edition_papers_by_paper on edition_papers (paper_id)',
  `create table pieces (
    edition_id int not null references editions,
    length text not null check (length in ('titles', 'short', 'full')),
    name text not null,
    sha256 bytea not null,
    body text not null,
    quoted_printable text not null,
    primary key (edition_id, length, name)
  )`,
  `create table preferences (
    id int generated always as identity primary key,
    sha256 bytea not null unique,
    choices jsonb not null
  )`,
  `create table subscribers (
    id int generated always as identity primary key,
    public_id uuid not null unique default gen_random_uuid(),
    address text unique,
    address_hash bytea not null unique,
    consent text not null check (consent in ('pending', 'confirmed', 'unsubscribed')),
    consent_source text not null,
    preferences_id int not null references preferences,
    cadence text not null check (cadence in ('daily', 'working-days', 'weekly')),
    weekday smallint not null default 1 check (weekday between 1 and 7),
    hour smallint not null check (hour between 0 and 23),
    zone text not null,
    paused_until date,
    token_epoch smallint not null default 0,
    waiting_since timestamptz not null default now(),
    next_due_at timestamptz,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    check (consent <> 'confirmed' or address is not null)
  ) with (fillfactor = 85)`,
  "create index subscribers_due on subscribers (next_due_at) where consent = 'confirmed'",
  "create index subscribers_due_weekly on subscribers (next_due_at) where consent = 'confirmed' and cadence = 'weekly'",
  `create table selections (
    edition_id int not null references editions,
    id int not null,
    length text not null check (length in ('titles', 'short', 'full')),
    papers smallint[] not null,
    reasons smallint[] not null,
    primary key (edition_id, id),
    unique (edition_id, length, papers, reasons)
  )`,
  `create table batches (
    id int generated always as identity primary key,
    edition_id int not null references editions,
    state text not null check (state in ('planned', 'attempting', 'deferred', 'unknown', 'settled', 'halved')),
    members int[] not null,
    recipe_sha256 bytea,
    join_version smallint,
    idempotency_key text unique,
    provider text,
    lease_epoch int not null default 0,
    first_attempt_at timestamptz,
    attempts smallint not null default 0,
    reason text,
    next_attempt_at timestamptz not null default now(),
    check (state <> 'attempting' or (recipe_sha256 is not null and join_version is not null
      and idempotency_key is not null and provider is not null and first_attempt_at is not null))
  ) with (fillfactor = 50)`,
  `create index batches_standing on batches (next_attempt_at)
    where state in ('planned', 'attempting', 'deferred', 'unknown')`,
  'create index batches_by_edition on batches (edition_id, state)',
  `create table deliveries (
    edition_id int not null,
    subscriber_id int not null,
    selection_id int,
    batch_id int,
    local_date date,
    state text not null check (state in ('planned', 'submitted', 'unknown', 'rejected', 'withheld')),
    fate text not null default 'none'
      check (fate in ('none', 'delayed', 'delivered', 'bounced', 'failed', 'suppressed', 'complained')),
    reason text,
    public_id uuid not null unique default gen_random_uuid(),
    token_epoch smallint,
    key_id int,
    address text,
    issued_at timestamptz,
    provider_id text,
    changed_at timestamptz not null default now(),
    primary key (edition_id, subscriber_id),
    unique (subscriber_id, local_date),
    check (state in ('withheld', 'rejected') or (selection_id is not null and local_date is not null)),
    check (state not in ('withheld', 'rejected') or (reason is not null and local_date is null))
  ) with (fillfactor = 55)`,
  `create table suppressions (
    address_hash bytea primary key,
    reason text not null,
    since timestamptz not null default now()
  )`,
  'create table secrets (name text primary key, value bytea not null)',
  'create table ticks (name text primary key, at timestamptz not null default now())',
]
