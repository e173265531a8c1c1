// What a reader's choices say of one place: wanted or not, how strongly, and in words. Pure; knows
// nothing of the other places.
import type { Place } from '../../edition/place.ts'
import type { Choices } from '../../subscriber/preferences.ts'
import { counted } from '../text/words.ts'
import type { Field, PlaceIndex, TopicMatch } from './place-index.ts'

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

/**
 * A paper about a topic names it in its title; one that only mentions it comes behind. Whoever is
 * followed is wanted as much.
 */
const WEIGHTS: Record<Field, number> = { title: 3, keywords: 2, abstract: 1 }
const FOLLOWED_WEIGHT = 3
/**
 * A mention is better than nothing, and no match for whoever wants a topic only; for whoever never
 * wants it, it is one in a title.
 */
const MENTION_WEIGHT = 0.5
const FIELD_WORDS: Record<Field, string> = {
  title: 'in its title',
  keywords: 'in its keywords',
  abstract: 'in its abstract',
}

/**
 * Says what choices leave out or put first, in a few words each; nothing for choices that take an
 * edition as it is.
 */
export function sayWishes(choices: Choices): string[] {
  const { minimumVotes, onlyWithCode, include, authors, organisations, mute } = choices
  const included = [...include, ...authors.map((name) => `by ${name}`), ...organisations.map((name) => `from ${name}`)]
  return [
    ...(minimumVotes > 0 ? [`from ${counted(minimumVotes, 'vote')}`] : []),
    ...(onlyWithCode ? ['only with code'] : []),
    ...(included.length > 0 ? [`${choices.includeMeans} ${included.join(', ')}`] : []),
    ...(mute.length > 0 ? [`never ${mute.join(', ')}`] : []),
  ]
}

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

/**
 * Tells whether these choices leave anything out or put anything first: to others, what follows
 * their papers is no news.
 */
export function isFiltering({ minimumVotes, onlyWithCode, ...choices }: Choices): boolean {
  return minimumVotes > 0 || onlyWithCode || choices.mute.length > 0 || isIncluding(choices)
}

/**
 * Returns how much the place at an index is what the reader includes or follows: the weight of its
 * best match, 0 where nothing of that is said of it, -1 where it is not wanted. Mute wins over
 * whatever includes it.
 */
export function strengthAt({ choices, places, ...phrases }: Wishes, at: number): number {
  const { paper, upvotes } = places[at] as Place
  if (paper.withdrawnAt !== null || upvotes < choices.minimumVotes) return -1
  if (choices.onlyWithCode && paper.codeUrl === null) return -1
  for (const { found } of phrases.mute) if (isMuted(found[at])) return -1
  let strength = 0
  for (const { found } of phrases.include) {
    const match = found[at]
    if (match) strength = Math.max(strength, match.mention ? MENTION_WEIGHT : WEIGHTS[match.field])
  }
  for (const { found } of phrases.authors) if (found[at]) strength = FOLLOWED_WEIGHT
  for (const { found } of phrases.organisations) if (found[at]) strength = FOLLOWED_WEIGHT
  return strength <= MENTION_WEIGHT && choices.includeMeans === 'only' && isIncluding(choices) ? -1 : strength
}

/** Judges the place at an index in full, as strengthAt does in brief. */
export function judgePlace(wishes: Wishes, at: number): Judgement {
  const { choices, include, mute, authors, organisations } = wishes
  const { paper, upvotes } = wishes.places[at] as Place
  const topics = matchesAt(include, at)
  const followed = foundAt(authors, at)
  const houses = foundAt(organisations, at)
  const unmet: Unmet[] = []
  if (paper.withdrawnAt !== null) unmet.push({ wish: 'present' })
  if (upvotes < choices.minimumVotes) unmet.push({ wish: 'votes', bar: choices.minimumVotes, votes: upvotes })
  if (choices.onlyWithCode && paper.codeUrl === null) unmet.push({ wish: 'code' })
  for (const muted of matchesAt(mute, at)) if (isMuted(muted.match)) unmet.push({ wish: 'mute', ...muted })
  const included = topics.some(({ match }) => isAbout(match)) || followed.length + houses.length > 0
  if (!included && choices.includeMeans === 'only' && isIncluding(choices)) unmet.push({ wish: 'include' })
  return { unmet, topics, authors: followed, organisations: houses }
}

/**
 * Says why a wanted place is the reader's own; '' when only its rank speaks for it. In full with
 * where each topic was found and under which name; an email tells only what a paper is about from
 * what it mentions.
 */
export function wishWords(judgement: Judgement, choices: Choices, inFull = false): string {
  const parts = [
    ...(judgement.authors.length > 0 ? [`by an author you follow: ${judgement.authors.join(', ')}`] : []),
    ...(judgement.organisations.length > 0
      ? [`from an organisation you follow: ${judgement.organisations.join(', ')}`]
      : []),
    ...(inFull ? topicsInFull(judgement.topics) : topicsInBrief(judgement.topics)),
    // To whoever gets nothing else, an email would say it of every paper.
    ...(choices.onlyWithCode && inFull ? ['has code'] : []),
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
      return `muted: matches ${matchWords(unmet)}`
    case 'include':
      return 'none of your topics, authors or organisations'
  }
}

function topicsInFull(topics: Judgement['topics']): string[] {
  return topics.length > 0 ? [`matches ${topics.map(matchWords).join(', ')}`] : []
}

function topicsInBrief(topics: Judgement['topics']): string[] {
  const named = (verb: string, some: Judgement['topics']) =>
    some.length > 0 ? [`${verb} ${some.map(({ phrase }) => phrase).join(', ')}`] : []
  return [
    ...named(
      'matches',
      topics.filter(({ match }) => match.field !== 'abstract'),
    ),
    ...named(
      'mentions',
      topics.filter(({ match }) => match.field === 'abstract'),
    ),
  ]
}

function matchWords({ phrase, match: { field, name } }: { phrase: string; match: TopicMatch }): string {
  return `${phrase} ${FIELD_WORDS[field]}${name !== phrase ? ` (as "${name}")` : ''}`
}

function isAbout(match: TopicMatch): boolean {
  return !match.mention
}

/** Whoever never wants a topic must not meet its name in a title, whatever the paper is about. */
function isMuted(match: TopicMatch | undefined): boolean {
  return match !== undefined && (isAbout(match) || match.field === 'title')
}

function isIncluding({
  include,
  authors,
  organisations,
}: Pick<Choices, 'include' | 'authors' | 'organisations'>): boolean {
  return include.length + authors.length + organisations.length > 0
}

function matchesAt(phrases: Wishes['include'], at: number): { phrase: string; match: TopicMatch }[] {
  return phrases.flatMap(({ phrase, found }) => {
    const match = found[at]
    return match ? [{ phrase, match }] : []
  })
}

function foundAt(phrases: Wishes['authors'], at: number): string[] {
  return phrases.filter(({ found }) => found[at]).map(({ phrase }) => phrase)
}
