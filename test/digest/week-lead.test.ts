import { describe, expect, it } from 'vitest'
import { indexPlaces } from '../../src/digest/choosing/place-index.ts'
import { together } from '../../src/digest/text/words.ts'
import { toldIn } from '../../src/digest/told.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import { weekLead } from '../../src/digest/week-lead.ts'
import { makePlace } from '../support/places.ts'

const index = indexPlaces(
  [
    { ...makePlace({ position: 1, upvotes: 90, comments: 2 }, { title: 'First' }), upvotesBefore: 80 },
    { ...makePlace({ position: 2, upvotes: 70, comments: 31 }, { title: 'Second' }), upvotesBefore: 5 },
    makePlace({ position: 3, upvotes: 60 }, { title: 'Third', codeStars: 12_000 }),
  ],
  readTopics(),
)
const leadOf = (papers: number[]) => weekLead(toldIn(index, papers), index).map(({ line }) => line)

describe('weekLead', () => {
  it('says what the week is remembered for, each paper in one line', () => {
    expect(leadOf([1, 2, 3]).map(({ label, title, fact }) => `${label}: ${title}, ${fact}`)).toEqual([
      `Biggest riser · Most discussed: Second, ${together('5 → 70 votes, 31 comments')}`,
      `Most starred: Third, ${together('★ 12k')}`,
    ])
  })

  it('says of none that it is the most where the week has more, and nothing of the only one then', () => {
    const labels = (papers: number[]) => leadOf(papers).map(({ label }) => label)
    expect(labels([1, 3])).toEqual(['Rising · Discussed', 'Most starred'])
    expect(labels([1])).toEqual([])
    expect(labels([2])).toEqual(['Biggest riser · Most discussed'])
  })
})
