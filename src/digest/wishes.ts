// What a reader's choices say of one place: wanted or not, how strongly, and in words. Pure; knows nothing of the other places.
import type { Place } from '../edition/place.ts'
import type { Choices } from '../subscriber/preferences.ts'
import type { Field, PlaceIndex, TopicMatch } from './place-index.ts'
import { counted } from './words.ts'

/** A wish that a place does not meet. */
export type Unmet =
  | { wish: 'present' }
  | { wish: 'votes'; bar: number; votes: number }
  | { wish: 'code' }
  | { wish: 'mute'; phrase: string; match: TopicMatch }
  | { wish: 'include' }

export interface Judgement {
  /** Empty: wanted. */
  unmet: readonly Unmet[]
  /** How much it is what the reader includes or follows: the weight of its best match, 0 for none. */
  strength: number
  topics: readonly { phrase: string; match: TopicMatch }[]
  authors: readonly string[]
  organisations: readonly string[]
}

/** A reader's choices, looked up in one edition: judging a place then takes no search. */
export interface Wishes {
  choices: Choices
  places: readonly Place[]
  include: readonly { phrase: string; found: ReturnType<PlaceIndex['findTopic']> }[]
  mute: readonly { phrase: string; found: ReturnType<PlaceIndex['findTopic']> }[]
  authors: readonly { phrase: string; found: ReturnType<PlaceIndex['findAuthor']> }[]
  organisations: readonly { phrase: string; found: ReturnType<PlaceIndex['findOrganisation']> }[]
}

/** A paper about a topic names it in its title; one that only mentions it comes behind. Whoever is followed is wanted as much. */
const WEIGHTS: Record<Field, number> = { title: 3, keywords: 2, abstract: 1 }
const FOLLOWED_WEIGHT = 3
const FIELD_WORDS: Record<Field, string> = {
  title: 'in its title',
  keywords: 'in its keywords',
  abstract: 'in its abstract',
}
const NOTHING: readonly never[] = []

/** Looks a reader's phrases up in an edition. */
export function openWishes(index: PlaceIndex, choices: Choices): Wishes {
  const look = <T>(phrases: readonly string[], find: (phrase: string) => T) =>
    phrases.map((phrase) => ({ phrase, found: find(phrase) }))
  return {
    choices,
    places: index.places,
    include: look(choices.include, index.findTopic),
    mute: look(choices.mute, index.findTopic),
    authors: look(choices.authors, index.findAuthor),
    organisations: look(choices.organisations, index.findOrganisation),
  }
}

/** Tells whether these choices leave anything out or put anything first: to others, what follows their papers is no news. */
export function isFiltering({ minimumVotes, onlyWithCode, ...choices }: Choices): boolean {
  return minimumVotes > 0 || onlyWithCode || choices.mute.length > 0 || isIncluding(choices)
}

/** Judges the place at an index: mute wins over whatever includes it. */
export function judgePlace(wishes: Wishes, at: number): Judgement {
  const { choices, include, mute, authors, organisations } = wishes
  const { paper, upvotes } = wishes.places[at] as Place
  const topics = foundAt(include, at).map(({ phrase, found }) => ({ phrase, match: found[at] as TopicMatch }))
  const followed = foundAt(authors, at).map(({ phrase }) => phrase)
  const houses = foundAt(organisations, at).map(({ phrase }) => phrase)
  const strength = Math.max(
    followed.length + houses.length > 0 ? FOLLOWED_WEIGHT : 0,
    ...topics.map(({ match }) => WEIGHTS[match.field]),
  )
  const unmet: Unmet[] = []
  if (paper.withdrawnAt !== null) unmet.push({ wish: 'present' })
  if (upvotes < choices.minimumVotes) unmet.push({ wish: 'votes', bar: choices.minimumVotes, votes: upvotes })
  if (choices.onlyWithCode && paper.codeUrl === null) unmet.push({ wish: 'code' })
  for (const { phrase, found } of foundAt(mute, at)) {
    unmet.push({ wish: 'mute', phrase, match: found[at] as TopicMatch })
  }
  if (strength === 0 && choices.includeMeans === 'only' && isIncluding(choices)) unmet.push({ wish: 'include' })
  return { unmet, strength, topics, authors: followed, organisations: houses }
}

/** Says why a wanted place is the reader's own, briefly; '' when only its rank speaks for it. With `aliases` it says which name was found. */
export function wishWords(judgement: Judgement, choices: Choices, aliases = false): string {
  const matches = judgement.topics.map(({ phrase, match }) => matchWords(phrase, match, aliases))
  const parts = [
    ...(judgement.authors.length > 0 ? [`by an author you follow: ${judgement.authors.join(', ')}`] : []),
    ...(judgement.organisations.length > 0
      ? [`from an organisation you follow: ${judgement.organisations.join(', ')}`]
      : []),
    ...(matches.length > 0 ? [`matches ${matches.join(', ')}`] : []),
    ...(choices.mute.length > 0 ? ['mute: none'] : []),
  ]
  return parts.join('; ')
}

/** Says what a place lacks. */
export function unmetWords(unmet: Unmet): string {
  switch (unmet.wish) {
    case 'present':
      return 'it was withdrawn by its authors'
    case 'votes':
      return `${counted(unmet.votes, 'vote')}, below your bar of ${unmet.bar}`
    case 'code':
      return 'no code is linked, and you want only papers with code'
    case 'mute':
      return `muted: matches ${matchWords(unmet.phrase, unmet.match, true)}`
    case 'include':
      return 'none of your topics, authors or organisations'
  }
}

function matchWords(phrase: string, { field, name }: TopicMatch, aliases: boolean): string {
  return `${phrase} ${FIELD_WORDS[field]}${aliases && name !== phrase ? ` (as "${name}")` : ''}`
}

function isIncluding({
  include,
  authors,
  organisations,
}: Pick<Choices, 'include' | 'authors' | 'organisations'>): boolean {
  return include.length + authors.length + organisations.length > 0
}

/** Most readers follow nobody: for them nothing is made. */
function foundAt<T extends { found: readonly unknown[] }>(phrases: readonly T[], at: number): readonly T[] {
  return phrases.length === 0 ? NOTHING : phrases.filter(({ found }) => found[at] !== undefined)
}
