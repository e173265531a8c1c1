// An edition's places made searchable: once an edition, never once a reader. What a phrase finds is
// remembered, as many readers ask for the same.
import type { Place } from '../../edition/place.ts'
import { cleanText } from '../text/text.ts'
import type { TopicRule, TopicSign, Topics } from '../topics/topics.ts'
import { foldWords, stemWords } from '../topics/words.ts'

/** Where a topic was found; the first that holds it counts. */
export const FIELDS = ['title', 'keywords', 'abstract'] as const
export type Field = (typeof FIELDS)[number]

/** What a topic found in a place. */
export interface TopicMatch {
  field: Field
  /** The name that stands there: the reader's own phrase or another name of the same topic. */
  name: string
  /** A name of a broad topic of which the paper says too little to be about it. */
  mention?: true
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
      const rule = topics.ruleOf(phrase)
      const found: TopicMatch[] = []
      const offer = (at: number, match: TopicMatch | undefined) => {
        if (match && isBetter(match, found[at])) found[at] = match
      }
      const weighed = new Set<number>()
      for (const sign of rule.signs) {
        for (const at of standsIn(sign, postings())) {
          if (sign.tells !== 'anywhere') weighed.add(at)
          offer(at, matchIn(texts()[at] as string[], sign, rule))
        }
      }
      for (const at of weighed) offer(at, heaviestIn(texts()[at] as string[], rule))
      return found
    }),
    findAuthor: remembered((name) => findAll(authors(), nameWords(turned(name)))),
    findOrganisation: remembered((name) => findAll(organisations(), foldWords(name))),
  }
}

/** What a paper is about its title says; there a word weighs so many times more. */
const IN_TITLE = 3
/**
 * What a word of a topic weighs in an abstract, and what it takes off if it is one of something
 * else.
 */
const WEIGHTS = { much: 2, little: 1, made: 4, other: -3 } as const
/** Said more often than that, a word says no more. */
const TIMES_MAX = 3
/** Of a paper without an abstract one word that says much, in its title or a keyword, is enough. */
const ALONE = IN_TITLE * WEIGHTS.much

/** What is left of a text without words. */
const NOTHING = ' '

/** "Our code is available at …" is about nothing: a thing that one can get, and then where. */
const SENTENCE = /[^.!?]+[.!?]?/g
const THING = /\b(?:codes?|data|datasets?|models?|weights|checkpoints?|demos?|project page|resources)\b/i
const WHERE_TO_GET_IT =
  /\b(?:available|released?|open-sourced|open-source(?!\s+[a-z])|found|accessible|hosted|https?)\b/i

/** The words of each field, in the order of FIELDS. */
function textsOf({ paper }: Place): string[] {
  const keywords = paper.keywords
    .flatMap(namesIn)
    .map((name) => stemWords(cleanText(name)))
    .join(APART)
  const abstract = cleanText(`${paper.abstract} ${paper.summary}`).replace(SENTENCE, (sentence) =>
    tellsWhereToGetIt(sentence) ? ` ${APART} ` : sentence,
  )
  return [stemWords(cleanText(paper.title)), keywords, stemWords(abstract)]
}

function tellsWhereToGetIt(sentence: string): boolean {
  const thing = THING.exec(sentence)
  return thing !== null && WHERE_TO_GET_IT.test(sentence.slice(thing.index + thing[0].length))
}

/** A keyword and its short form are two: `reinforcement learning (RL)`. */
function namesIn(keyword: string): string[] {
  const [, long = keyword, short] = /^(.+) \(([^()]+)\)$/.exec(keyword.trim()) ?? []
  return short === undefined ? [long] : [long, short]
}

/** Returns what a sign finds by itself: its topic, or a mention of a broad one. */
function matchIn(fields: readonly string[], sign: TopicSign, rule: TopicRule): TopicMatch | undefined {
  const { name, tells, mentions } = sign
  if (tells !== 'anywhere' && !mentions) return undefined
  const field = FIELDS.find((_, at) => stands(fields[at] ?? '', sign, rule))
  if (!field) return undefined
  return tells === 'anywhere' ? { field, name } : { field, name, mention: true }
}

function stands(text: string, { words }: TopicSign, { but }: TopicRule): boolean {
  return text.includes(words) && withoutAll(text, but).includes(words)
}

/**
 * Returns where a place names a broad topic whose words weigh enough in it, in the first of its
 * fields that has one. The source's keywords list whatever an abstract mentions, so that they weigh
 * nothing beside one.
 */
function heaviestIn(fields: readonly string[], rule: TopicRule): TopicMatch | undefined {
  const texts = fields.map((text) => withoutAll(text, rule.but))
  const [title = '', keywords = '', abstract = ''] = texts
  const isAlone = abstract === NOTHING
  const weight = isAlone
    ? IN_TITLE * weightOf(`${title}${APART}${keywords}`, rule)
    : IN_TITLE * weightOf(title, rule) + weightOf(abstract, rule) + weightMade(abstract, rule)
  if (weight < (isAlone ? ALONE : rule.enough)) return undefined
  for (const [at, field] of FIELDS.entries()) {
    const text = texts[at] ?? NOTHING
    const sign = rule.signs.find(({ words }) => text.includes(words))
    if (sign) return { field, name: nameIn(text, sign) }
  }
  return undefined
}

/** What ends like the sign is told by its own name. */
function nameIn(text: string, { name, words }: TopicSign): string {
  if (words.startsWith(' ')) return name
  const end = text.indexOf(words) + words.trimEnd().length
  return text.slice(text.lastIndexOf(' ', end - 1) + 1, end)
}

/**
 * Weighs what a text says of a topic, each word as often as it says it. Of those that stand in one
 * another the longest counts: a `benchmark dataset` is no benchmark and a dataset besides.
 */
function weightOf(text: string, { weighed }: TopicRule): number {
  let rest = text
  let weight = 0
  for (const { words, tells } of weighed) {
    if (!text.includes(words)) continue
    const parts = rest.split(words)
    weight += Math.min(parts.length - 1, TIMES_MAX) * WEIGHTS[tells]
    rest = parts.join(` ${APART} `)
  }
  return weight
}

function weightMade(abstract: string, { signs }: TopicRule): number {
  const made = signs.filter(({ tells }) => tells === 'made')
  if (made.length === 0) return 0
  const objects = [...abstract.matchAll(MADE)].map(([, object]) => `${object} `)
  return objects.some((object) => made.some(({ words }) => object.includes(words))) ? WEIGHTS.made : 0
}

/**
 * Words between "we introduce" or "the first" and what was made: its name, and its kind. What it is
 * for, or by, or does comes behind them; what was made as well ("we also") is no more than a means.
 */
const MADE =
  / (?:(?:we|this (?:paper|work|study|article|report)) (?:then |first |[a-z]+ly )?(?:introduc|present|propos|construct|build|built|curat|creat|releas|develop|collect|contribut|establish)|the first)((?: (?!(?:we|that|which|whose|where|to|for|by|with|using|via|from|on) )[^ |]+){1,11})/g

function withoutAll(text: string, phrases: readonly string[]): string {
  return phrases.reduce((rest, phrase) => rest.replaceAll(phrase, ` ${APART} `), text)
}

/** Telling comes before a mention, then the field. */
function isBetter(match: TopicMatch, before: TopicMatch | undefined): boolean {
  if (!before) return true
  if (!match.mention !== !before.mention) return !match.mention
  return FIELDS.indexOf(match.field) < FIELDS.indexOf(before.field)
}

/** Lists the places where a sign may stand: those of its rarest word, or of any with its end. */
function standsIn({ words }: TopicSign, postings: ReadonlyMap<string, number[]>): readonly number[] {
  if (words.startsWith(' ')) return postings.get(rarest(words, postings)) ?? []
  const end = words.trim()
  return [...new Set([...postings].flatMap(([word, places]) => (word.endsWith(end) ? places : [])))]
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

/** Makes something when it is first asked for, and keeps it. */
export function lazily<T>(make: () => T): () => T {
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
