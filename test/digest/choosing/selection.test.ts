import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { type History, isRising, missedIn, NO_HISTORY, selectPapers } from '../../../src/digest/choosing/selection.ts'
import { readTopics } from '../../../src/digest/topics/topics.ts'
import type { Place } from '../../../src/edition/place.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { makePlace } from '../../support/places.ts'

const topics = readTopics()
const index = (places: Place[]) => indexPlaces(places, topics)
const places = [
  ...[90, 50, 30, 10, 5].map((upvotes, index) => makePlace({ position: index + 1, rank: index + 1, upvotes })),
  makePlace({ position: 6, rank: 1, section: 'rising', upvotes: 100 }),
  makePlace({ position: 7, rank: 2, section: 'rising', upvotes: 80 }),
  makePlace({ position: 8, rank: 4, section: 'rising', upvotes: 70 }),
  makePlace({ position: 9, rank: 5, section: 'rising', upvotes: 60 }),
]
const having = (had: number[]): History => ({ ...NO_HISTORY, had: new Set(had) })
const missing = (...missed: string[]): History => ({ ...NO_HISTORY, missed: new Set(missed) })
const select = (choices: object, had: number[] = []) =>
  selectPapers(index(places), parseChoices(choices), having(had)).papers

describe('selectPapers', () => {
  it('takes the first places up to the number of papers, and at most three late risers where their votes put them', () => {
    expect(select({})).toEqual([6, 1, 7, 8, 2, 3, 4, 5])
    expect(select({ papers: 5 })).toEqual([6, 1, 7, 8, 2, 3, 4, 5])
  })
  it('takes a late riser only when its place is within the number of papers', () => {
    expect(select({ papers: 1 })).toEqual([6, 1])
    expect(select({ papers: 4 })).toEqual([6, 1, 7, 8, 2, 3, 4])
  })
  it('takes a late riser that was outside this reader’s number when its edition froze, and is inside it by votes', () => {
    const risers = [
      { rank: 1, rankBefore: 4, upvotes: 100, upvotesBefore: 20 },
      { rank: 3, rankBefore: 3, upvotes: 80, upvotesBefore: 30 },
      { rank: 2, rankBefore: 11, upvotes: 70, upvotesBefore: 8 },
      // Comments broke a tie: no vote came.
      { rank: 10, rankBefore: 11, upvotes: 9, upvotesBefore: 9 },
      { rank: 12, rankBefore: 30, upvotes: 6, upvotesBefore: 1 },
    ].map((riser, at) => makePlace({ position: at + 2, section: 'rising', ...riser }))
    const shelf = index([makePlace({ position: 1, upvotes: 5 }), ...risers])
    const of = (choices: object) => selectPapers(shelf, parseChoices(choices), NO_HISTORY).papers
    expect(of({ papers: 10 })).toEqual([4, 1])
    expect(of({ papers: 50 })).toEqual([4, 1])
    expect(of({ papers: 3 })).toEqual([2, 4, 1])
    expect(of({ papers: 2 })).toEqual([2, 4, 1])
    expect(of({ papers: 1 })).toEqual([2, 1])
  })
  it('takes a late riser that votes lifted over this reader’s bar, wherever it stands', () => {
    const shelf = index([
      makePlace({ position: 1, upvotes: 50 }),
      makePlace({ position: 2, section: 'rising', rank: 3, rankBefore: 3, upvotes: 24, upvotesBefore: 19 }),
      makePlace({ position: 3, section: 'rising', rank: 14, upvotes: 21 }),
      makePlace({ position: 4, section: 'rising', rank: 4, rankBefore: 4, upvotes: 23, upvotesBefore: 20 }),
    ])
    const of = (choices: object) => selectPapers(shelf, parseChoices(choices), NO_HISTORY).papers
    expect(of({})).toEqual([1])
    expect(of({ minimumVotes: 20 })).toEqual([1, 2, 3])
    expect(of({ minimumVotes: 22 })).toEqual([1, 2, 4])
    expect(of({ minimumVotes: 25 })).toEqual([1])
  })
  it('takes the three strongest late risers: what is wanted most, then what has the most votes', () => {
    const risers = [60, 50, 40, 30].map((upvotes, at) =>
      makePlace(
        { position: at + 2, section: 'rising', rank: 4 - at, upvotes },
        { title: at === 3 ? 'Diffusion' : 'Other' },
      ),
    )
    const shelf = index([makePlace({ position: 1, upvotes: 5 }), ...risers])
    expect(selectPapers(shelf, parseChoices({}), NO_HISTORY).papers).toEqual([2, 3, 4, 1])
    expect(selectPapers(shelf, parseChoices({ include: ['diffusion'] }), NO_HISTORY).papers).toEqual([5, 2, 3, 1])
  })
  it('never takes what the reader had, and fills up with the next places', () => {
    expect(select({ papers: 2 }, [1, 6])).toEqual([7, 2, 3])
  })
  it('keeps to the minimum of votes, late risers included', () => {
    expect(select({ minimumVotes: 60 })).toEqual([6, 1, 7, 8])
    expect(select({ minimumVotes: 61, papers: 5 })).toEqual([6, 1, 7, 8])
  })
  it('puts papers of missed editions last, up to the number of papers, even when nothing else is left', () => {
    const late = [10, 11, 12].map((position) => makePlace({ position, section: 'late', upvotes: 40 }))
    const all = [...places, ...late]
    expect(selectPapers(index(all), parseChoices({ papers: 2 }), missing('2026-03-05')).papers).toEqual([
      6, 1, 7, 2, 10, 11,
    ])
    expect(selectPapers(index(late), parseChoices({}), missing('2026-03-05')).papers).toEqual([10, 11, 12])
    expect(selectPapers(index(all), parseChoices({ papers: 2 }), missing('2026-03-04')).papers).toEqual([6, 1, 7, 2])
  })
  it('offers the first ten of a missed edition, each once, whatever their votes did since', () => {
    const grown = fc.record({ gain: fc.nat(3), rank: fc.integer({ min: 1, max: 12 }) })
    fc.assert(
      fc.property(
        fc.array(grown, { minLength: 10, maxLength: 10 }),
        fc.integer({ min: 1, max: 50 }),
        (grown, papers) => {
          const earlier = grown.map(({ gain, rank }, at) => {
            const before = { rankBefore: at + 1, upvotesBefore: 20 - at }
            const given = { position: at + 2, listedOn: '2026-03-04', upvotes: 20 - at + gain }
            return makePlace({ ...given, ...(gain > 0 ? { section: 'rising', rank, ...before } : { section: 'late' }) })
          })
          const choices = parseChoices({ papers })
          const all = index([makePlace({ position: 1 }), ...earlier])
          const selection = selectPapers(all, choices, missing('2026-03-04'))
          expect(selection.papers.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: 1 + Math.min(papers, 10) }, (_, at) => at + 1),
          )
          expect([...missedIn(selection)]).toEqual(selection.papers.slice(1))
          const others = selectPapers(all, choices, NO_HISTORY).papers
          expect(
            others.filter((position) => position > 1).every((at) => isRising(earlier[at - 2] as Place, choices)),
          ).toBe(true)
        },
      ),
    )
  })
  it('is empty when no ranked paper is left: late risers alone make no digest', () => {
    expect(select({ minimumVotes: 95 })).toEqual([])
    expect(select({}, [1, 2, 3, 4, 5])).toEqual([])
  })
  it('keeps to papers with code where asked, and leaves withdrawn ones out', () => {
    const odd = [
      makePlace({ position: 1, rank: 1 }, { codeUrl: null }),
      makePlace({ position: 2, rank: 2 }, { codeUrl: 'https://github.com/a/b' }),
      makePlace({ position: 3, rank: 3 }, { withdrawnAt: '2026-03-05T00:00:00Z' }),
    ]
    expect(selectPapers(index(odd), parseChoices({ onlyWithCode: true }), NO_HISTORY).papers).toEqual([2])
    expect(selectPapers(index(odd), parseChoices({}), NO_HISTORY).papers).toEqual([1, 2])
  })
  it('says by its reasons whether anything was filtered, so that no mail lists what a reader did not want', () => {
    const reasons = (choices: object) => new Set(selectPapers(index(places), parseChoices(choices), NO_HISTORY).reasons)
    expect(reasons({ papers: 2 })).toEqual(new Set([0]))
    expect(reasons({ papers: 2, minimumVotes: 1 })).toEqual(new Set([1]))
    expect(reasons({ onlyWithCode: true })).not.toContain(0)
  })
  it('gives one reason a paper, never a paper twice, never one the reader had', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9 })), fc.integer({ min: 1, max: 9 }), (had, papers) => {
        const selection = selectPapers(index(places), parseChoices({ papers }), having(had))
        expect(new Set(selection.papers).size).toBe(selection.papers.length)
        expect(selection.papers.some((position) => had.includes(position))).toBe(false)
        expect(selection.reasons).toHaveLength(selection.papers.length)
        expect(selection.papers.filter((position) => position <= 5).length).toBeLessThanOrEqual(papers)
      }),
    )
  })
})

describe('selectPapers by topics and names', () => {
  const titled = (position: number, title: string, paper: object = {}) =>
    makePlace({ position, rank: position, upvotes: 100 - position }, { title, abstract: '', summary: '', ...paper })
  const shelf = index([
    titled(1, 'A Paper of Organs'),
    titled(2, 'Old GANs', { abstract: 'We compare with diffusion.' }),
    titled(3, 'Diffusion Models for Video'),
    titled(4, 'Reading Large Language Models', { authors: ['Grace Hopper'] }),
    titled(5, 'A Diffusing Agent', { keywords: ['diffusion'], organization: 'Sample Institute' }),
  ])
  const of = (choices: object) => selectPapers(shelf, parseChoices(choices), NO_HISTORY)

  it('puts what is included first: by where it was found, then by rank', () => {
    expect(of({ include: ['diffusion'] }).papers).toEqual([3, 5, 2, 1, 4])
    expect(of({ include: ['diffusion'], papers: 2 }).papers).toEqual([3, 5])
  })
  it('takes nothing else where including means only', () => {
    expect(of({ include: ['diffusion'], includeMeans: 'only' }).papers).toEqual([3, 5, 2])
    expect(of({ include: ['knitting'], includeMeans: 'only' }).papers).toEqual([])
    expect(of({ includeMeans: 'only' }).papers).toEqual([1, 2, 3, 4, 5])
  })
  it('never takes what is muted, whatever includes it', () => {
    expect(of({ mute: ['gan'] }).papers).toEqual([1, 3, 4, 5])
    expect(of({ include: ['diffusion'], authors: ['Grace Hopper'], mute: ['diffusion'] }).papers).toEqual([4, 1])
  })
  it('counts authors and organisations as included', () => {
    expect(of({ authors: ['hopper'], organisations: ['sample institute'], includeMeans: 'only' }).papers).toEqual([
      4, 5,
    ])
  })
  it('remarks what made each paper the reader’s own, and nothing where only its rank did', () => {
    expect(of({ include: ['diffusion', 'LLMs'], mute: ['quantum'], papers: 3 }).remarks).toEqual([
      'matches diffusion',
      'matches LLMs',
      'matches diffusion',
    ])
    expect(of({ authors: ['Grace Hopper'], papers: 2 }).remarks).toEqual(['by an author you follow: Grace Hopper', ''])
    expect(of({ organisations: ['Sample Institute'], papers: 1 }).remarks).toEqual([
      'from an organisation you follow: Sample Institute',
    ])
    expect(of({ minimumVotes: 1 }).remarks).toBeUndefined()
    expect(of({}).remarks).toBeUndefined()
  })
  it('filters late risers and papers of missed editions alike', () => {
    const all = index([
      titled(1, 'Diffusion'),
      { ...titled(2, 'Video'), section: 'rising', rank: 1 },
      { ...titled(3, 'Diffusion Again'), section: 'rising', rank: 2 },
      { ...titled(4, 'Video'), section: 'late' },
      { ...titled(5, 'More Diffusion'), section: 'late' },
    ])
    const only = parseChoices({ include: ['diffusion'], includeMeans: 'only' })
    expect(selectPapers(all, only, missing('2026-03-05')).papers).toEqual([1, 3, 5])
  })
})
