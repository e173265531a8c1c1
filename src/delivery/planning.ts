// The set-based half of planning: who is due for which edition, what they already had, and their deliveries with batches.
// Every function works on the readers that one of the `claim` functions laid out in the transaction's own table, planned_readers;
// `missed` are the editions that go into theirs.
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { EditionKind } from '../database/states.ts'
import { lastHourSql, localDateSql, nextHourSql, weekOfSql } from '../subscriber/calendar.ts'
import type { Choices } from '../subscriber/preferences.ts'
import { WELCOME_WEEK_DAYS } from '../subscriber/store.ts'

/** Readers of an edition with the same choices who already had the same of its papers. */
export interface ReaderGroup {
  preferencesId: number
  choices: Choices
  /** Positions of the edition whose papers they had, or that are not offered to them. */
  had: number[]
  /** The key under which the database groups them. */
  mask: string
}

/** Most readers that one transaction plans: bounds memory and the time that locks are held. */
const READERS_A_ROUND = 200_000

/**
 * Lays out the readers whose chosen hour has come, each with the newest edition that waits for them, and moves their clocks
 * on. What waited longer than `latenessMs` is withheld as late, what a newer one overtook as merged. Who has just confirmed
 * (`welcome`) gets the newest that is frozen, however old. The digest takes the local date of this moment: after an outage
 * that is not the date of the hour. Returns the editions to plan and how many readers were looked at.
 */
export async function claimDueReaders(
  trx: Transaction<Database>,
  { latenessMs, cutoffMinutes }: { latenessMs: number; cutoffMinutes: number },
): Promise<{ editionIds: number[]; readers: number }> {
  // `taken`: the local day already has its digest or note, sent by hand or before a change of hours; what waits goes on waiting.
  await sql`
    create temp table due_readers on commit drop as
    select h.*, exists (select from deliveries d where d.subscriber_id = h.id and d.local_date = h.local_date)
      or exists (select from notes n where n.subscriber_id = h.id and n.local_date = h.local_date) as taken
    from (
      select r.*, ${localDateSql('r', sql`now()`)} as local_date from (
        select s.id, s.preferences_id, s.cadence, s.waiting_since, s.zone, s.silence, s.welcome,
          case when s.welcome then s.next_due_at else ${lastHourSql('s', sql`now()`)} end as hour_at,
          coalesce(s.paused_until >= ${localDateSql('s', sql`now()`)}, false)
            or exists (select from suppressions x where x.address_hash = s.address_hash) as barred
        from (
          select * from subscribers c where consent = 'confirmed' and next_due_at <= now()
            and not (cadence = 'weekly' and ${isWeekAwaitedSql(cutoffMinutes, latenessMs)})
          order by next_due_at limit ${READERS_A_ROUND} for update skip locked
        ) s
      ) r
    ) h`.execute(trx)
  await sql`
    create temp table waiting_editions on commit drop as
    select r.id as subscriber_id, e.id as edition_id, r.preferences_id, r.local_date,
      not r.welcome and case when e.kind = 'daily' then e.frozen_at else r.hour_at end
        < now() - make_interval(secs => ${latenessMs / 1000}) as late,
      row_number() over newest_first as age,
      array_agg(e.id) over (newest_first rows between 1 following and unbounded following) as older
    from due_readers r
    join editions e on e.state = 'frozen' and not e.archive
      and e.kind = case r.cadence when 'weekly' then 'weekly' else 'daily' end
      and case
        when r.welcome then e.id = (
          select n.id from editions n where n.kind = e.kind and n.state = 'frozen' and not n.archive order by n.date desc limit 1
        )
        when e.kind = 'daily' then e.frozen_at > r.waiting_since and e.frozen_at <= r.hour_at
        else e.frozen_at > r.waiting_since and e.date = ${weekOfSql(sql`r.hour_at`, cutoffMinutes)}
      end
    where not r.barred and not r.taken
      and not exists (select from deliveries d where d.edition_id = e.id and d.subscriber_id = r.id)
    window newest_first as (partition by r.id order by e.date desc)`.execute(trx)
  await insertWithheld(
    trx,
    sql`select edition_id, subscriber_id, case when late then 'late' else 'merged' end from waiting_editions where late or age > 1`,
  )
  await layOut(
    trx,
    sql`select edition_id, subscriber_id, preferences_id, local_date, coalesce(older, '{}') from waiting_editions where age = 1 and not late`,
  )
  const moved = await sql`
    update subscribers s set next_due_at = ${nextHourSql('s', sql`now()`)}, welcome = false,
      waiting_since = case when r.taken then s.waiting_since else greatest(s.waiting_since, r.hour_at) end
    from due_readers r where s.id = r.id`.execute(trx)
  return { editionIds: await listPlannedEditions(trx), readers: Number(moved.numAffectedRows ?? 0) }
}

/**
 * Lays out everyone who may get this edition now, whatever their hour: confirmed, of its kind, not paused, not suppressed,
 * without a delivery of it. The digest counts for the local date on which the edition would have fallen due.
 */
export async function claimAllReaders(
  trx: Transaction<Database>,
  edition: { id: number; kind: EditionKind; cutoffAt: Date },
  only: string | null,
): Promise<void> {
  await layOut(
    trx,
    sql`
      select ${edition.id}::int, s.id, s.preferences_id,
        ${localDateSql('s', nextHourSql('s', sql`${edition.cutoffAt}::timestamptz`))}, '{}'::int[]
      from subscribers s
      where s.consent = 'confirmed' and (s.cadence = 'weekly') = ${edition.kind === 'weekly'}
        and (${only}::text is null or s.address = ${only})
        and not coalesce(s.paused_until >= ${localDateSql('s', sql`now()`)}, false)
        and not exists (select from suppressions x where x.address_hash = s.address_hash)
        and not exists (select from deliveries d where d.edition_id = ${edition.id} and d.subscriber_id = s.id)`,
  )
}

/** Lists the groups of an edition's laid-out readers: one selection each is enough for all of them. */
export async function listReaderGroups(trx: Transaction<Database>, editionId: number): Promise<ReaderGroup[]> {
  await sql`drop table if exists grouped_readers`.execute(trx)
  // One bit a position. `had`: what other editions share with this one, per selection of theirs. `closed`: late papers of
  // editions that a reader did not miss, which count as had.
  await sql`
    create temp table grouped_readers on commit drop as
    with own as (select * from edition_papers where edition_id = ${editionId}),
    width as (select repeat('0', coalesce(max(position), 0) + 1)::varbit as zeros from own),
    repeated as (
      select other.edition_id, other.position as theirs, own.position as ours
      from own join edition_papers other on other.paper_id = own.paper_id and other.edition_id <> own.edition_id
    ), masks as (
      select s.edition_id, s.id as selection_id, bit_or(set_bit(width.zeros, repeated.ours, 1)) as mask
      from width cross join repeated join selections s on s.edition_id = repeated.edition_id and repeated.theirs = any(s.papers)
      group by 1, 2
    ), had as (
      select r.subscriber_id, bit_or(masks.mask) as mask
      from (select distinct edition_id from masks) m
      cross join planned_readers r
      join deliveries d on d.edition_id = m.edition_id and d.subscriber_id = r.subscriber_id
        and d.state in ('planned', 'submitted', 'unknown')
      join masks on masks.edition_id = d.edition_id and masks.selection_id = d.selection_id
      where r.edition_id = ${editionId}
      group by 1
    ), closed as (
      select m.missed, width.zeros | coalesce(bit_or(set_bit(width.zeros, own.position, 1)), width.zeros) as mask
      from (select distinct missed from planned_readers where edition_id = ${editionId}) m
      cross join width
      left join own on own.section = 'late' and not exists (
        select from editions e where e.id = any(m.missed) and e.kind = 'daily' and e.date = own.listed_on
      )
      group by m.missed, width.zeros
    )
    select r.subscriber_id, r.preferences_id, r.local_date, (closed.mask | coalesce(had.mask, closed.mask))::text as mask
    from planned_readers r join closed on closed.missed = r.missed left join had on had.subscriber_id = r.subscriber_id
    where r.edition_id = ${editionId}`.execute(trx)
  const { rows } = await sql<{ preferencesId: number; choices: Choices; mask: string }>`
    select g.preferences_id as "preferencesId", p.choices, g.mask
    from (select distinct preferences_id, mask from grouped_readers) g
    join preferences p on p.id = g.preferences_id`.execute(trx)
  return rows.map((row) => ({ ...row, had: [...row.mask].flatMap((bit, position) => (bit === '1' ? [position] : [])) }))
}

/**
 * Writes one delivery a laid-out reader, in batches of at most `batchSize`; groups without a selection are withheld as
 * filtered. Raises the edition's `due` by the rows written. Returns how many are to be sent.
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
    plan.groups.map(({ preferencesId, mask, selectionId }) => ({ preferencesId, mask, selectionId })),
  )
  const grouped = sql`
    grouped_readers r join jsonb_to_recordset(${groups}::jsonb) as g("preferencesId" int, mask text, "selectionId" int)
      on g."preferencesId" = r.preferences_id and g.mask = r.mask`
  await insertWithheld(
    trx,
    sql`select ${plan.editionId}::int, r.subscriber_id, 'filtered' from ${grouped} where g."selectionId" is null`,
  )
  const { rows: batches } = await sql<{ id: number }>`
    insert into batches (edition_id, state, members)
    select ${plan.editionId}, 'planned', '{}'
    from generate_series(1, (select ceil(count(*) / ${plan.batchSize}::float8)::int from ${grouped} where g."selectionId" is not null))
    returning id`.execute(trx)
  if (batches.length === 0) return 0
  const inserted = await sql<{ members: number }>`
    with numbered as (
      select r.subscriber_id, r.local_date, g."selectionId" as selection_id,
        (row_number() over (order by g."selectionId", r.subscriber_id) - 1) / ${plan.batchSize}::int as batch
      from ${grouped} where g."selectionId" is not null
    ), inserted as (
      insert into deliveries (edition_id, subscriber_id, selection_id, batch_id, local_date, state, token_epoch, key_id, address, issued_at)
      select ${plan.editionId}, n.subscriber_id, n.selection_id, (${batches.map((batch) => batch.id)}::int[])[1 + n.batch],
        n.local_date, 'planned', s.token_epoch, ${plan.keyId}::int, s.address, date_trunc('second', now())
      from numbered n join subscribers s on s.id = n.subscriber_id
      on conflict do nothing
      returning batch_id, subscriber_id, selection_id
    )
    update batches b set members = m.members
    from (select batch_id, array_agg(subscriber_id order by selection_id, subscriber_id) as members from inserted group by 1) m
    where b.id = m.batch_id
    returning cardinality(b.members) as members`.execute(trx)
  // A reader who already has a digest of that local day was passed over; a batch that lost all its members goes too.
  await sql`delete from batches where edition_id = ${plan.editionId} and members = '{}'`.execute(trx)
  const count = inserted.rows.reduce((sum, row) => sum + row.members, 0)
  // Stored, not derived: the accounts are held against the rows, so the rows cannot vouch for themselves.
  await sql`update editions set due = due + ${count} where id = ${plan.editionId}`.execute(trx)
  return count
}

/**
 * Tells whether a weekly reader `c` has yet to see the week of their hour made: it freezes minutes after its cut-off, or when
 * an outage is over, and until it would be late they wait for it instead of losing their week.
 */
function isWeekAwaitedSql(cutoffMinutes: number, latenessMs: number): RawBuilder<boolean> {
  const hour = sql`case when c.welcome then c.next_due_at else ${lastHourSql('c', sql`now()`)} end`
  return sql<boolean>`(
    select h.at > now() - make_interval(secs => ${latenessMs / 1000}) and not exists (
      select from editions e where e.kind = 'weekly' and e.state in ('frozen', 'empty')
        and e.date between h.week - case when c.welcome then ${sql.lit(WELCOME_WEEK_DAYS)} else 0 end and h.week
    )
    from (select hour.at, ${weekOfSql(sql`hour.at`, cutoffMinutes)} as week from (select ${hour} as at) hour) h
  )`
}

async function layOut(trx: Transaction<Database>, readers: RawBuilder<unknown>): Promise<void> {
  await sql`
    create temp table planned_readers (edition_id int, subscriber_id int, preferences_id int, local_date date, missed int[]) on commit drop`.execute(
    trx,
  )
  await sql`insert into planned_readers ${readers}`.execute(trx)
  await sql`analyze planned_readers`.execute(trx)
}

async function listPlannedEditions(trx: Transaction<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select distinct edition_id as id from planned_readers order by 1`.execute(
    trx,
  )
  return rows.map((row) => row.id)
}

async function insertWithheld(trx: Transaction<Database>, rows: RawBuilder<unknown>): Promise<void> {
  await sql`
    with inserted as (
      insert into deliveries (edition_id, subscriber_id, state, reason)
      select x.edition_id, x.subscriber_id, 'withheld', x.reason from (${rows}) as x(edition_id, subscriber_id, reason)
      on conflict do nothing returning edition_id
    ), counts as (select edition_id, count(*) as count from inserted group by 1)
    update editions e set due = e.due + c.count from counts c where e.id = c.edition_id`.execute(trx)
}
