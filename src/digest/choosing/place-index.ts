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
  /** A broad word in an abstract alone: the paper speaks of the topic, and need not be about it. */
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
      const senses: Sense[] = []
      const senseAt = (at: number) => {
        senses[at] ??= senseOf(texts()[at] as string[], rule)
        return senses[at]
      }
      const offer = (at: number, match: TopicMatch | undefined) => {
        if (match && isBetter(match, found[at])) found[at] = match
      }
      for (const sign of rule.signs.filter(({ tells }) => tells !== 'often')) {
        for (const at of standsIn(sign, postings())) {
          offer(at, matchIn(texts()[at] as string[], sign, rule, senseAt(at)))
        }
      }
      const often = rule.signs.filter(({ tells }) => tells === 'often')
      for (const at of new Set(often.flatMap((sign) => standsIn(sign, postings())))) {
        const [, , abstract = ''] = texts()[at] as string[]
        if (senseAt(at) !== 'own' || timesSaid(abstract, often, rule) < OFTEN) continue
        const sign = often.find(({ words }) => isWithin(PROBLEM, abstract, words))
        if (sign) offer(at, { field: 'abstract', name: sign.name })
      }
      return found
    }),
    findAuthor: remembered((name) => findAll(authors(), nameWords(turned(name)))),
    findOrganisation: remembered((name) => findAll(organisations(), foldWords(name))),
  }
}

/** So many words of a topic, of whichever of its signs, make an abstract one about it. */
const OFTEN = 3
/** And so many bear out a keyword: its abstract says it, and then again. */
const AGAIN = 2

/** An abstract that says so many words of another sense is about that, whatever its keywords. */
const GOES_ON = 4

/** By its length, an abstract tells up to here what is the matter; one of those words too. */
const PROBLEM = 0.4
/** In its first sentence, what it comes from or is of use to. */
const SETTING = 0.15
/** And from here on what something was tried on. */
const TRIED_ON = 0.7

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

/** Returns what a sign of a topic finds in the fields of a place, in the sense of its words. */
function matchIn(fields: readonly string[], sign: TopicSign, rule: TopicRule, sense: Sense): TopicMatch | undefined {
  const { name, mentions } = sign
  const told = sense === 'none' ? undefined : fieldTold(fields, sign, rule, sense === 'other')
  if (told) return { field: told, name }
  const field = FIELDS.find((_, at) => stands(fields[at] ?? '', sign, rule))
  return mentions && field ? { field, name, mention: true } : undefined
}

/** Returns the first field in which a sign tells the topic of a place that may be about others. */
function fieldTold(
  [title = '', keywords = '', abstract = '']: readonly string[],
  sign: TopicSign,
  rule: TopicRule,
  isOfOther: boolean,
): Field | undefined {
  const { tells, words, mentions } = sign
  const isIn = (text: string) => stands(text, sign, rule)
  const isOther = tells !== 'anywhere' && isOfOther
  // Of what its own title names a paper is, whatever else its keywords list; of what it names by
  // the topic's own name, whatever else the title has.
  const isTitled = tells === 'named' ? mentions || !hasAny(title, rule.unless) : !isOther
  // A weak word of a title is borne out by any other of the topic's.
  const isBorneOut =
    tells !== 'titled' || abstract === NOTHING || timesSaid(`${keywords}${abstract}`, toldIn(rule), rule) > 0
  if (isTitled && tells !== 'made' && isIn(title) && isBorneOut) return 'title'
  if (!isOther) {
    if (isNamed(keywords, abstract, sign, rule) && isIn(keywords)) return 'keywords'
    if (tells === 'made' && isMade(abstract, words)) return 'abstract'
  }
  return tells === 'anywhere' && isIn(abstract) && isMatter(abstract, sign, rule) ? 'abstract' : undefined
}

function stands(text: string, { words }: TopicSign, { but }: TopicRule): boolean {
  return text.includes(words) && withoutAll(text, but).includes(words)
}

/**
 * Tells whether keywords name a topic by a sign. Those of the source list whatever the abstract
 * mentions, so that it has to go on about it; what no abstract says is a tag that somebody gave.
 */
function isNamed(keywords: string, abstract: string, sign: TopicSign, rule: TopicRule): boolean {
  const { tells, words, mentions } = sign
  if (tells === 'anywhere') return !abstract.includes(words) || isMatter(abstract, sign, rule)
  const isWhole = `${APART}${keywords}${APART}`.includes(`${APART}${words}${APART}`)
  if (tells !== 'named' && !(tells === 'whole' && isWhole)) return false
  const times = timesSaid(abstract, toldIn(rule, tells === 'whole'), rule)
  return times >= AGAIN || abstract === NOTHING || (times === 0 && isWhole && mentions)
}

/**
 * Tells whether what an abstract says is its matter: it says it before its last part, or goes on
 * about it. Named once near the end it is one more task on which something was tried, and at the
 * very beginning one more field that has a use for it.
 */
function isMatter(abstract: string, { words, mentions }: TopicSign, rule: TopicRule): boolean {
  // Of a narrow topic every name tells wherever it stands.
  if (mentions) return true
  if (isWithin(TRIED_ON, abstract, words) && !isWithin(SETTING, abstract, words)) return true
  return timesSaid(abstract, toldIn(rule), rule) >= AGAIN
}

/**
 * Lists the words that bear out others: not those of titles, and a broad word (code, data) only
 * itself, as `whole`: any abstract may hold it.
 */
function toldIn({ signs }: TopicRule, whole = false): readonly TopicSign[] {
  return signs.filter(({ tells }) => tells !== 'titled' && tells !== 'made' && (whole || tells !== 'whole'))
}

/**
 * Counts what a text says of a topic by some of its signs. Of those that stand in one another the
 * longest counts: a `benchmark dataset` is no benchmark and a dataset besides.
 */
function timesSaid(text: string, signs: readonly TopicSign[], { but }: TopicRule): number {
  const said = signs.map(({ words }) => words).filter((words) => text.includes(words))
  return said.length === 0 ? 0 : countAll(withoutAll(text, but), said)
}

function countAll(text: string, phrases: readonly string[]): number {
  let rest = text
  let times = 0
  for (const words of phrases.filter((phrase) => text.includes(phrase)).sort((a, b) => b.length - a.length)) {
    const parts = rest.split(words)
    times += parts.length - 1
    rest = parts.join(` ${APART} `)
  }
  return times
}

/**
 * What a topic's words mean in a paper: the topic, something else, in which only what tells is of
 * the topic, or something of which nothing is.
 */
type Sense = 'own' | 'other' | 'none'

/**
 * Tells the sense by a paper's title, or by what its abstract goes on about, the less so where its
 * keywords say it as well.
 */
function senseOf([title = '', keywords = '', abstract = '']: readonly string[], { not, unless }: TopicRule): Sense {
  if (hasAny(title, not)) return 'none'
  if (hasAny(title, unless)) return 'other'
  const inKeywords = hasAny(keywords, unless)
  if (abstract === NOTHING) return inKeywords ? 'other' : 'own'
  return countAll(abstract, unless) >= (inKeywords ? OFTEN : GOES_ON) ? 'other' : 'own'
}

/** Tells whether words stand in the first share of an abstract. */
function isWithin(share: number, abstract: string, words: string): boolean {
  const at = abstract.indexOf(words)
  return at >= 0 && at < abstract.length * share
}

function hasAny(text: string, phrases: readonly string[]): boolean {
  return phrases.some((words) => text.includes(words))
}

/**
 * Words between "we introduce" or "the first" and what was made: its name, and its kind. What it is
 * for, or by, or does comes behind them; what was made as well ("we also") is no more than a means.
 */
const MADE =
  / (?:(?:we|this (?:paper|work|study|article|report)) (?:then |first |[a-z]+ly )?(?:introduc|present|propos|construct|build|built|curat|creat|releas|develop|collect|contribut|establish)|the first)((?: (?!(?:we|that|which|whose|where|to|for|by|with|using|via|from|on) )[^ |]+){1,11})/g
/** What an abstract comes to later was made to test what it is about. */
const MADE_BEFORE = 0.6

function isMade(abstract: string, words: string): boolean {
  for (const { index, 1: object = '' } of abstract.matchAll(MADE)) {
    if (index < abstract.length * MADE_BEFORE && `${object} `.includes(words)) return true
  }
  return false
}

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
