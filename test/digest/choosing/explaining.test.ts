import { describe, expect, it } from 'vitest'
import { explainPlaces, nearMisses } from '../../../src/digest/choosing/explaining.ts'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { NO_HISTORY } from '../../../src/digest/choosing/selection.ts'
import { readTopics } from '../../../src/digest/topics/topics.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { makePlace } from '../../support/places.ts'

const CODE = 'https://github.com/a/b'
const index = indexPlaces(
  [
    makePlace(
      { position: 1, upvotes: 60, reason: '1st of 5 by votes' },
      { title: 'Language Models that Read', codeUrl: CODE },
    ),
    makePlace({ position: 2, upvotes: 48 }, { title: 'GANs Revisited', codeUrl: CODE }),
    makePlace({ position: 3, upvotes: 46 }, { title: 'Nearly There', codeUrl: CODE }),
    makePlace({ position: 4, upvotes: 55 }, { title: 'Without Code' }),
    makePlace({ position: 5, upvotes: 10 }, { title: 'Far Below', codeUrl: CODE }),
    makePlace(
      {
        position: 6,
        upvotes: 90,
        rank: 4,
        section: 'rising',
        listedOn: '2026-03-03',
        rankBefore: 5,
        upvotesBefore: 60,
      },
      { codeUrl: CODE },
    ),
    makePlace({ position: 7, upvotes: 70, section: 'late', listedOn: '2026-03-04' }, { codeUrl: CODE }),
  ],
  readTopics(),
)
const choices = parseChoices({ papers: 3, minimumVotes: 50, onlyWithCode: true, include: ['LLMs'], mute: ['gan'] })
const sentences = (given: object, { had = [], missed = [] }: { had?: number[]; missed?: string[] } = {}) =>
  explainPlaces(index, parseChoices({ ...choices, ...given }), { had: new Set(had), missed: new Set(missed) }).map(
    ({ sentence }) => sentence,
  )

describe('explainPlaces', () => {
  it('says of each paper why it is in or what it lacks', () => {
    expect(sentences({})).toEqual([
      '1st of 5 by votes; matches LLMs in its title (as "language model"); has code.',
      'Left out: 48 votes, below your bar of 50; muted: matches gan in its title.',
      'Left out: 46 votes, below your bar of 50.',
      'Left out: no code is linked, and you want only papers with code.',
      'Left out: 10 votes, below your bar of 50.',
      'Left out: 4th of its own day, beyond your 3 papers.',
      'Left out: the edition of Wed 4 March reached you.',
    ])
  })
  it('says what was had, what is beyond the number, and what is of no topic', () => {
    const open = { minimumVotes: 0, onlyWithCode: false, mute: [], papers: 1 }
    expect(sentences(open, { had: [1] })[0]).toBe('Left out: you had it already.')
    expect(sentences(open)[1]).toBe('Left out: beyond your 1 paper.')
    expect(sentences({ ...open, includeMeans: 'only' })[1]).toBe(
      'Left out: none of your topics, authors or organisations.',
    )
  })
  it('says why a paper of an earlier day is no late riser to this reader', () => {
    expect(sentences({ papers: 5 })[5]).toBe(
      'Left out: it was among your 5 papers already when its own edition came out.',
    )
    expect(sentences({ papers: 25 })[5]).toBe(
      'Left out: it was among the first 10 already when its own edition came out.',
    )
    const deep = (given: object) =>
      explainPlaces(
        indexPlaces(
          [
            makePlace({ position: 1 }),
            makePlace({ position: 2, upvotes: 9, rank: 14, section: 'rising', upvotesBefore: 9, ...given }),
          ],
          readTopics(),
        ),
        parseChoices({ papers: 25 }),
        NO_HISTORY,
      )[1]?.sentence
    expect(deep({})).toBe('Left out: no more votes since its own edition came out.')
    expect(deep({ upvotes: 10 })).toBe('Left out: 14th of its own day, beyond the first 10.')
  })
  it('says of a paper whose edition was missed what keeps it out, and never that it was there', () => {
    const missed = { missed: ['2026-03-03'] }
    const open = { papers: 1, minimumVotes: 0, onlyWithCode: false }
    expect(sentences({ ...open, papers: 5 }, missed)[5]).toMatch(/^Place 6;? ?/)
    expect(sentences({ minimumVotes: 95 }, missed)[5]).toBe('Left out: 90 votes, below your bar of 95.')
    const both = { missed: ['2026-03-03', '2026-03-04'] }
    expect(sentences(open, both)[6]).toBe('Left out: beyond your 1 paper.')
  })
  it('says that late risers alone make no digest', () => {
    expect(sentences({ papers: 4, minimumVotes: 80 })[5]).toBe('Left out: late risers alone make no digest.')
  })
  it('explains exactly what is selected', () => {
    const explained = explainPlaces(index, choices, { ...NO_HISTORY, missed: new Set(['2026-03-04']) })
    expect(explained.filter(({ selected }) => selected).map(({ position }) => position)).toEqual([1, 7])
  })
})

describe('nearMisses', () => {
  it('lists papers that fail one wish alone and narrowly', () => {
    expect(nearMisses(index, choices)).toEqual([
      { position: 3, title: 'Nearly There', wish: 'votes', sentence: '46 votes, below your bar of 50' },
      {
        position: 4,
        title: 'Without Code',
        wish: 'code',
        sentence: 'no code is linked, and you want only papers with code',
      },
    ])
  })
  it('counts nothing that was had, or that is of no included topic', () => {
    expect(nearMisses(index, choices, new Set([3, 4]))).toEqual([])
    expect(nearMisses(index, { ...choices, includeMeans: 'only' })).toEqual([])
    expect(nearMisses(index, parseChoices({}))).toEqual([])
  })
})
