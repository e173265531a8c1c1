// Prints what late risers bring on the captured August 2025: which share of each day's final top
// five a reader has had with the day's own digest, and within the next two editions. What was seen
// of a day in its morning and long after is known, not what came between: several models of how
// votes grow say what each freeze and each look found, and the range over them is printed. `npx tsx
// test/bench/late-risers.ts`; without the captures there is nothing to measure.
import { indexPlaces } from '../../src/digest/choosing/place-index.ts'
import { NO_HISTORY, selectPapers } from '../../src/digest/choosing/selection.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import type { Place } from '../../src/edition/place.ts'
import { placesWithRisers, RISING_EDITIONS } from '../../src/edition/places.ts'
import { findRisers, rankPapers } from '../../src/edition/ranking.ts'
import type { Listing } from '../../src/source/paper.ts'
import { type Choices, parseChoices } from '../../src/subscriber/preferences.ts'
import { DAY_MS } from '../../src/time.ts'
import { type CapturedLooks, capturedMonth } from '../support/captured-days.ts'

const MONTH = '2025-08'
const TOP = 5
/** Editions after its own within which a paper should have arrived. */
const WITHIN = 2
/** From a morning's capture to the freeze of its date, in days. */
const TO_FREEZE = 0.7

/**
 * Which share of the votes after a morning's capture has come so many days after the freeze. A
 * paper that the capture did not hold is listed from the day after the freeze on.
 */
const MODELS: Readonly<Record<string, (days: number) => number>> = {
  'all by the next look': (days) => (days > 0 ? 1 : 0),
  'half in 12 hours': (days) => 1 - 2 ** (-(days + TO_FREEZE) / 0.5),
  'half in a day': (days) => 1 - 2 ** -(days + TO_FREEZE),
  'half in two days': (days) => 1 - 2 ** (-(days + TO_FREEZE) / 2),
  'evenly over a week': (days) => Math.min(1, (days + TO_FREEZE) / 7),
  'a burst on the third day': (days) => 1 / (1 + Math.exp(-2 * (days + TO_FREEZE - 3))),
}

const READERS: readonly [label: string, choices: object][] = [
  ['5', { papers: 5 }],
  ['10', {}],
  ['20', { papers: 20 }],
  ['10, from 20 votes', { minimumVotes: 20 }],
]

interface Day {
  date: string
  places: Place[]
}

interface Measured {
  own: number
  within: number
  /** Late risers of each edition but the first, which has none before it. */
  risers: number[]
}

const looks = capturedMonth(MONTH).filter(({ later }) => later !== null)
const topics = readTopics()
const print = (line: string) => process.stdout.write(`${line}\n`)
const shares = (values: readonly number[]) => {
  const [least = 0, most = 0] = [Math.min(...values), Math.max(...values)]
  return `${least.toFixed(3)} to ${most.toFixed(3)}`
}

if (looks.length === 0) print('the captured days are not at hand: nothing to measure')
else {
  print(`${looks.length} days of ${MONTH}, the last ${WITHIN} followed by no edition and left out of the shares`)
  print('papers a digest: own digest; within two editions; late risers an edition: median, mean, most')
  const found = Object.entries(MODELS).map(([name, share]) => {
    print(name)
    const days = buildDays(share)
    return READERS.map(([label, choices]) => measure(label, days, parseChoices(choices)))
  })
  print(`over ${found.length} models`)
  for (const [at, [label]] of READERS.entries()) {
    const own = found.map((model) => (model[at] as Measured).own)
    const within = found.map((model) => (model[at] as Measured).within)
    print(`${label.padStart(19)}: ${shares(own)}; ${shares(within)}`)
  }
}

function measure(label: string, days: readonly Day[], choices: Choices): Measured {
  const receivedAt = new Map<string, number>()
  const risers: number[] = []
  for (const [at, { places }] of days.entries()) {
    const had = places.filter(({ paper }) => receivedAt.has(paper.id)).map(({ position }) => position)
    const chosen = new Set(
      selectPapers(indexPlaces(places, topics), choices, { ...NO_HISTORY, had: new Set(had) }).papers,
    )
    const received = places.filter(({ position }) => chosen.has(position))
    for (const { paper } of received) receivedAt.set(paper.id, at)
    risers.push(received.filter(({ section }) => section === 'rising').length)
  }
  const tops = looks.slice(0, -WITHIN).map(({ later }) => rankPapers(later ?? []).slice(0, TOP))
  const share = (editions: number) => {
    const all = tops.flatMap((top, at) =>
      top.map(({ paper }) => (receivedAt.get(paper.id) ?? Number.POSITIVE_INFINITY) <= at + editions),
    )
    return all.filter(Boolean).length / all.length
  }
  const measured = { own: share(0), within: share(WITHIN), risers: risers.slice(1) }
  const sorted = measured.risers.toSorted((a, b) => a - b)
  const mean = sorted.reduce((sum, count) => sum + count, 0) / sorted.length
  const spread = [sorted[sorted.length >> 1], mean.toFixed(2), sorted.at(-1)].join(', ')
  print(`${label.padStart(19)}: ${measured.own.toFixed(3)}; ${measured.within.toFixed(3)}; ${spread}`)
  return measured
}

/**
 * Freezes one edition after another, each with what the looks before it found of the earlier ones.
 */
function buildDays(share: (days: number) => number): Day[] {
  const frozen: { look: CapturedLooks; at: number; entries: Map<string, ReturnType<typeof seenAt>[number]> }[] = []
  return looks.map((look) => {
    const at = Date.parse(look.date) / DAY_MS
    const ranked = seenAt(look, share, 0)
    const known = new Set(ranked.map(({ paper }) => paper.id))
    const risers = findRisers(
      frozen
        .slice(-RISING_EDITIONS)
        .toReversed()
        .map((day) => {
          return { date: day.look.date, ranked: seenAt(day.look, share, at - day.at), frozen: day.entries }
        }),
    ).filter(({ paper }) => !known.has(paper.id))
    frozen.push({ look, at, entries: new Map(ranked.map((entry) => [entry.paper.id, entry])) })
    return { date: look.date, places: placesWithRisers(ranked, risers) }
  })
}

/** Returns the papers of a date by the votes that they had so many days after its freeze. */
function seenAt({ date, own, later }: CapturedLooks, share: (days: number) => number, days: number) {
  const before = new Map(own.map((listing) => [listing.paper.id, listing]))
  const after = new Map((later ?? []).map((listing) => [listing.paper.id, listing]))
  const between = (from: number, to: number) => Math.round(from + Math.max(0, to - from) * share(days))
  const listings = [...new Map([...after, ...before]).values()].flatMap((listing): Listing[] => {
    const { id } = listing.paper
    const first = before.get(id)
    if (!first && days === 0) return []
    const last = after.get(id) ?? listing
    return [
      {
        ...(first ?? last),
        upvotes: between(first?.upvotes ?? 0, last.upvotes),
        comments: between(first?.comments ?? 0, last.comments),
      },
    ]
  })
  return rankPapers(listings.map((listing) => ({ ...listing, listedOn: date })))
}
