// Loads what mails are joined from. Pieces and selections of a frozen edition never change, so the
// last few are kept, and with them whatever was made of them.
import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { Length } from '../../database/states.ts'
import type { Selection } from '../choosing/selection.ts'
import { type MailEncoding, type PreparedPieces, preparePieces } from './joining.ts'
import { listPieces, listSelections, type StoredSelection } from './store.ts'

/** A selection of an edition, with the pieces of its length. */
export interface Material {
  selection: Selection
  pieces: PreparedPieces
}

/** Enough for the editions and lengths that a worker meets at one time; about 0.5 MB each. */
const PREPARED_MAX = 8

/** Most readers share a few dozen; each comes with its ready mail, some 100 kB. */
const SELECTIONS_MAX = 100

/** Kept per database handle, so that two databases in one process never meet. */
const preparedBy = new WeakMap<Kysely<Database>, Map<string, Promise<PreparedPieces>>>()
const selectionsBy = new WeakMap<Kysely<Database>, Map<string, StoredSelection>>()

/** Returns the material of each of these selections of an edition, by selection id. */
export async function loadMaterials(
  db: Kysely<Database>,
  editionId: number,
  selectionIds: Iterable<number>,
  encoding: MailEncoding,
): Promise<Map<number, Material>> {
  const materials = new Map<number, Material>()
  for (const selection of await loadSelections(db, editionId, [...new Set(selectionIds)])) {
    materials.set(selection.id, { selection, pieces: await loadPieces(db, editionId, selection.length, encoding) })
  }
  return materials
}

async function loadSelections(db: Kysely<Database>, editionId: number, ids: number[]): Promise<StoredSelection[]> {
  const kept = selectionsBy.get(db) ?? new Map<string, StoredSelection>()
  selectionsBy.set(db, kept)
  const known = ids.flatMap((id) => kept.get(`${editionId} ${id}`) ?? [])
  const here = new Set(known.map(({ id }) => id))
  const missing = ids.filter((id) => !here.has(id))
  if (missing.length === 0) return known
  const found = [...known, ...(await listSelections(db, editionId, missing))]
  // The last that were wanted stand last.
  for (const selection of found) {
    const key = `${editionId} ${selection.id}`
    kept.delete(key)
    kept.set(key, selection)
  }
  for (const oldest of kept.keys()) {
    if (kept.size <= SELECTIONS_MAX) break
    kept.delete(oldest)
  }
  return found
}

function loadPieces(
  db: Kysely<Database>,
  editionId: number,
  length: Length,
  encoding: MailEncoding,
): Promise<PreparedPieces> {
  const cache = preparedBy.get(db) ?? new Map<string, Promise<PreparedPieces>>()
  preparedBy.set(db, cache)
  const key = `${editionId} ${length} ${encoding}`
  const known = cache.get(key)
  if (known) return known
  const loading = listPieces(db, editionId, length).then((pieces) =>
    // The hash of what was read, not of what the row says: a recipe must name the very bytes that
    // would leave.
    preparePieces(
      pieces.map((piece) => ({ ...piece, sha256: createHash('sha256').update(piece.body).digest() })),
      encoding,
    ),
  )
  cache.set(key, loading)
  // A failure is not kept; the oldest goes when there are too many.
  loading.catch(() => cache.delete(key))
  for (const oldest of cache.keys()) {
    if (cache.size <= PREPARED_MAX) break
    cache.delete(oldest)
  }
  return loading
}
