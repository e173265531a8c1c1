// What the operator has stopped, as rows that every worker reads before it marks anything: all
// digests, or one edition, whether it is made yet or not. What an edition stopped for by itself
// (brake, refused key) stands on the edition.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import { lockInTransaction, shareLockInTransaction } from '../database/client.ts'
import type { Database } from '../database/schema.ts'
import type { EditionKind } from '../database/states.ts'
import type { EditionDate } from '../source/paper.ts'
import { isStoppedSql } from './edition.ts'
import { isHeldAsRestoredSql, RESTORED_REASON } from './restored.ts'

export interface EditionKey {
  date: EditionDate
  kind: EditionKind
}

export interface Stop {
  /** Null: all digests. */
  edition: EditionKey | null
  /** In the operator's words. */
  reason: string | null
  since: Date
}

/**
 * Held by each mark beside the others (may_mark in the database names it too), and by a stop alone:
 * after it nothing else is marked.
 */
const MARKS = 'mark'

/**
 * Stops an edition, or all digests with null. Waits for the marks that have begun; whoever marks
 * after it finds the stop. A stop that is there stays, with the new reason where one is given.
 * Returns it.
 */
export async function ensureStop(
  db: Kysely<Database>,
  edition: EditionKey | null,
  reason: string | null,
): Promise<Stop> {
  return db.transaction().execute(async (trx) => {
    await lockInTransaction(trx, MARKS)
    const { rows } = await sql<StopRow>`
      insert into stops as s (date, kind, reason) values (${edition?.date ?? null}::date, ${edition?.kind ?? null}, ${reason})
      on conflict (coalesce(date, '-infinity'), coalesce(kind, '')) do update set reason = coalesce(excluded.reason, s.reason)
      returning s.date, s.kind, s.reason, s.since`.execute(trx)
    return stopFrom(rows[0] as StopRow)
  })
}

/**
 * Asked once by each mark: whether the operator has stopped nothing of this edition until this very
 * moment. A stop then waits until the mark is committed. Also false while one is being made.
 */
export function mayMarkSql(editionId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`may_mark(${editionId})`
}

/** Waits for a stop that is being made: whoever looks next finds it. */
export async function awaitStops(db: Kysely<Database>): Promise<void> {
  await shareLockInTransaction(db, MARKS)
}

/** Lists what the operator has stopped: all digests first, then the newest edition. */
export async function listStops(db: Kysely<Database>): Promise<Stop[]> {
  const { rows } = await sql<StopRow>`
    select date, kind, reason, since from stops order by date desc nulls first, kind`.execute(db)
  return rows.map(stopFrom)
}

/**
 * Lifts the operator's stop of one edition, or all of them with null. Returns what was lifted, in
 * the order of `listStops`.
 */
export async function pruneStops(trx: Transaction<Database>, edition: EditionKey | null): Promise<Stop[]> {
  const { rows } = await sql<StopRow>`
    with gone as (
      delete from stops s where ${edition === null}::boolean
        or (s.date = ${edition?.date ?? null}::date and s.kind = ${edition?.kind ?? null}::text)
      returning s.date, s.kind, s.reason, s.since
    ) select * from gone order by date desc nulls first, kind`.execute(trx)
  return rows.map(stopFrom)
}

/** Returns why nothing of an edition goes now, in words; null when it may. */
export async function findStopReason(db: Kysely<Database>, edition: EditionKey): Promise<string | null> {
  const { rows } = await sql<
    Pick<StopRow, 'date' | 'reason'> & { own: string | null; byHand: boolean; restored: boolean }
  >`
    select exists (select from editions e where e.date = ${edition.date} and e.kind = ${edition.kind} and ${isHeldAsRestoredSql('e')}) as restored,
      s.date, s.reason, s.id is not null as "byHand",
      (select e.stopped_reason from editions e where e.date = ${edition.date} and e.kind = ${edition.kind} and ${isStoppedSql('e')}) as own
    from (select) one left join stops s on s.date is null or (s.date = ${edition.date}::date and s.kind = ${edition.kind}::text)
    order by s.date nulls last limit 1`.execute(db)
  const [found] = rows
  if (found?.restored) return RESTORED_REASON
  if (!found?.byHand) return found?.own ?? null
  const what = found.date === null ? 'all digests are stopped by the operator' : 'it is stopped by the operator'
  return found.reason === null ? what : `${what}: ${found.reason}`
}

/** Tells whether the operator has stopped edition `e`, by itself or with all others. */
export function isStoppedByHandSql(alias: string): RawBuilder<boolean> {
  const e = sql.table(alias)
  return sql<boolean>`exists (select from stops s where s.date is null or (s.date = ${e}.date and s.kind = ${e}.kind))`
}

interface StopRow {
  date: string | null
  kind: EditionKind | null
  reason: string | null
  since: Date
}

function stopFrom({ date, kind, reason, since }: StopRow): Stop {
  return { edition: date === null || kind === null ? null : { date, kind }, reason, since }
}
