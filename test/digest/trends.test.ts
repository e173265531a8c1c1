import { expect, it } from 'vitest'
import { together } from '../../src/digest/text/words.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import { trendsOf } from '../../src/digest/trends.ts'
import type { Place } from '../../src/edition/place.ts'
import { makePlace } from '../support/places.ts'

const topics = readTopics()

/** A week of 40 papers, so many of them on each of some topics. */
function week(counts: Record<string, number>): Place[] {
  const titles = Object.entries(counts).flatMap(([topic, count]) => Array.from({ length: count }, () => topic))
  return Array.from({ length: 40 }, (_, index) =>
    makePlace(
      { position: index + 1 },
      { title: `${titles[index] ?? 'A lantern'} ${index}`, abstract: '', summary: '' },
    ),
  )
}

it('tells which topics more and fewer papers are about, and of what', () => {
  const trends = trendsOf(week({ Diffusion: 12, Robots: 2 }), week({ Diffusion: 4, Robots: 9 }), topics)
  expect(trends).toEqual({ up: together('diffusion 4 → 12 papers'), down: together('robotics 9 → 2 papers') })
})

it('says nothing of a move that the numbers hardly show', () => {
  const before = week({ Diffusion: 16, Robots: 6 })
  expect(trendsOf(week({ Diffusion: 18, Robots: 7 }).slice(0, 30), before, topics)).toEqual({ up: '', down: '' })
})
