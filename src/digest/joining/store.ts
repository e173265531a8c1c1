// Rows of pieces and selections: what a digest is joined from. Both belong to a frozen edition and
// never change.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { Length } from '../../database/states.ts'
import { readOpening, type Selection } from '../choosing/selection.ts'
import type { Piece } from '../piece/piece.ts'

export interface StoredSelection extends Selection {
  id: number
  length: Length
}

/** Keeps the pieces of an edition and length; a second rendering changes nothing. */
export async function insertPieces(
  db: Kysely<Database>,
  editionId: number,
  length: Length,
  pieces: readonly Piece[],
): Promise<void> {
  const rows = JSON.stringify(pieces.map((piece) => ({ ...piece, sha256: piece.sha256.toString('hex') })))
  await sql`
    insert into pieces (edition_id, length, name, sha256, body, quoted_printable)
    select ${editionId}, ${length}, r->>'name', decode(r->>'sha256', 'hex'), r->>'body', r->>'quotedPrintable'
    from jsonb_array_elements(${rows}::jsonb) r
    on conflict do nothing`.execute(db)
}

/** Lists the pieces of an edition and length by name. */
export async function listPieces(db: Kysely<Database>, editionId: number, length: Length): Promise<Piece[]> {
  const rows = await db
    .selectFrom('pieces')
    .selectAll()
    .where('edition_id', '=', editionId)
    .where('length', '=', length)
    .orderBy('name')
    .execute()
  return rows.map((row) => ({
    name: row.name,
    sha256: row.sha256,
    body: row.body,
    quotedPrintable: row.quoted_printable,
  }))
}

/** Lists these selections of an edition. */
export async function listSelections(
  db: Kysely<Database>,
  editionId: number,
  ids: readonly number[],
): Promise<StoredSelection[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('selections')
    .select(['id', 'length', 'papers', 'reasons', 'remarks', 'opening'])
    .where('edition_id', '=', editionId)
    .where('id', 'in', [...ids])
    .execute()
  return rows.map((row) => ({ ...row, opening: readOpening(row.opening) }))
}

/**
 * Returns the id of each selection, in order, adding those the edition does not have yet; found by
 * the index of selections_by_content, however many there are. Call it under the planner's lock: ids
 * count on from the highest.
 */
export async function ensureSelections(
  trx: Transaction<Database>,
  editionId: number,
  wanted: readonly (Selection & { length: Length })[],
): Promise<number[]> {
  const places = new Map<string, number>()
  const distinct: string[] = []
  const placeOf = wanted.map(({ length, papers, reasons, remarks = [], opening }) => {
    const key = JSON.stringify({ length, papers, reasons, remarks, opening: opening ? JSON.stringify(opening) : null })
    const place = places.get(key) ?? distinct.push(key) - 1
    places.set(key, place)
    return place
  })
  if (distinct.length === 0) return []
  const { rows } = await sql<{ id: number }>`
    with wanted as materialized (
      select place, r->>'length' as length, array(select jsonb_array_elements_text(r->'papers')::smallint) as papers,
        array(select jsonb_array_elements_text(r->'reasons')::smallint) as reasons,
        array(select jsonb_array_elements_text(r->'remarks')) as remarks, r->>'opening' as opening
      from jsonb_array_elements(${`[${distinct.join()}]`}::jsonb) with ordinality x(r, place)
    ), known as materialized (
      select w.*, s.id from wanted w left join lateral (
        select s.id from selections s
        where hash_record_extended(row(s.edition_id, s.length, s.papers, s.reasons, s.remarks, coalesce(s.opening, '')), 0)
            = hash_record_extended(row(${editionId}::int, w.length, w.papers, w.reasons, w.remarks, coalesce(w.opening, '')), 0)
          -- As a sum no key of the edition is taken instead, by which all of its selections are read.
          and s.edition_id + 0 = ${editionId} and s.length = w.length and s.papers = w.papers and s.reasons = w.reasons
          and s.remarks = w.remarks and s.opening is not distinct from w.opening
        limit 1
      ) s on true
    ), numbered as materialized (
      select k.*, coalesce(k.id, h.id + row_number() over (partition by k.id is null order by k.place))::int as final
      from known k cross join (select coalesce(max(id), 0) as id from selections where edition_id = ${editionId}) h
    ), added as (
      insert into selections (edition_id, id, length, papers, reasons, remarks, opening)
      select ${editionId}, final, length, papers, reasons, remarks, opening from numbered where id is null
    )
    select final as id from numbered order by place`.execute(trx)
  return placeOf.map((place) => rows[place]?.id as number)
}

/** Removes the pieces of an edition, for good: what was mailed of it can no longer be shown. */
export async function prunePieces(db: Kysely<Database>, editionId: number): Promise<void> {
  await db.deleteFrom('pieces').where('edition_id', '=', editionId).execute()
}
