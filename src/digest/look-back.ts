// What the last editions would have brought with some choices: for whoever is choosing. Reads
// stored places only, and nothing of any reader's history.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { EditionKind, EditionState } from '../database/states.ts'
import type { Edition } from '../edition/edition.ts'
import { listLastEditions, listPlacesOf } from '../edition/store.ts'
import type { EditionDate } from '../source/paper.ts'
import type { Choices } from '../subscriber/preferences.ts'
import { indexPlaces, type PlaceIndex } from './choosing/place-index.ts'
import { type History, NO_HISTORY } from './choosing/selection.ts'
import { countFiltered, emptyWords, filteredWords, heldSentence } from './choosing/silence-words.ts'
import { listSelected } from './opening.ts'
import { cleanText } from './text/text.ts'
import { readTopics, type Topics } from './topics/topics.ts'

/** What one edition would have brought. */
export interface LookBack {
  date: EditionDate
  state: EditionState
  papers: number
  /** In the order of the mail. */
  titles: string[]
  /** Why it would have brought nothing; null when it would have brought something. */
  silence: string | null
}

interface LookBackOptions {
  kind: EditionKind
  /** Editions looked back at; 30 by default. */
  limit?: number
  /** The project's own by default. */
  topics?: Topics
}

/**
 * Two kinds of 30 editions, and some that came since; about half a megabyte each once something was
 * looked for.
 */
const INDEXES_KEPT = 70
/** Choices whose look is kept, some thirty kilobytes each: most readers never make any. */
const LOOKS_KEPT = 100
const own = readTopics()

/** Frozen editions never change, and so what choices make of them. */
interface Kept {
  indexes: Map<number, PlaceIndex>
  looks: Map<string, readonly LookBack[]>
}

/** Per database handle, so that two databases in one process never meet. */
const keptBy = new WeakMap<Kysely<Database>, WeakMap<Topics, Kept>>()

/**
 * Looks at the last editions of a kind, newest first, as somebody would have met them who had
 * chosen this before: a paper comes once, late risers among them, and no edition was missed.
 */
export async function lookBack(
  db: Kysely<Database>,
  choices: Choices,
  { kind, limit = 30, topics = own }: LookBackOptions,
): Promise<readonly LookBack[]> {
  const editions = await listLastEditions(db, kind, limit)
  const kept = keptOf(db, topics)
  const key = JSON.stringify([editions.map(({ id, state, reason }) => [id, state, reason]), choices])
  const known = kept.looks.get(key)
  if (known) return known
  const indexes = await loadIndexes(db, editions, topics, kept.indexes)
  const had = new Set<string>()
  const looks = editions.toReversed().map((edition) => lookAt(edition, indexes.get(edition.id), choices, had))
  kept.looks.set(key, looks.reverse())
  shorten(kept.looks, LOOKS_KEPT)
  return looks
}

/** Adds what the edition brings to `had`. */
function lookAt(
  { date, kind, state, reason }: Edition,
  index: PlaceIndex | undefined,
  choices: Choices,
  had: Set<string>,
): LookBack {
  if (!index || state !== 'frozen') {
    const silence = state === 'held' ? heldSentence('It', reason) : emptyWords(reason, kind).sentence
    return { date, state, papers: 0, titles: [], silence }
  }
  const again = index.places.filter(({ paper }) => had.has(paper.id))
  const history: History = { ...NO_HISTORY, had: new Set(again.map(({ position }) => position)) }
  const papers = listSelected(index, choices, history)
  const chosen = papers.flatMap((position) => index.places.find((place) => place.position === position) ?? [])
  for (const { paper } of chosen) had.add(paper.id)
  const titles = chosen.map(({ paper }) => cleanText(paper.title))
  const silence = papers.length > 0 ? null : filteredWords(countFiltered(index, choices, history.had)).sentence
  return { date, state, papers: papers.length, titles, silence }
}

async function loadIndexes(
  db: Kysely<Database>,
  editions: readonly Edition[],
  topics: Topics,
  kept: Map<number, PlaceIndex>,
): Promise<Map<number, PlaceIndex>> {
  const frozen = editions.filter(({ state }) => state === 'frozen').map(({ id }) => id)
  const missing = frozen.filter((id) => !kept.has(id))
  const loaded = new Map(kept)
  for (const [id, places] of await listPlacesOf(db, missing)) {
    const index = indexPlaces(places, topics)
    loaded.set(id, index)
    kept.set(id, index)
  }
  shorten(kept, INDEXES_KEPT)
  return loaded
}

function keptOf(db: Kysely<Database>, topics: Topics): Kept {
  const byTopics = keptBy.get(db) ?? new WeakMap<Topics, Kept>()
  keptBy.set(db, byTopics)
  const kept = byTopics.get(topics) ?? { indexes: new Map(), looks: new Map() }
  byTopics.set(topics, kept)
  return kept
}

/** What was kept longest goes first. */
function shorten(kept: Map<unknown, unknown>, size: number): void {
  for (const key of kept.keys()) {
    if (kept.size <= size) break
    kept.delete(key)
  }
}
