// Reads an edition's accounts from the ledger. Never writes.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import { type Accounts, accountsFrom, type StateCount } from './delivery.ts'

/** Returns the accounts of an edition at this moment, `due` and the counts from one snapshot. */
export async function getAccounts(db: Kysely<Database>, editionId: number): Promise<Accounts> {
  const { rows } = await sql<StateCount & { due: number }>`
    select e.due, coalesce(case d.state when 'planned' then b.state else d.state end, 'planned') as state, d.reason, count(d.*) as count
    from editions e
    left join deliveries d on d.edition_id = e.id
    left join batches b on b.id = d.batch_id
    where e.id = ${editionId}
    group by 1, 2, 3`.execute(db)
  const due = rows[0]?.due
  if (due === undefined) throw new Error(`edition ${editionId} does not exist`)
  return accountsFrom(
    due,
    rows.map((row) => ({ ...row, count: Number(row.count) })),
  )
}

/** Counts what waits with a reason, by reason: a quota that is used up, a server that asked for another time. */
export async function listWaitingReasons(db: Kysely<Database>, editionId: number): Promise<Record<string, number>> {
  const { rows } = await sql<{ reason: string; count: number }>`
    select reason, sum(cardinality(members))::int as count from batches
    where edition_id = ${editionId} and state = 'deferred' and reason is not null
    group by reason order by reason`.execute(db)
  return Object.fromEntries(rows.map((row) => [row.reason, row.count]))
}
