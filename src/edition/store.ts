// Rows of editions, their places and their pieces. A frozen edition never changes: nothing here
// updates its places.
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { Database, EditionRow } from '../database/schema.ts'
import type { EditionKind } from '../database/states.ts'
import { type EditionDate, readPaper } from '../source/paper.ts'
import type { Edition } from './edition.ts'
import type { Place } from './place.ts'

/** Returns undefined when nothing is known of this date and kind. */
export async function findEdition(
  db: Kysely<Database>,
  date: EditionDate,
  kind: EditionKind,
): Promise<Edition | undefined> {
  const row = await db
    .selectFrom('editions')
    .selectAll()
    .where('date', '=', date)
    .where('kind', '=', kind)
    .executeTakeFirst()
  return row && editionFrom(row)
}

/** Throws when there is none. */
export async function getEdition(db: Kysely<Database>, id: number): Promise<Edition> {
  return editionFrom(await db.selectFrom('editions').selectAll().where('id', '=', id).executeTakeFirstOrThrow())
}

/** Returns the newest frozen edition of a kind, undefined before the first freeze. */
export async function findNewestEdition(db: Kysely<Database>, kind: EditionKind): Promise<Edition | undefined> {
  const row = await db
    .selectFrom('editions')
    .selectAll()
    .where('kind', '=', kind)
    .where('state', '=', 'frozen')
    .orderBy('date', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && editionFrom(row)
}

/** Tells whether any edition was frozen yet, of whatever kind. */
export async function isAnyFrozen(db: Kysely<Database>): Promise<boolean> {
  const row = await db.selectFrom('editions').select('id').where('state', '=', 'frozen').limit(1).executeTakeFirst()
  return row !== undefined
}

/**
 * Makes the row of a date and kind if it is missing, open until `cutoffAt`; an existing one is
 * returned as it is.
 */
export async function ensureEdition(
  db: Kysely<Database>,
  edition: { date: EditionDate; kind: EditionKind; cutoffAt: Date; archive?: boolean },
): Promise<Edition> {
  await db
    .insertInto('editions')
    .values({
      date: edition.date,
      kind: edition.kind,
      state: 'open',
      cutoff_at: edition.cutoffAt,
      archive: edition.archive ?? false,
    })
    .onConflict((conflict) => conflict.columns(['date', 'kind']).doNothing())
    .execute()
  return editionFrom(
    await db
      .selectFrom('editions')
      .selectAll()
      .where('date', '=', edition.date)
      .where('kind', '=', edition.kind)
      .executeTakeFirstOrThrow(),
  )
}

/**
 * Lists the daily editions that the clock still moves (open and held), oldest first. An empty one
 * moves only when papers come.
 */
export async function listUnfrozenEditions(db: Kysely<Database>): Promise<Edition[]> {
  const rows = await db
    .selectFrom('editions')
    .selectAll()
    .where('state', 'in', ['open', 'held'])
    .where('kind', '=', 'daily')
    .orderBy('date')
    .execute()
  return rows.map(editionFrom)
}

/** SQL of the cut-offs of daily editions that are still to freeze and will go to readers. */
export const OPEN_CUTOFFS = sql`
  select e.cutoff_at from editions e where e.kind = 'daily' and not e.archive and e.state in ('open', 'held')`

/**
 * Lists the last `limit` daily editions before `date` that held papers when they froze, newest
 * first.
 */
export async function listFrozenBefore(db: Kysely<Database>, date: EditionDate, limit: number): Promise<Edition[]> {
  const rows = await db
    .selectFrom('editions')
    .selectAll()
    .where('kind', '=', 'daily')
    .where('state', '=', 'frozen')
    .where('date', '<', date)
    .orderBy('date', 'desc')
    .limit(limit)
    .execute()
  return rows.map(editionFrom)
}

/**
 * Lists the last `limit` editions of a kind that the clock has settled or holds (frozen, empty,
 * held), newest first.
 */
export async function listLastEditions(db: Kysely<Database>, kind: EditionKind, limit: number): Promise<Edition[]> {
  const rows = await db
    .selectFrom('editions')
    .selectAll()
    .where('kind', '=', kind)
    .where('state', '<>', 'open')
    .orderBy('date', 'desc')
    .limit(limit)
    .execute()
  return rows.map(editionFrom)
}

/**
 * Takes the edition's row lock for the transaction and returns it: freezing and planning happen one
 * at a time.
 */
export async function claimEdition(trx: Transaction<Database>, id: number): Promise<Edition> {
  return editionFrom(
    await trx.selectFrom('editions').selectAll().where('id', '=', id).forUpdate().executeTakeFirstOrThrow(),
  )
}

/** Binds a date to the source that first gave it papers. Returns the source it is bound to. */
export async function markSource(db: Kysely<Database>, id: number, source: string): Promise<string> {
  const row = await db
    .updateTable('editions')
    .set({ source: sql`coalesce(source, ${source})` })
    .where('id', '=', id)
    .returning('source')
    .executeTakeFirstOrThrow()
  return row.source ?? source
}

/** Sets open, held or empty with its reason; does nothing to a frozen edition. */
export async function markState(
  db: Kysely<Database>,
  id: number,
  standing: { state: 'open' | 'held' | 'empty'; reason: string | null },
): Promise<void> {
  await db
    .updateTable('editions')
    .set({ state: standing.state, reason: standing.reason })
    .where('id', '=', id)
    .where('state', '<>', 'frozen')
    .execute()
}

/**
 * Freezes an edition with its places: from here on neither changes. Call it under `claimEdition`.
 * Throws when it is frozen already.
 */
export async function markFrozen(
  trx: Transaction<Database>,
  id: number,
  places: readonly Place[],
  incomplete: boolean,
): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable('editions')
    .set({ state: 'frozen', reason: null, incomplete, frozen_at: sql`round_clock()` })
    .where('id', '=', id)
    .where('state', '<>', 'frozen')
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw new Error(`edition ${id} is frozen already`)
  await writePlaces(trx, id, places)
}

async function writePlaces(trx: Transaction<Database>, id: number, places: readonly Place[]): Promise<void> {
  const rows = JSON.stringify(places)
  await sql`
    insert into edition_papers (edition_id, position, paper_id, section, listed_on, rank, upvotes, comments, reason, paper,
      upvotes_before, rank_before)
    select ${id}, (p->>'position')::smallint, p->'paper'->>'id', p->>'section', (p->>'listedOn')::date, (p->>'rank')::smallint,
      (p->>'upvotes')::int, (p->>'comments')::int, p->>'reason', p->'paper', (p->>'upvotesBefore')::int,
      (p->>'rankBefore')::smallint
    from jsonb_array_elements(${rows}::jsonb) p`.execute(trx)
}

/** Lists the places of a frozen edition by position. */
export async function listPlaces(db: Kysely<Database>, editionId: number): Promise<Place[]> {
  return (await listPlacesOf(db, [editionId])).get(editionId) ?? []
}

/**
 * Lists the places of frozen editions by position, by edition; one without places is not among
 * them.
 */
export async function listPlacesOf(db: Kysely<Database>, editionIds: readonly number[]): Promise<Map<number, Place[]>> {
  const byEdition = new Map<number, Place[]>()
  if (editionIds.length === 0) return byEdition
  const rows = await db
    .selectFrom('edition_papers')
    .selectAll()
    .where('edition_id', 'in', [...editionIds])
    .orderBy('edition_id')
    .orderBy('position')
    .execute()
  for (const row of rows) {
    const places = byEdition.get(row.edition_id) ?? []
    byEdition.set(row.edition_id, places)
    places.push({
      position: row.position,
      section: row.section,
      listedOn: row.listed_on,
      rank: row.rank,
      upvotes: row.upvotes,
      comments: row.comments,
      reason: row.reason,
      paper: readPaper(row.paper_id, row.paper),
      ...(row.upvotes_before !== null && { upvotesBefore: row.upvotes_before }),
      ...(row.rank_before !== null && { rankBefore: row.rank_before }),
    })
  }
  return byEdition
}

/**
 * Stops an edition's dispatch with a reason, for good or until a moment; batches stay where they
 * are. A stop for good is never shortened by one that ends by itself.
 */
export async function markStopped(
  db: Kysely<Database>,
  id: number,
  reason: string,
  untilMs: number | null,
): Promise<void> {
  const until = untilMs === null ? null : sql<Date>`round_clock() + make_interval(secs => ${untilMs / 1000})`
  await db
    .updateTable('editions')
    .set({ stopped_reason: reason, stopped_until: until })
    .where('id', '=', id)
    .where(sql<boolean>`(stopped_reason is null or stopped_until is not null or ${untilMs}::float8 is null)`)
    .execute()
}

/** Notes that what was old of an edition was removed. */
export async function markPruned(db: Kysely<Database>, id: number): Promise<void> {
  await db.updateTable('editions').set({ pruned_at: sql`round_clock()` }).where('id', '=', id).execute()
}

function editionFrom(row: Selectable<EditionRow>): Edition {
  return {
    id: row.id,
    date: row.date,
    kind: row.kind,
    state: row.state,
    reason: row.reason,
    source: row.source,
    incomplete: row.incomplete,
    archive: row.archive,
    cutoffAt: row.cutoff_at,
    frozenAt: row.frozen_at,
    due: row.due,
    stoppedReason: row.stopped_reason,
    stoppedUntil: row.stopped_until,
    prunedAt: row.pruned_at,
  }
}
