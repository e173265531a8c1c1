// How far an edition has come among its readers, so that the log can follow it: each line once,
// whichever process looks. An edition is finished when nothing of it waits and no reader's hour is
// still to come.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKey } from '../../edition/stop.ts'
import { READER_HOURS } from '../../subscriber/clock.ts'
import { isUnsettledSql } from '../sending/transitions.ts'

export interface Planned extends EditionKey {
  /** Readers that are planned now, and those whose hour is still to come. */
  expected: number
}

export interface Reached extends EditionKey {
  id: number
  /** Tenths of the expected readers that nothing waits for any more. */
  tenths: number
  isFinished: boolean
}

/** A digest finds its last reader within so many days of the freeze, or not at all. */
const MOVING_DAYS = 9
/** While an edition is being sent, one look in so many seconds is enough. */
const LOOK_EVERY_SECONDS = 1

/** Lists the editions that were planned for the first time since this was last asked. */
export async function claimPlanned(db: Kysely<Database>): Promise<Planned[]> {
  const { rows } = await sql<Planned>`
    with made as (
      insert into progress (edition_id, expected)
      select e.id, e.due + (select count(*) from (${toComeSql('e')}) c)::int from editions e
      where e.state = 'frozen' and e.due > 0 and e.frozen_at > round_now() - make_interval(days => ${sql.lit(MOVING_DAYS)})
        and not exists (select from progress p where p.edition_id = e.id)
      on conflict do nothing returning edition_id, expected
    )
    select e.date, e.kind, made.expected from made join editions e on e.id = made.edition_id order by e.date, e.kind`.execute(
    db,
  )
  return rows
}

/**
 * Lists the editions that have reached another tenth or their end since this was last asked. With
 * `editionId` only that one, and only when nobody has looked within the last second or nothing of
 * it waits.
 */
export async function claimReached(db: Kysely<Database>, editionId: number | null): Promise<Reached[]> {
  if (editionId !== null && !(await claimLook(db, editionId))) return []
  const { rows } = await sql<Reached>`
    update progress p set tenth = r.tenths, looked_at = round_clock(),
      finished_at = case when r.is_finished then round_clock() end
    from (
      select x.edition_id, e.date, e.kind, w.waiting = 0 and not exists (${toComeSql('e')}) as is_finished,
        least(10, 10 * (e.due - w.waiting) / greatest(e.due, x.expected, 1)) as tenths
      from progress x join editions e on e.id = x.edition_id cross join lateral (${waitingSql('e')}) w
      where x.finished_at is null and (${editionId}::int is null or x.edition_id = ${editionId}::int)
    ) r
    where p.edition_id = r.edition_id and p.finished_at is null and (r.tenths > p.tenth or r.is_finished)
    returning p.edition_id as id, r.date, r.kind, r.tenths, r.is_finished as "isFinished"`.execute(db)
  return rows
}

async function claimLook(db: Kysely<Database>, editionId: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update progress p set looked_at = round_clock()
    where p.edition_id = ${editionId} and p.finished_at is null and (
      p.looked_at < round_clock() - make_interval(secs => ${sql.lit(LOOK_EVERY_SECONDS)})
      or not exists (select from batches b where b.edition_id = p.edition_id and ${isUnsettledSql('b')})
    )`.execute(db)
  return Number(numAffectedRows) > 0
}

/** Emails of edition `e` that still wait; what is unknown for good does not. */
function waitingSql(edition: string): RawBuilder<unknown> {
  return sql`
    select coalesce(sum(cardinality(b.members)), 0)::int as waiting from batches b
    where b.edition_id = ${sql.table(edition)}.id and ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity'`
}

/** Readers whose hour for edition `e` is still to come. */
function toComeSql(edition: string): RawBuilder<unknown> {
  const e = sql.table(edition)
  return sql`
    select from ${READER_HOURS} c join subscribers s on s.id = c.subscriber_id
    where not ${e}.archive and c.next_due_at is not null and c.waiting_since < ${e}.frozen_at
      and s.consent = 'confirmed' and (s.cadence = 'weekly') = (${e}.kind = 'weekly')
      and (${e}.kind = 'daily' or (c.next_due_at >= ${e}.cutoff_at and c.next_due_at < ${e}.cutoff_at + interval '1 day'))
      and not coalesce(s.paused_until >= (c.next_due_at at time zone s.zone)::date, false)
      and not exists (select from suppressions x where x.address_hash = s.address_hash)
      and not exists (select from deliveries d where d.edition_id = ${e}.id and d.subscriber_id = s.id)`
}
