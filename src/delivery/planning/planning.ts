// The set-based half of planning: what the readers laid out by due.ts already had, and their
// deliveries with batches.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { History } from '../../digest/choosing/selection.ts'
import { type Choices, openChoices } from '../../subscriber/preferences.ts'
import { isHadSql, missedDatesSql, recoveredSql } from '../never-twice.ts'
import { createWorkTable } from './work-tables.ts'

const UNIQUE_VIOLATION = '23505'

/** Readers of an edition with the same choices and the same history. */
export interface ReaderGroup {
  preferencesId: number
  choices: Choices
  history: History
  /** The history as the database groups them by it. */
  key: string
}

/** A group, and what planning it would write. */
export interface RehearsedGroup extends ReaderGroup {
  readers: number
  /** Those of them who have a digest of that local day already. */
  taken: number
}

/**
 * Lists the groups of an edition's laid-out readers: one selection each is enough for all of them.
 */
export async function listReaderGroups(trx: Transaction<Database>, editionId: number): Promise<ReaderGroup[]> {
  await sql`drop table if exists grouped_readers`.execute(trx)
  await createWorkTable(trx, 'grouped_readers')
  await sql`
    insert into grouped_readers (subscriber_id, preferences_id, local_date, history) ${groupingSql(editionId)}`.execute(
    trx,
  )
  const { rows } = await sql<GroupRow>`
    select g.preferences_id, p.choices, g.history
    from (select distinct preferences_id, history from grouped_readers) g
    join preferences p on p.id = g.preferences_id order by 1, 3`.execute(trx)
  return groupsFrom(rows)
}

/**
 * Lists the groups that `readers` (SQL of the rows of planned_readers) would make. Only reads:
 * nobody waits for it, and it leaves nothing behind.
 */
export async function listRehearsedGroups(
  db: Kysely<Database>,
  editionId: number,
  readers: RawBuilder<unknown>,
): Promise<RehearsedGroup[]> {
  const { rows } = await sql<GroupRow & { readers: number; taken: number }>`
    with planned_readers as materialized (${readers}), grouped_readers as materialized (${groupingSql(editionId)})
    select g.preferences_id, p.choices, coalesce(g.history, '') as history, g.readers, g.taken
    from (
      select r.preferences_id, r.history, count(*) as readers, count(*) filter (where exists (
        select from deliveries d where d.subscriber_id = r.subscriber_id and d.local_date = r.local_date offset 0
      )) as taken
      from grouped_readers r group by 1, 2
    ) g join preferences p on p.id = g.preferences_id`.execute(db)
  return groupsFrom(rows).map((group, at) => ({
    ...group,
    readers: rows[at]?.readers ?? 0,
    taken: rows[at]?.taken ?? 0,
  }))
}

/**
 * Returns the rows of grouped_readers of an edition's planned_readers. `had`: what other editions
 * share with this one, per selection that these readers had of them.
 */
function groupingSql(editionId: number): RawBuilder<unknown> {
  const readers = sql`select subscriber_id from planned_readers where edition_id = ${editionId}`
  return sql`
    with own as (select * from edition_papers where edition_id = ${editionId}),
    width as (select repeat('0', coalesce(max(position), 0) + 1)::varbit as zeros from own),
    repeated as materialized (
      select other.edition_id, other.position as theirs, own.position as ours
      from own join edition_papers other on other.paper_id = own.paper_id and other.edition_id <> own.edition_id
    ), kept as materialized (
      select r.subscriber_id, d.edition_id, d.selection_id
      from (select distinct edition_id from repeated) e
      cross join (select subscriber_id from planned_readers where edition_id = ${editionId}) r
      cross join lateral (
        select d.edition_id, d.selection_id from deliveries d
        where d.edition_id = e.edition_id and d.subscriber_id = r.subscriber_id and ${isHadSql('d')} offset 0
      ) d
    ), masks as materialized (
      select k.edition_id, k.selection_id, bit_or(set_bit(width.zeros, repeated.ours, 1)) as mask
      from (select distinct edition_id, selection_id from kept) k
      cross join lateral (
        select s.papers from selections s where s.edition_id = k.edition_id and s.id = k.selection_id offset 0
      ) s
      cross join unnest(s.papers) p(position)
      join repeated on repeated.edition_id = k.edition_id and repeated.theirs = p.position
      cross join width
      group by 1, 2
    ), had as (
      select t.subscriber_id, bit_or(t.mask) as mask
      from (
        select kept.subscriber_id, masks.mask
        from kept join masks on masks.edition_id = kept.edition_id and masks.selection_id = kept.selection_id
        union all
        select e.subscriber_id, set_bit(width.zeros, e.ours, 1)
        from (${recoveredSql(sql`own`, 'paper_id', readers)}) e cross join width
      ) t group by 1
    ), missed as (
      ${missedDatesSql(editionId, readers)}
    )
    select r.subscriber_id, r.preferences_id, r.local_date, ${historySql(sql`coalesce(had.mask, width.zeros)`, sql`missed.dates`)} as history
    from planned_readers r cross join width
    left join missed on missed.subscriber_id = r.subscriber_id
    left join had on had.subscriber_id = r.subscriber_id
    where r.edition_id = ${editionId}`
}

/**
 * Returns the SQL of a history as text, of the bits of what a reader had and the dates that they
 * missed: null where they missed none.
 */
export function historySql(mask: RawBuilder<unknown>, dates: RawBuilder<unknown>): RawBuilder<string> {
  return sql<string>`concat_ws(' ', ${mask}::text, nullif(array_to_string(${dates}, ' '), ''))`
}

/** Reads what historySql wrote. */
export function historyFrom(text: string): History {
  const [mask = '', ...missed] = text.split(' ')
  return {
    had: new Set([...mask].flatMap((bit, position) => (bit === '1' ? [position] : []))),
    missed: new Set(missed),
  }
}

interface GroupRow {
  preferences_id: number
  choices: unknown
  history: string
}

function groupsFrom(rows: readonly GroupRow[]): ReaderGroup[] {
  const read = openChoices()
  return rows.map((row) => ({
    preferencesId: row.preferences_id,
    choices: read(row),
    history: historyFrom(row.history),
    key: row.history,
  }))
}

/**
 * Writes one delivery a laid-out reader, in batches of at most `batchSize`; groups without a
 * selection are withheld as filtered. Raises the edition's `due` by the rows written. Returns how
 * many are to be sent.
 */
export async function insertDeliveries(
  trx: Transaction<Database>,
  plan: {
    editionId: number
    groups: readonly (ReaderGroup & { selectionId: number | null })[]
    batchSize: number
    keyId: number
  },
): Promise<number> {
  const groups = JSON.stringify(
    plan.groups.map(({ preferencesId, key, selectionId }) => ({ preferencesId, key, selectionId })),
  )
  const grouped = sql`
    grouped_readers r join jsonb_to_recordset(${groups}::jsonb) as g("preferencesId" int, key text, "selectionId" int)
      on g."preferencesId" = r.preferences_id and g.key = r.history`
  await insertWithheld(
    trx,
    sql`select ${plan.editionId}::int, r.subscriber_id, 'filtered' from ${grouped} where g."selectionId" is null`,
  )
  const rows = await insertBatches(trx, plan, grouped)
  const count = rows.reduce((sum, { members }) => sum + members, 0)
  // Stored, not derived: the accounts are held against the rows, so the rows cannot vouch for
  // themselves.
  await sql`update editions set due = due + ${count} where id = ${plan.editionId}`.execute(trx)
  return count
}

/**
 * Writes deliveries with their batches, and returns how many members each has. A reader who already
 * has a digest of that local day is passed over. That is asked, which costs PostgreSQL a third of
 * what it takes to be ready for a conflict in each row; only where a mark takes such a day at this
 * very moment is it done again, ready for that.
 */
async function insertBatches(
  trx: Transaction<Database>,
  { editionId, batchSize, keyId }: { editionId: number; batchSize: number; keyId: number },
  grouped: RawBuilder<unknown>,
): Promise<{ members: number }[]> {
  // The ids come first, so that deliveries and batches are each written once; a batch that nobody
  // is left in is not made. The first of every batch, then the second of each: neighbours on a page
  // are settled at different times, and what one replaces makes room for the next.
  const insert = async (conflicts: RawBuilder<unknown>) => {
    const { rows } = await sql<{ members: number }>`
      with numbered as (
        select r.subscriber_id, r.local_date, g."selectionId" as selection_id,
          (row_number() over (order by g."selectionId", r.subscriber_id) - 1) / ${batchSize}::int as place,
          (row_number() over (order by g."selectionId", r.subscriber_id) - 1) % ${batchSize}::int as turn
        from ${grouped} where g."selectionId" is not null and not exists (
          select from deliveries d where d.subscriber_id = r.subscriber_id and d.local_date = r.local_date offset 0
        )
      ), ids as materialized (
        select place, nextval(pg_get_serial_sequence('batches', 'id'))::int as id
        from (select distinct place from numbered order by place) places
      ), inserted as (
        insert into deliveries (edition_id, subscriber_id, selection_id, batch_id, local_date, state, token_epoch, key_id, address, issued_at)
        select ${editionId}, n.subscriber_id, n.selection_id, ids.id, n.local_date, 'planned', s.token_epoch, ${keyId}::int,
          s.address, date_trunc('second', round_now())
        from numbered n join ids on ids.place = n.place
        cross join lateral (select token_epoch, address from subscribers s where s.id = n.subscriber_id offset 0) s
        order by n.turn, n.place
        ${conflicts}
        returning batch_id, subscriber_id, selection_id
      )
      insert into batches (id, edition_id, state, members) overriding system value
      select batch_id, ${editionId}, 'planned', array_agg(subscriber_id order by selection_id, subscriber_id) from inserted
      group by batch_id order by batch_id
      returning cardinality(members) as members`.execute(trx)
    return rows
  }
  await sql`savepoint inserting`.execute(trx)
  try {
    return await insert(sql``)
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error
    await sql`rollback to savepoint inserting`.execute(trx)
    return insert(sql`on conflict do nothing`)
  }
}

/** Withholds deliveries that were never planned, each with its reason, and counts them as due. */
export async function insertWithheld(trx: Transaction<Database>, rows: RawBuilder<unknown>): Promise<void> {
  await sql`
    with inserted as (
      insert into deliveries (edition_id, subscriber_id, state, reason)
      select x.edition_id, x.subscriber_id, 'withheld', x.reason from (${rows}) as x(edition_id, subscriber_id, reason)
      on conflict do nothing returning edition_id
    ), counts as (select edition_id, count(*) as count from inserted group by 1)
    update editions e set due = e.due + c.count from counts c where e.id = c.edition_id`.execute(trx)
}
