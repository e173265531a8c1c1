import { describe, expect, it } from 'vitest'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import {
  isFiltering,
  judgePlace,
  openWishes,
  sayWishes,
  strengthAt,
  wishWords,
} from '../../../src/digest/choosing/wishes.ts'
import { readTopics } from '../../../src/digest/topics/topics.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { makePlace } from '../../support/places.ts'

const place = makePlace(
  { position: 1, upvotes: 10 },
  {
    title: 'Diffusion',
    keywords: ['world models'],
    abstract: 'On video.',
    authors: ['Ada Lovelace'],
    organization: 'Sample Institute',
  },
)
const index = indexPlaces([place], readTopics())
const strength = (choices: object) => strengthAt(openWishes(index, parseChoices(choices)), 0)
const judge = (choices: object) => judgePlace(openWishes(index, parseChoices(choices)), 0)

describe('strengthAt', () => {
  it('weighs a title above keywords above an abstract, and whoever is followed as much as a title', () => {
    const strengths = [{ include: ['diffusion'] }, { include: ['world model'] }, { include: ['video'] }, {}]
    expect(strengths.map(strength)).toEqual([3, 2, 1, 0])
    expect(strength({ include: ['video', 'world model'] })).toBe(2)
    expect(strength({ include: ['world model', 'video'] })).toBe(2)
    expect(strength({ authors: ['Lovelace'] })).toBe(3)
    expect(strength({ organisations: ['Sample Institute'] })).toBe(3)
  })
  it('is -1 for whatever is not wanted, and agrees with judgePlace', () => {
    const unwanted = [
      { minimumVotes: 11 },
      { onlyWithCode: true },
      { mute: ['video'] },
      { include: ['knitting'], includeMeans: 'only' },
    ]
    expect(unwanted.map(strength)).toEqual([-1, -1, -1, -1])
    expect(unwanted.map((choices) => judge(choices).unmet.length)).toEqual([1, 1, 1, 1])
  })
})

describe('judgePlace', () => {
  it('lists every wish that is not met', () => {
    const { unmet } = judge({
      minimumVotes: 11,
      onlyWithCode: true,
      mute: ['video'],
      include: ['knitting'],
      includeMeans: 'only',
    })
    expect(unmet.map(({ wish }) => wish)).toEqual(['votes', 'code', 'mute', 'include'])
  })
})

describe('wishWords', () => {
  it('names authors, organisations and topics in one sentence', () => {
    const choices = parseChoices({
      authors: ['Lovelace'],
      organisations: ['sample institute'],
      include: ['diffusion', 'world model'],
    })
    expect(wishWords(judgePlace(openWishes(index, choices), 0), choices)).toBe(
      'by an author you follow: Lovelace; from an organisation you follow: sample institute; matches diffusion, world model',
    )
  })
  it('say of code only to whoever asks why: it is what all of the papers have', () => {
    const choices = parseChoices({ onlyWithCode: true })
    const judgement = judgePlace(openWishes(index, choices), 0)
    expect(wishWords(judgement, choices)).toBe('')
    expect(wishWords(judgement, choices, true)).toBe('has code')
  })
})

describe('sayWishes', () => {
  it('says what is left out or put first, and nothing of choices that take an edition as it is', () => {
    const choices = {
      minimumVotes: 2,
      onlyWithCode: true,
      include: ['LLM'],
      authors: ['Ada Lovelace'],
      organisations: ['Sample Institute'],
      mute: ['GAN'],
    }
    expect(sayWishes(parseChoices(choices))).toEqual([
      'from 2 votes',
      'only with code',
      'first LLM, by Ada Lovelace, from Sample Institute',
      'never GAN',
    ])
    expect(sayWishes(parseChoices({ papers: 3 }))).toEqual([])
  })
})

describe('isFiltering', () => {
  it.each([
    { minimumVotes: 1 },
    { onlyWithCode: true },
    { mute: ['xy'] },
    { include: ['xy'] },
    { authors: ['xy'] },
    { organisations: ['xy'] },
  ])('holds for %o', (choices) => expect(isFiltering(parseChoices(choices))).toBe(true))
  it('does not hold for a number of papers or a length', () => {
    expect(isFiltering(parseChoices({ papers: 3, length: 'full', includeMeans: 'only' }))).toBe(false)
  })
})
