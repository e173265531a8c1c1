// Prints what late risers bring on the captured August 2025: which share of each day's final top
// five a reader has had with the day's own digest, and within the next two editions. The day's own
// look freezes its edition; what was seen long after stands for what the next looks see. `npx tsx
// test/bench/late-risers.ts`; without the captures there is nothing to measure.
import { indexPlaces } from '../../src/digest/place-index.ts'
import { selectPapers } from '../../src/digest/selection.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import type { Place } from '../../src/edition/place.ts'
import { findRisers, rankPapers } from '../../src/edition/ranking.ts'
import type { Listing } from '../../src/source/paper.ts'
import { type Choices, parseChoices } from '../../src/subscriber/preferences.ts'
import { capturedMonth } from '../support/captured-days.ts'

const MONTH = '2025-08'
const TOP = 5
/** As many earlier editions as a freeze looks at. */
const EARLIER = 5
/** Editions after its own within which a paper should have arrived. */
const WITHIN = 2

interface Day {
  date: string
  places: Place[]
  /** Ids of its final top five. */
  top: string[]
}

const looks = capturedMonth(MONTH)
const print = (line: string) => process.stdout.write(`${line}\n`)

if (looks.length === 0) print('the captured days are not at hand: nothing to measure')
else {
  const days = buildDays()
  const topics = readTopics()
  const indexes = days.map(({ places }) => indexPlaces(places, topics))
  print(`${days.length} days of ${MONTH}, the last ${WITHIN} followed by no edition and left out of the shares`)
  print('  papers a digest | own digest | within two editions | late risers a day: median, mean, most')
  const rows: [label: string, choices: object][] = [
    ['5', { papers: 5 }],
    ['10', {}],
    ['20', { papers: 20 }],
    ['10, from 20 votes', { minimumVotes: 20 }],
  ]
  for (const [label, choices] of rows) print(measure(label, parseChoices(choices)))

  function measure(label: string, choices: Choices): string {
    const receivedAt = new Map<string, number>()
    const risers: number[] = []
    for (const [at, { places }] of days.entries()) {
      const had = places.filter(({ paper }) => receivedAt.has(paper.id)).map(({ position }) => position)
      const chosen = new Set(selectPapers(indexes[at] as (typeof indexes)[number], choices, new Set(had)).papers)
      const received = places.filter(({ position }) => chosen.has(position))
      for (const { paper } of received) receivedAt.set(paper.id, at)
      risers.push(received.filter(({ section }) => section === 'rising').length)
    }
    const counted = days.slice(0, -WITHIN)
    const share = (editions: number) => {
      const all = counted.flatMap(({ top }, at) =>
        top.map((id) => (receivedAt.get(id) ?? Number.POSITIVE_INFINITY) <= at + editions),
      )
      return (all.filter(Boolean).length / all.length).toFixed(3)
    }
    const sorted = risers.slice(1).sort((a, b) => a - b)
    const mean = sorted.reduce((sum, count) => sum + count, 0) / sorted.length
    const spread = [sorted[sorted.length >> 1], mean.toFixed(2), sorted.at(-1)].join(', ')
    return `${label.padStart(17)} | ${share(0).padStart(10)} | ${share(WITHIN).padStart(19)} | ${spread}`
  }
}

function buildDays(): Day[] {
  const days: (Day & { finalRanked: ReturnType<typeof rankPapers<Listing>>; frozen: Map<string, Place> })[] = []
  for (const { date, own, later } of looks) {
    const ranked = rankPapers(own)
    const finalRanked = rankPapers(later ?? [])
    const known = new Set(ranked.map(({ paper }) => paper.id))
    const earlier = days.slice(-EARLIER).toReversed()
    const risers = findRisers(
      earlier.map((day) => ({ date: day.date, ranked: day.finalRanked, frozen: day.frozen })),
    ).filter(({ paper }) => !known.has(paper.id))
    const places = [
      ...ranked.map((entry, index): Place => ({ ...entry, section: 'ranked', listedOn: date, position: index + 1 })),
      ...risers.map((entry, index): Place => ({ ...entry, section: 'rising', position: ranked.length + index + 1 })),
    ]
    const frozen = new Map(places.slice(0, ranked.length).map((place) => [place.paper.id, place]))
    days.push({ date, places, top: finalRanked.slice(0, TOP).map(({ paper }) => paper.id), finalRanked, frozen })
  }
  return days
}
