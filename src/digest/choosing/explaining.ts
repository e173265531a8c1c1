// Why each paper of an edition is in a reader's digest or not, and what they narrowly missed: in
// full sentences. Pure.
import type { Place } from '../../edition/place.ts'
import { ordinal } from '../../edition/ranking.ts'
import type { Choices } from '../../subscriber/preferences.ts'
import { cleanText } from '../text/text.ts'
import { counted, shortDate } from '../text/words.ts'
import type { PlaceIndex } from './place-index.ts'
import { type History, LATE_RISERS_MAX, risingNumber, sectionFor, selectPapers } from './selection.ts'
import { judgePlace, openWishes, type Unmet, unmetWords, wishWords } from './wishes.ts'

export interface Explanation {
  position: number
  selected: boolean
  /** Of the paper, with its title read out. */
  title: string
  /** One full sentence. */
  sentence: string
}

/** A paper that fails one wish alone, and that narrowly. */
export interface NearMiss {
  position: number
  title: string
  wish: 'votes' | 'code'
  /** In words: `46 votes, below your bar of 50`. */
  sentence: string
}

/** Votes this share below the bar are still near it. */
const NEAR_SHARE = 0.25

/** Explains every place of an edition to one reader, in the edition's order. */
export function explainPlaces(index: PlaceIndex, choices: Choices, history: History): Explanation[] {
  const selected = new Set(selectPapers(index, choices, history).papers)
  const wishes = openWishes(index, choices)
  return index.places.map((place, at) => {
    const judgement = judgePlace(wishes, at)
    const { position } = place
    const isIn = selected.has(position)
    const words = isIn
      ? [reasonWords(place), wishWords(judgement, choices, true)].filter((part) => part !== '').join('; ')
      : `left out: ${leftOutWords(place, judgement.unmet, choices, history, selected.size === 0)}`
    return { position, selected: isIn, title: cleanText(place.paper.title), sentence: sentenceOf(words) }
  })
}

/**
 * Lists the edition's own papers that fail nothing but one wish, and that narrowly: votes within a
 * quarter of the bar, or code that is not there. What is muted or of no included topic was not
 * missed.
 */
export function nearMisses(index: PlaceIndex, choices: Choices, had: ReadonlySet<number> = new Set()): NearMiss[] {
  const wishes = openWishes(index, choices)
  return index.places.flatMap(({ position, section, paper }, at) => {
    if (section !== 'ranked' || had.has(position)) return []
    const [unmet, ...others] = judgePlace(wishes, at).unmet
    if (!unmet || others.length > 0 || (unmet.wish !== 'votes' && unmet.wish !== 'code')) return []
    if (unmet.wish === 'votes' && unmet.votes < unmet.bar * (1 - NEAR_SHARE)) return []
    return [{ position, title: cleanText(paper.title), wish: unmet.wish, sentence: unmetWords(unmet) }]
  })
}

function leftOutWords(
  place: Place,
  unmet: readonly Unmet[],
  choices: Choices,
  { had, missed }: History,
  nothing: boolean,
): string {
  const section = sectionFor(place, choices, missed)
  if (had.has(place.position)) return 'you had it already'
  if (!section && place.section === 'late') return `the edition of ${shortDate(place.listedOn)} reached you`
  if (unmet.length > 0) return unmet.map(unmetWords).join('; ')
  if (!section) return notRisingWords(place, choices)
  if (section !== 'rising') return `beyond your ${counted(choices.papers, 'paper')}`
  if (nothing) return 'late risers alone make no digest'
  return `a digest has ${LATE_RISERS_MAX} late risers at most`
}

function notRisingWords({ rank, upvotes, upvotesBefore }: Place, choices: Choices): string {
  if (upvotesBefore !== undefined && upvotes <= upvotesBefore) return 'no more votes since its own edition came out'
  const number = risingNumber(choices)
  const own = number < choices.papers ? `the first ${number}` : `your ${counted(number, 'paper')}`
  if (rank > number) return `${ordinal(rank)} of its own day, beyond ${own}`
  return `it was among ${own} already when its own edition came out`
}

/** Reasons are kept with plain dates; people get them in words. */
function reasonWords({ reason }: Place): string {
  return cleanText(reason).replace(/\b\d{4}-\d{2}-\d{2}\b/g, shortDate)
}

function sentenceOf(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}
