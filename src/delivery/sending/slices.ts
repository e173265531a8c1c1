// One statement for what comes back and what goes next, where emails go one by one: it settles
// those that were answered, of however many batches, and marks the next batch, so that the hand
// that sends them is never empty. It waits for nobody: a row that somebody has locked is left to
// the ways of one batch, and what the mark has seen is never older than a wait.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { prepared } from '../../database/prepared.ts'
import type { Database } from '../../database/schema.ts'
import type { Mark } from '../witness/witness.ts'
import { BATCH, type ClaimedBatch } from './batch.ts'
import { type Glance, glanceSql } from './glance.ts'
import { answeringSql, type MailResult } from './ledger.ts'
import { type MarkRow, markedSql, markingSql, sayingSql } from './once.ts'
import type { Fixed } from './subject.ts'

/** Emails of one edition that were answered, and the batches of which they were the last. */
export interface Answered {
  editionId: number
  results: readonly MailResult[]
  /** Their batches. */
  batches: readonly number[]
  finished: readonly number[]
}

export interface Slice {
  /**
   * Whether all was settled; otherwise nothing is lost, and each batch has to be settled by itself.
   */
  isSettled: boolean
  /** Undefined where it was not marked: somebody left, or holds it or what was answered. */
  mark: Mark | undefined
  glance: Glance
}

/** Settles what was answered and, once all of that is, marks `next`, if there is one. */
export async function markSlice(
  db: Kysely<Database>,
  { editionId, results, batches, finished }: Answered,
  next: { batch: ClaimedBatch; intent: Fixed } | undefined,
): Promise<Slice> {
  const marking =
    next &&
    sql`, ready as materialized (
      select b.id from batches b where b.id = ${next.batch.id} for update skip locked
    ), ${markingSql(
      BATCH,
      next.batch,
      next.intent,
      sql<boolean>`exists (select from ready)
      and (select count(*) from answered) = ${results.length}`,
    )}`
  const mark: RawBuilder<unknown> = next
    ? sql`(${markedSql(next.batch)})`
    : sql`(select null::uuid as "databaseId", null::int as branch, null::int8 as number where false)`
  const { rows } = await sql<Glance & Partial<Nullable<MarkRow>> & { settled: number; ended: number }>`${prepared}
    with held as materialized (
      select b.id from batches b where b.id = any(${[...batches]}::int[]) order by b.id for update skip locked
    ), open as materialized (
      select d.subscriber_id from deliveries d
      where d.edition_id = ${editionId} and d.subscriber_id = any(${results.map(({ subscriberId }) => subscriberId)}::int[])
        and d.batch_id in (select id from held)
      for update skip locked
    ), answered as (
      ${answeringSql(editionId, results)} and d.subscriber_id in (select subscriber_id from open) returning d.subscriber_id
    ), said as (
      ${sayingSql(
        BATCH,
        sql<boolean>`u.id = any(${[...finished]}::int[]) and u.id in (select id from held)
        and (select count(*) from answered) = ${results.length}`,
        'settled',
        [sql`reason = null`],
      )} returning u.id
    )${marking ?? sql``}
    select (select count(*) from answered) as settled, (select count(*) from said) as ended,
      ${glanceSql(editionId, finished.at(-1) ?? 0)}, m.*
    from (values (1)) one left join ${mark} m on true`.execute(db)
  const { settled, ended, reports, others, databaseId, branch, number } = rows[0] as (typeof rows)[0]
  const isMarked = databaseId != null && branch != null && number != null
  return {
    isSettled: settled === results.length && ended === finished.length,
    mark: isMarked ? { databaseId, branch, number } : undefined,
    glance: { reports, others },
  }
}

type Nullable<Row> = { [Key in keyof Row]: Row[Key] | null }
