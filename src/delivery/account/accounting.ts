// Reads editions' accounts from the ledger. Never writes.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind, Fate } from '../../database/states.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import { isStoppedByHandSql } from '../../edition/stop.ts'
import { type Accounts, accountsFrom, type StateCount } from '../delivery.ts'
import { isPutOffSql, isUnsettledSql } from '../sending/transitions.ts'
import { getUnresolved } from '../sending/unknown.ts'

/**
 * Deliveries by what the provider reported last, in the order in which reports outrank one another.
 */
export type Fates = Record<Exclude<Fate, 'none'>, number>

export const NO_FATES: Fates = { delayed: 0, delivered: 0, bounced: 0, failed: 0, suppressed: 0, complained: 0 }

/** Everything that is counted of an edition. */
export interface EditionFigures {
  id: number
  date: string
  kind: EditionKind
  accounts: Accounts
  fates: Fates
  /** Of the unknown: those that wait for the operator's decision. */
  unresolved: number
  stopped: boolean
}

/** Returns the accounts of an edition at this moment, `due` and the counts from one snapshot. */
export async function getAccounts(db: Kysely<Database>, editionId: number): Promise<Accounts> {
  const { rows } = await sql<StateCount & { due: number }>`
    select e.due, coalesce(case d.state when 'planned' then b.state else d.state::text end, 'planned') as state, d.reason, count(d.*) as count
    from editions e
    left join deliveries d on d.edition_id = e.id
    left join batches b on b.id = d.batch_id and b.edition_id = e.id
    where e.id = ${editionId}
    group by 1, 2, 3`.execute(db)
  const due = rows[0]?.due
  if (due === undefined) throw new Error(`edition ${editionId} does not exist`)
  return accountsFrom(
    due,
    rows.map((row) => ({ ...row, count: Number(row.count) })),
  )
}

/**
 * Counts what waits with a reason, by reason: a quota that is used up, a server that asked for
 * another time.
 */
export async function listWaitingReasons(db: Kysely<Database>, editionId: number): Promise<Record<string, number>> {
  const { rows } = await sql<{ reason: string; count: number | null }>`
    select reason, sum(cardinality(members))::int as count from batches
    where edition_id = ${editionId} and state = 'deferred' and reason is not null
    group by reason order by reason`.execute(db)
  return Object.fromEntries(rows.map((row) => [row.reason, row.count ?? 0]))
}

/**
 * Returns the moment to which the first of what a quota put off was put off, null where nothing of
 * it waits. Its reader may have chosen another hour since.
 */
export async function findPutOffUntil(db: Kysely<Database>, editionId: number): Promise<Date | null> {
  const { rows } = await sql<{ at: Date | null }>`
    select min(b.next_attempt_at) as at from batches b where b.edition_id = ${editionId} and ${isPutOffSql('b')}`.execute(
    db,
  )
  return rows[0]?.at ?? null
}

/** Returns how many deliveries of an edition have which fate; none is left out. */
export async function getFates(db: Kysely<Database>, editionId: number): Promise<Fates> {
  const { rows } = await sql<{ fate: Fate; count: number }>`
    select fate, count(*) as count from deliveries where edition_id = ${editionId} and fate <> 'none' group by fate`.execute(
    db,
  )
  const fates = { ...NO_FATES }
  for (const { fate, count } of rows) if (fate !== 'none') fates[fate] = count
  return fates
}

/**
 * Returns everything that is counted of the newest `limit` frozen editions, the newest first; of
 * those that froze within `hours` alone where it is given.
 */
export async function listEditionFigures(
  db: Kysely<Database>,
  limit: number,
  hours: number | null = null,
): Promise<EditionFigures[]> {
  const { rows } = await sql<{ id: number; date: string; kind: EditionKind; stopped: boolean }>`
    select id, date, kind, (${isStoppedSql('e')} or ${isStoppedByHandSql('e')}) is true as stopped
    from editions e where state = 'frozen' and (due > 0 or not archive)
      and (${hours}::int is null or frozen_at > round_clock() - make_interval(hours => ${hours}::int))
    order by date desc, kind limit ${limit}`.execute(db)
  const figures: EditionFigures[] = []
  for (const edition of rows) {
    const { id } = edition
    const accounts = await getAccounts(db, id)
    figures.push({ ...edition, accounts, fates: await getFates(db, id), unresolved: await getUnresolved(db, id) })
  }
  return figures
}

/** Counts the notices that are still to go. */
export async function getWaitingNotices(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from notices n where ${isUnsettledSql('n')} and n.next_attempt_at < 'infinity'`.execute(db)
  return rows[0]?.count ?? 0
}
