import { describe, expect, it } from 'vitest'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { countFiltered, emptyWords, filteredWords, heldSentence } from '../../../src/digest/choosing/silence-words.ts'
import { readTopics } from '../../../src/digest/topics/topics.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { makePlace } from '../../support/places.ts'

describe('what choices left nothing of', () => {
  const filtered = { ranked: 27, had: 0, belowBar: 27, bar: 50, nearMisses: 3 }
  const say = (given: Partial<typeof filtered>) => filteredWords({ ...filtered, ...given })

  it('is said by what stood in the way of all of it', () => {
    expect(say({})).toEqual({
      reason: 'below-bar',
      sentence: 'Nothing above your bar of 50 votes among its 27 papers; 3 near misses.',
    })
    expect(say({ belowBar: 20, nearMisses: 1 })).toEqual({
      reason: 'filtered',
      sentence: 'None of its 27 papers matched your settings; 1 near miss.',
    })
    expect(say({ had: 27, belowBar: 0 }).reason).toBe('nothing-new')
    expect(filteredWords(null).sentence).toBe('No paper matched your settings.')
  })

  it('is counted over the edition’s own papers that were not had', () => {
    const places = [
      makePlace({ position: 1, upvotes: 80 }),
      makePlace({ position: 2, upvotes: 45 }),
      makePlace({ position: 3, upvotes: 5 }),
      makePlace({ position: 4, upvotes: 90, section: 'rising' }),
    ]
    const index = indexPlaces(places, readTopics())
    expect(countFiltered(index, parseChoices({ minimumVotes: 50 }), new Set([1]))).toEqual({
      ranked: 3,
      had: 1,
      belowBar: 2,
      bar: 50,
      nearMisses: 1,
    })
  })
})

describe('what is said of an edition without papers', () => {
  it('is the reason that stands on it', () => {
    expect(emptyWords('weekend', 'daily').reason).toBe('weekend')
    expect(emptyWords('source', 'daily').reason).toBe('source')
    expect(emptyWords('weekend', 'weekly').sentence).toBe('None of the seven days had papers.')
    expect(emptyWords('the sky fell', 'daily').sentence).toBe('There was nothing to send: the sky fell.')
    expect(heldSentence('It', null)).toBe('It is held back: its list is not complete.')
  })
})
