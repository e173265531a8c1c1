// What the last editions would have brought with some choices: for whoever is choosing. Reads
// stored places only, and nothing of any reader's history.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { EditionKind, EditionState } from '../database/states.ts'
import type { Edition } from '../edition/edition.ts'
import { listLastEditions, listPlacesOf } from '../edition/store.ts'
import type { EditionDate } from '../source/paper.ts'
import type { Choices } from '../subscriber/preferences.ts'
import { indexPlaces, type PlaceIndex } from './place-index.ts'
import { selectPapers } from './selection.ts'
import { countFiltered, emptyWords, filteredWords, heldSentence } from './silence-words.ts'
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
const own = readTopics()

/**
 * Frozen editions never change. Kept per database handle, so that two databases in one process
 * never meet.
 */
const indexesBy = new WeakMap<Kysely<Database>, WeakMap<Topics, Map<number, PlaceIndex>>>()

/**
 * Looks at the last editions of a kind, newest first, as somebody would have met them who had
 * chosen this before: a paper comes once, late risers among them, and no edition was missed.
 */
export async function lookBack(
  db: Kysely<Database>,
  choices: Choices,
  { kind, limit = 30, topics = own }: LookBackOptions,
): Promise<LookBack[]> {
  const editions = await listLastEditions(db, kind, limit)
  const indexes = await loadIndexes(db, editions, topics)
  const had = new Set<string>()
  const looks: LookBack[] = []
  for (const edition of editions.toReversed()) looks.push(lookAt(edition, indexes.get(edition.id), choices, had))
  return looks.reverse()
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
  const out = index.places.filter(({ section, paper }) => section === 'late' || had.has(paper.id))
  const outPositions = new Set(out.map(({ position }) => position))
  const { papers } = selectPapers(index, choices, outPositions)
  const chosen = papers.flatMap((position) => index.places.find((place) => place.position === position) ?? [])
  for (const { paper } of chosen) had.add(paper.id)
  const titles = chosen.map(({ paper }) => cleanText(paper.title))
  const silence = papers.length > 0 ? null : filteredWords(countFiltered(index, choices, outPositions)).sentence
  return { date, state, papers: papers.length, titles, silence }
}

async function loadIndexes(
  db: Kysely<Database>,
  editions: readonly Edition[],
  topics: Topics,
): Promise<Map<number, PlaceIndex>> {
  const byTopics = indexesBy.get(db) ?? new WeakMap<Topics, Map<number, PlaceIndex>>()
  indexesBy.set(db, byTopics)
  const kept = byTopics.get(topics) ?? new Map<number, PlaceIndex>()
  byTopics.set(topics, kept)
  const frozen = editions.filter(({ state }) => state === 'frozen').map(({ id }) => id)
  const missing = frozen.filter((id) => !kept.has(id))
  const loaded = new Map(kept)
  for (const [id, places] of await listPlacesOf(db, missing)) {
    const index = indexPlaces(places, topics)
    loaded.set(id, index)
    kept.set(id, index)
  }
  // The one that was kept longest goes first.
  for (const id of kept.keys()) {
    if (kept.size <= INDEXES_KEPT) break
    kept.delete(id)
  }
  return loaded
}
