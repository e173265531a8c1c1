// Which topics a week had more and fewer papers of than the one before, in words. Pure.
import type { Place } from '../edition/place.ts'
import { indexPlaces, type PlaceIndex } from './choosing/place-index.ts'
import { together } from './text/words.ts'
import { BROAD_TOPICS } from './topics/broad-topics.ts'
import { TOPIC_GROUPS } from './topics/groups.ts'
import type { Topics } from './topics/topics.ts'

export interface Trends {
  /** `agents 8 → 14 papers · world model 2 → 6`; '' where nothing moved. */
  up: string
  down: string
}

const TOPICS_SHOWN = 3
/** Fewer papers of a topic than these in both weeks are chance. */
const PAPERS_MIN = 5
/** Standard errors of a count: below it a change is chance. */
const CHANGE_MIN = 1
/** Of the papers before: a smaller move says nothing to whoever reads the numbers. */
const MOVED_MIN = 0.2
/** A week of fewer papers was not collected whole. */
const WEEK_PAPERS_MIN = 20

/** Compares two weeks: papers that have a topic in title or keywords, as shares of all papers. */
export function trendsOf(week: readonly Place[], before: readonly Place[], topics: Topics): Trends {
  if (week.length < WEEK_PAPERS_MIN || before.length < WEEK_PAPERS_MIN) return { up: '', down: '' }
  const [now, then] = [indexPlaces(week, topics), indexPlaces(before, topics)]
  const names = [...TOPIC_GROUPS, ...BROAD_TOPICS.map((topic) => topic.names)].map(([name = '']) => name)
  const moved = names.flatMap((name) => {
    const [to, from] = [countOf(now, name), countOf(then, name)]
    if (Math.max(to, from) < PAPERS_MIN || Math.abs(to - from) < from * MOVED_MIN) return []
    const expected = (from * week.length) / before.length
    return [
      {
        words: together(`${name} ${from} → ${to}`),
        isMore: to > from,
        change: (to - expected) / Math.sqrt(expected + 1),
      },
    ]
  })
  const shown = (isMore: boolean) =>
    moved
      .filter((topic) => topic.isMore === isMore && (isMore ? topic.change : -topic.change) >= CHANGE_MIN)
      .sort((a, b) => Math.abs(b.change) - Math.abs(a.change))
      .slice(0, TOPICS_SHOWN)
      .map(({ words }, index) => (index === 0 ? `${words} papers` : words))
      .join(' · ')
  return { up: shown(true), down: shown(false) }
}

function countOf({ findTopic }: PlaceIndex, name: string): number {
  return findTopic(name).filter((match) => match !== undefined && match.field !== 'abstract').length
}
