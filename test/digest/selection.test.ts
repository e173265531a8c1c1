import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { selectPapers } from '../../src/digest/selection.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { makePlace } from '../support/places.ts'

const none = new Set<number>()
const places = [
  ...[90, 50, 30, 10, 5].map((upvotes, index) => makePlace({ position: index + 1, rank: index + 1, upvotes })),
  makePlace({ position: 6, rank: 1, section: 'rising', upvotes: 100 }),
  makePlace({ position: 7, rank: 2, section: 'rising', upvotes: 80 }),
  makePlace({ position: 8, rank: 4, section: 'rising', upvotes: 70 }),
  makePlace({ position: 9, rank: 5, section: 'rising', upvotes: 60 }),
]
const select = (choices: object, had = none) => selectPapers(places, parseChoices(choices), had).papers

describe('selectPapers', () => {
  it('takes the first places up to the number of papers, and at most three late risers behind them', () => {
    expect(select({})).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(select({ papers: 5 })).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })
  it('takes a late riser only when its place is within the number of papers', () => {
    expect(select({ papers: 1 })).toEqual([1, 6])
    expect(select({ papers: 4 })).toEqual([1, 2, 3, 4, 6, 7, 8])
  })
  it('never takes what the reader had, and fills up with the next places', () => {
    expect(select({ papers: 2 }, new Set([1, 6]))).toEqual([2, 3, 7])
  })
  it('keeps to the minimum of votes, late risers included', () => {
    expect(select({ minimumVotes: 60 })).toEqual([1, 6, 7, 8])
    expect(select({ minimumVotes: 61, papers: 5 }, none)).toEqual([1, 6, 7, 8])
  })
  it('puts papers of missed editions last, up to the number of papers, even when nothing else is left', () => {
    const late = [10, 11, 12].map((position) => makePlace({ position, section: 'late', upvotes: 40 }))
    const all = [...places, ...late]
    expect(selectPapers(all, parseChoices({ papers: 2 }), none).papers).toEqual([1, 2, 6, 7, 10, 11])
    expect(selectPapers(late, parseChoices({}), none).papers).toEqual([10, 11, 12])
  })
  it('is empty when no ranked paper is left: late risers alone make no digest', () => {
    expect(select({ minimumVotes: 95 })).toEqual([])
    expect(select({}, new Set([1, 2, 3, 4, 5]))).toEqual([])
  })
  it('keeps to papers with code where asked, and leaves withdrawn ones out', () => {
    const odd = [
      makePlace({ position: 1, rank: 1 }, { codeUrl: null }),
      makePlace({ position: 2, rank: 2 }, { codeUrl: 'https://github.com/a/b' }),
      makePlace({ position: 3, rank: 3 }, { withdrawnAt: '2026-03-05T00:00:00Z' }),
    ]
    expect(selectPapers(odd, parseChoices({ onlyWithCode: true }), none).papers).toEqual([2])
    expect(selectPapers(odd, parseChoices({}), none).papers).toEqual([1, 2])
  })
  it('says by its reasons whether anything was filtered, so that no mail lists what a reader did not want', () => {
    const reasons = (choices: object) => new Set(selectPapers(places, parseChoices(choices), none).reasons)
    expect(reasons({ papers: 2 })).toEqual(new Set([0]))
    expect(reasons({ papers: 2, minimumVotes: 1 })).toEqual(new Set([1]))
    expect(reasons({ onlyWithCode: true })).not.toContain(0)
  })
  it('gives one reason a paper, never a paper twice, never one the reader had', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9 })), fc.integer({ min: 1, max: 9 }), (had, papers) => {
        const selection = selectPapers(places, parseChoices({ papers }), new Set(had))
        expect(new Set(selection.papers).size).toBe(selection.papers.length)
        expect(selection.papers.some((position) => had.includes(position))).toBe(false)
        expect(selection.reasons).toHaveLength(selection.papers.length)
        expect(selection.papers.filter((position) => position <= 5).length).toBeLessThanOrEqual(papers)
      }),
    )
  })
})
