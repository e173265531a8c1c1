// What a transaction made of each batch, notice and delivery, noted by triggers: nothing that
// writes can pass them by. A history is judged by it.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import { asOwner } from './program-user.ts'
import { query } from './servers.ts'

export type StateTable = 'batches' | 'notices' | 'deliveries'
/** A row as JSON has it; bytes are hexadecimal. */
export type Row = Record<string, unknown>

/** One row before and after one transaction; null is not being there. */
export interface Change {
  table: StateTable
  before: Row | null
  after: Row | null
  at: string
}

/** The columns that the machine moves. What a delivery is in between, its batch says. */
const MOVING: Record<StateTable, readonly string[]> = {
  batches: [
    'state',
    'members',
    'lease_epoch',
    'recipe_sha256',
    'idempotency_key',
    'provider',
    'attempts',
    'first_attempt_at',
    'next_attempt_at',
  ],
  notices: [
    'state',
    'lease_epoch',
    'mail_sha256',
    'idempotency_key',
    'provider',
    'attempts',
    'first_attempt_at',
    'next_attempt_at',
  ],
  deliveries: ['state'],
}

/** Begins to note changes, until the database is emptied. */
export async function installStateLog(url: string): Promise<void> {
  const triggers = Object.keys(MOVING).map(
    (table) => `create trigger note_state after insert or update or delete on ${table}
      for each row execute function note_state()`,
  )
  await query(
    asOwner(url),
    `create table state_log (
      id bigint generated always as identity, xid text not null default pg_current_xact_id()::text,
      at timestamptz not null default clock_timestamp(), changed text not null, before jsonb, after jsonb
    );
    create function note_state() returns trigger language plpgsql as $$ begin
      insert into state_log (changed, before, after) values (tg_table_name,
        case when tg_op <> 'INSERT' then to_jsonb(old) end, case when tg_op <> 'DELETE' then to_jsonb(new) end);
      return null;
    end $$;
    ${triggers.join(';')}`,
  )
}

/** Returns what changed since it was asked last, in order, and forgets it. */
export async function takeChanges(db: Kysely<Database>): Promise<Change[]> {
  const { rows } = await sql<Change & { id: number; xid: string }>`
    with taken as (delete from state_log returning *)
    select id, xid, changed as table, before, after, at::text from taken order by id`.execute(db)
  const changes = new Map<string, Change>()
  for (const { xid, table, before, after, at } of rows) {
    const row = after ?? before
    const key = `${xid} ${table} ${row?.public_id ?? row?.id}`
    const first = changes.get(key)
    changes.set(key, { table, before: first ? first.before : before, after, at })
  }
  return [...changes.values()].filter((change) => placeOf(change, 'before') !== placeOf(change, 'after'))
}

function placeOf({ table, ...rows }: Change, which: 'before' | 'after'): string | null {
  const row = rows[which]
  return row && JSON.stringify(MOVING[table].map((column) => row[column]))
}
