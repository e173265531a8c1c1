// The planner's work tables: what a plan lays out for the statements that come after it. Each lives
// as long as the transaction that makes it, is seen by nobody else, and is made from what stands
// here, so that whoever writes or reads one finds these columns.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'

/** By name: the columns as SQL has them. A comment says who writes a table, and who reads it. */
export const WORK_TABLES = {
  /**
   * Readers whose hour has come. Written by due.ts; read there, by clocks.ts and by notes.ts.
   * `taken`: the local day already has its digest or note, sent by hand or before a change of
   * hours, or a week goes first; what waits goes on waiting. `barred`: paused, suppressed, or
   * `has_left`. `is_own`: their hour was their own. `stays`: goes on by the clock that they share;
   * `joins`: will go by one, which clocks.ts chooses.
   */
  due_readers: {
    id: 'int not null',
    preferences_id: 'int not null',
    cadence: 'text not null',
    waiting_since: 'timestamptz not null',
    zone: 'text not null',
    silence: 'text not null',
    welcome: 'boolean not null',
    hour_at: 'timestamptz',
    next_hour_at: 'timestamptz',
    barred: 'boolean not null',
    local_date: 'date not null',
    taken: 'boolean not null',
    shared_clock_id: 'int',
    is_own: 'boolean not null',
    has_left: 'boolean not null',
    stays: 'boolean not null',
    joins: 'boolean not null',
  },
  /**
   * Editions that wait for them, the newest of a reader with `age` 1. Written and read by due.ts.
   */
  waiting_editions: {
    subscriber_id: 'int not null',
    edition_id: 'int not null',
    preferences_id: 'int not null',
    local_date: 'date not null',
    late: 'boolean',
    age: 'bigint not null',
  },
  /**
   * Members of batches that a newer edition takes along. Written by due.ts; read, and shortened by
   * those who have left meanwhile, by sending/ledger.ts.
   */
  overtaken: {
    batch_id: 'int not null',
    edition_id: 'int not null',
    subscriber_id: 'int not null',
  },
  /**
   * Who gets which edition. Written by due.ts; read there, by planning.ts and by notes.ts.
   */
  planned_readers: {
    edition_id: 'int not null',
    subscriber_id: 'int not null',
    preferences_id: 'int not null',
    local_date: 'date not null',
  },
  /**
   * Those of one edition with their `history`: what they had of it, one bit a position, and the
   * dates that they missed, each after a space. Written by planning.ts, anew for each edition; read
   * there.
   */
  grouped_readers: {
    subscriber_id: 'int not null',
    preferences_id: 'int not null',
    local_date: 'date not null',
    history: 'text not null',
  },
  /**
   * Members of batches that wait and were never attempted. Written by rationing.ts, which marks the
   * `chosen`; read there and by sending/parts.ts. `due`: may go now, if there is enough; `put_off`:
   * waits for a later moment as it stands. Whoever is not chosen goes at `goes_at`, and waits in a
   * batch with those of the same moment and zone alone. `withheld`: late, or merged into a newer
   * one that waits too.
   */
  waiting_mails: {
    batch_id: 'int not null',
    edition_id: 'int not null',
    subscriber_id: 'int not null',
    place: 'bigint not null',
    zone: 'text not null',
    goes_at: 'timestamptz not null',
    reason: 'text',
    due: 'boolean not null',
    put_off: 'boolean not null',
    chosen: 'boolean not null',
    withheld: 'text',
  },
} as const satisfies Record<string, Record<string, string>>

export type WorkTable = keyof typeof WORK_TABLES

/** Makes a work table, empty. */
export async function createWorkTable(trx: Transaction<Database>, name: WorkTable): Promise<void> {
  const columns = Object.entries(WORK_TABLES[name]).map(([column, type]) => sql`${sql.ref(column)} ${sql.raw(type)}`)
  await sql`create temp table ${sql.ref(name)} (${sql.join(columns)}) on commit drop`.execute(trx)
}
