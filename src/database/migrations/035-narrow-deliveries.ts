// The ledger in half of its bytes. States and fates are of types of their own, words that take four
// bytes each, columns stand in the order in which none needs padding, and a provider's id that is a
// UUID takes 16 bytes. Public ids begin with the time, so that new ones stand side by side in their
// index. Planning lays the rows of a page out from many batches, each settled at another time: what
// one of them replaces makes room for the next, and a page need not be half empty for it.
//
// The table is written once more as a whole, and nobody reads or writes it meanwhile: eight seconds
// of one core for a million deliveries. A program of before goes on sending beside it; what it
// counts, and the reports that it is told, it refuses until it is the one of after.
import { type Kysely, sql } from 'kysely'
import { takeTables } from './taking.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await takeTables(db, 'deliveries, recovered_papers in access exclusive mode')
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const UUID = `'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'`

const statements = [
  // Of version 7, to the millisecond. Inlined where it is a column's first value.
  `create function ordered_uuid() returns uuid language sql volatile parallel safe as $$
    select (lpad(to_hex((date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0')
      || '7' || substr(gen_random_uuid()::text, 16))::uuid
  $$`,
  "create type delivery_state as enum ('planned', 'submitted', 'unknown', 'rejected', 'withheld')",
  "create type delivery_fate as enum ('none', 'delayed', 'delivered', 'bounced', 'failed', 'suppressed', 'complained')",
  // For a program of before, which writes texts.
  'create cast (text as delivery_state) with inout as assignment',
  'create cast (text as delivery_fate) with inout as assignment',
  `create table narrow_deliveries (
    issued_at timestamptz,
    changed_at timestamptz not null default round_now(),
    edition_id int not null,
    subscriber_id int not null,
    selection_id int,
    batch_id int,
    local_date date,
    key_id int,
    state delivery_state not null,
    fate delivery_fate not null default 'none',
    token_epoch smallint,
    public_id uuid not null default ordered_uuid(),
    provider_uuid uuid,
    address text,
    provider_id text,
    reason text,
    constraint deliveries_check
      check (state in ('withheld', 'rejected') or (selection_id is not null and local_date is not null)),
    constraint deliveries_check1
      check (state not in ('withheld', 'rejected') or (reason is not null and local_date is null)),
    constraint deliveries_provider_check check (provider_id is null or provider_uuid is null)
  ) with (fillfactor = 92)`,
  `insert into narrow_deliveries (issued_at, changed_at, edition_id, subscriber_id, selection_id, batch_id, local_date, key_id,
      state, fate, token_epoch, public_id, provider_uuid, address, provider_id, reason)
    select issued_at, changed_at, edition_id, subscriber_id, selection_id, batch_id, local_date, key_id,
      state::delivery_state, fate::delivery_fate, token_epoch, public_id,
      case when provider_id ~ ${UUID} then provider_id::uuid end, address,
      case when provider_id !~ ${UUID} then provider_id end, reason
    from deliveries`,
  'alter table recovered_papers drop constraint recovered_papers_edition_id_subscriber_id_fkey',
  'drop table deliveries',
  'alter table narrow_deliveries rename to deliveries',
  `alter table deliveries add primary key (edition_id, subscriber_id), add unique (subscriber_id, local_date),
    add unique (public_id)`,
  `alter table recovered_papers add foreign key (edition_id, subscriber_id) references deliveries on delete cascade`,
  'analyze deliveries',
]
