import { describe, expect, it } from 'vitest'
import { BROAD_TOPICS } from '../../../src/digest/topics/broad-topics.ts'
import { TOPIC_GROUPS } from '../../../src/digest/topics/groups.ts'
import { stemWords } from '../../../src/digest/topics/words.ts'
import { PHRASE_MAX_CHARACTERS } from '../../../src/subscriber/preferences.ts'

describe('TOPIC_GROUPS', () => {
  it('holds groups of two names or more, each name once over all groups', () => {
    expect(TOPIC_GROUPS.length).toBeGreaterThan(60)
    expect(TOPIC_GROUPS.filter((group) => group.length < 2)).toEqual([])
    const all = [...TOPIC_GROUPS, ...BROAD_TOPICS.map(({ names }) => names)].flat().map(stemWords)
    expect(all.filter((words, index) => all.indexOf(words) !== index)).toEqual([])
  })
  it('holds no name that its readers could not write themselves', () => {
    expect(TOPIC_GROUPS.flat().filter((name) => name.length < 2 || name.length > PHRASE_MAX_CHARACTERS)).toEqual([])
  })
})
