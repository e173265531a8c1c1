// Rows of pieces and selections: what a digest is joined from. Both belong to a frozen edition and
// never change.
import { createHash } from 'node:crypto'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { Length } from '../database/states.ts'
import type { Piece } from './piece.ts'
import type { Opening, Selection } from './selection.ts'

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
  return rows.map((row) => ({ ...row, opening: row.opening === null ? null : (JSON.parse(row.opening) as Opening) }))
}

/**
 * Returns the id of each selection, in order, adding those the edition does not have yet. Call it
 * under the edition's row lock: ids count on from the highest.
 */
export async function ensureSelections(
  trx: Transaction<Database>,
  editionId: number,
  wanted: readonly (Selection & { length: Length })[],
): Promise<number[]> {
  const { rows: existing } = await sql<{ id: number; key: string }>`
    select id, concat_ws('|', length, array_to_string(papers, ','), array_to_string(reasons, ','),
      encode(sha256(convert_to(array_to_string(remarks, E'\n') || E'\n' || coalesce(opening, ''), 'UTF8')), 'hex')) as key
    from selections where edition_id = ${editionId}`.execute(trx)
  const ids = new Map(existing.map(({ id, key }) => [key, id]))
  let next = existing.reduce((highest, { id }) => Math.max(highest, id), 0) + 1
  const added: (Omit<Selection, 'opening'> & { id: number; length: Length; opening: string | null })[] = []
  const result = wanted.map((selection) => {
    const key = keyOf(selection)
    const known = ids.get(key)
    if (known !== undefined) return known
    const id = next++
    ids.set(key, id)
    const { length, papers, reasons, remarks = [], opening } = selection
    added.push({ id, length, papers, reasons, remarks, opening: opening ? JSON.stringify(opening) : null })
    return id
  })
  if (added.length > 0) {
    await sql`
      insert into selections (edition_id, id, length, papers, reasons, remarks, opening)
      select ${editionId}, (r->>'id')::int, r->>'length',
        array(select jsonb_array_elements_text(r->'papers')::smallint),
        array(select jsonb_array_elements_text(r->'reasons')::smallint),
        array(select jsonb_array_elements_text(r->'remarks')), r->>'opening'
      from jsonb_array_elements(${JSON.stringify(added)}::jsonb) r`.execute(trx)
  }
  return result
}

/** As the database says it: remarks are of one line each. */
function keyOf({ length, papers, reasons, remarks = [], opening }: Selection & { length: Length }): string {
  const said = opening ? JSON.stringify(opening) : ''
  const hash = createHash('sha256')
    .update(`${remarks.join('\n')}\n${said}`)
    .digest('hex')
  return [length, papers.join(), reasons.join(), hash].join('|')
}
