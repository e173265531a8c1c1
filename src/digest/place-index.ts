// An edition's places made searchable: once an edition, never once a reader. What a phrase finds is
// remembered, as many readers ask for the same.
import type { Place } from '../edition/place.ts'
import { cleanText } from './text/text.ts'
import type { Topics } from './topics/topics.ts'
import { foldWords, stemWords } from './topics/words.ts'

/** Where a topic was found; the first that holds it counts. */
export const FIELDS = ['title', 'keywords', 'abstract'] as const
export type Field = (typeof FIELDS)[number]

/** What a topic found in a place. */
export interface TopicMatch {
  field: Field
  /** The name that stands there: the reader's own phrase or another name of the same topic. */
  name: string
}

/** Searches answer by index into `places`; a hole means that nothing was found there. */
export interface PlaceIndex {
  places: readonly Place[]
  /** Finds a topic under all of its names. */
  findTopic(phrase: string): readonly (TopicMatch | undefined)[]
  /** Finds a name among the authors: whole, or whole words of it. */
  findAuthor(name: string): readonly (true | undefined)[]
  findOrganisation(name: string): readonly (true | undefined)[]
}

/** Phrases whose finds are kept; a few hundred bytes each. */
const PHRASES_KEPT = 5_000
/** Between names: a match never reaches from one into the next. */
const APART = '|'

/** Indexes an edition's places. Nothing is read before something is looked for. */
export function indexPlaces(places: readonly Place[], topics: Topics): PlaceIndex {
  const texts = lazily(() => places.map(textsOf))
  const postings = lazily(() => postingsOf(texts()))
  const authors = lazily(() => places.map(({ paper }) => paper.authors.map(nameWords).join(APART)))
  const organisations = lazily(() => places.map(({ paper }) => foldWords(cleanText(paper.organization ?? ''))))
  return {
    places,
    findTopic: remembered((phrase) => {
      const found: TopicMatch[] = []
      for (const { name, words } of topics.namesOf(phrase)) {
        for (const at of postings().get(rarest(words, postings())) ?? []) {
          const field = FIELDS.find((_, index) => texts()[at]?.[index]?.includes(words))
          const before = found[at]
          if (field && (!before || FIELDS.indexOf(field) < FIELDS.indexOf(before.field))) found[at] = { field, name }
        }
      }
      return found
    }),
    findAuthor: remembered((name) => findAll(authors(), nameWords(turned(name)))),
    findOrganisation: remembered((name) => findAll(organisations(), foldWords(name))),
  }
}

/** The words of each field, in the order of FIELDS. */
function textsOf({ paper }: Place): string[] {
  const keywords = paper.keywords.map((keyword) => stemWords(cleanText(keyword))).join(APART)
  return [stemWords(cleanText(paper.title)), keywords, stemWords(cleanText(`${paper.abstract} ${paper.summary}`))]
}

/** Lists the places of each word: a phrase is looked for only where its rarest word stands. */
function postingsOf(texts: readonly string[][]): Map<string, number[]> {
  const postings = new Map<string, number[]>()
  for (const [at, fields] of texts.entries()) {
    for (const word of new Set(fields.join(' ').split(/[ |]+/))) {
      const known = postings.get(word)
      if (known) known.push(at)
      else postings.set(word, [at])
    }
  }
  return postings
}

function rarest(words: string, postings: ReadonlyMap<string, number[]>): string {
  const count = (word: string) => postings.get(word)?.length ?? 0
  return words
    .trim()
    .split(' ')
    .reduce((best, word) => (count(word) < count(best) ? word : best))
}

function findAll(texts: readonly string[], words: string): (true | undefined)[] {
  const found: true[] = []
  if (words === ' ') return found
  for (const [at, text] of texts.entries()) if (text.includes(words)) found[at] = true
  return found
}

/**
 * Initials between names come and go from paper to paper: Geoffrey E. Hinton is Geoffrey Hinton.
 */
function nameWords(name: string): string {
  return foldWords(cleanText(name)).replace(/(?<= \p{L}{2,}) \p{L}(?= )(?=.* \p{L}{2,} )/gu, '')
}

/** Hinton, Geoffrey is Geoffrey Hinton. */
function turned(name: string): string {
  const [family = '', given, ...rest] = name.split(',')
  return given === undefined || rest.length > 0 ? name : `${given} ${family}`
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function remembered<T>(find: (phrase: string) => T): (phrase: string) => T {
  const finds = new Map<string, T>()
  return (phrase) => {
    const known = finds.get(phrase)
    if (known !== undefined) return known
    if (finds.size >= PHRASES_KEPT) finds.clear()
    const found = find(phrase)
    finds.set(phrase, found)
    return found
  }
}
