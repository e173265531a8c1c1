// Whether a plan of several slices (jobs/plan.ts) is under way: what divides something among all
// who wait, waits for the last of them. A planner that dies is waited for a little while only.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'

/** Far above the time of a slice. */
const SILENT_SECONDS = 30

/** Notes that a slice is planned and others follow; with its transaction it is seen. */
export async function markPlanning(trx: Transaction<Database>): Promise<void> {
  await sql`
    insert into ticks (name) values ('planning') on conflict (name) do update set at = round_clock()`.execute(trx)
}

/** Notes that nothing follows any more. */
export async function markPlanned(db: Kysely<Database>): Promise<void> {
  await sql`delete from ticks where name = 'planning'`.execute(db)
}

/** Tells whether more slices of a plan are to be expected. */
export async function isPlanning(db: Kysely<Database>): Promise<boolean> {
  const { rows } = await sql`
    select from ticks where name = 'planning' and at > round_clock() - make_interval(secs => ${SILENT_SECONDS})`.execute(
    db,
  )
  return rows.length > 0
}

/**
 * Keeps PostgreSQL from compiling a slice's statements: by its estimates each is worth seconds of
 * that, and takes a tenth of one.
 */
export async function setForSlice(trx: Transaction<Database>): Promise<void> {
  await sql`set local jit = off`.execute(trx)
}

/** The same for a line-up or a rehearsal: PostgreSQL refuses whatever would write. */
export async function setForReading(trx: Transaction<Database>): Promise<void> {
  await sql`set transaction read only`.execute(trx)
  await setForSlice(trx)
}

/**
 * Lets PostgreSQL look at the first slice of all before anybody else does. Until it has looked, it
 * takes an edition for a few rows, and so for each batch it reads all of them: for a minute, and
 * embedded for ever, as nothing looks there by itself. A user who does not own the tables cannot
 * have it do so, and waits for that minute.
 */
export async function showFirstSlice(trx: Transaction<Database>): Promise<void> {
  const { rows } = await sql`
    select from pg_class where oid = 'deliveries'::regclass and pg_has_role(relowner, 'usage')
      and not exists (select from pg_stats where schemaname = current_schema() and tablename = relname)`.execute(trx)
  if (rows.length > 0) await sql`analyze deliveries, batches`.execute(trx)
}
