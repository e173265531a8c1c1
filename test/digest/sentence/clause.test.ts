import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { standAlone, WORDS_MAX } from '../../../src/digest/sentence/clause.ts'
import { findContribution } from '../../../src/digest/sentence/contribution.ts'
import { capturedAbstracts } from '../../support/captured-abstracts.ts'
import { runs } from '../../support/full.ts'

const captured = capturedAbstracts('2025-08')
const wordsIn = (text: string) => text.split(' ').length

describe('standAlone', () => {
  it.each([
    ['In this paper, we present Kite.', 'We present Kite.'],
    ['In this work we present Kite.', 'We present Kite.'],
    ['To address this gap, we thus introduce Kite.', 'We introduce Kite.'],
    ['To overcome these limitations, in this paper, we propose Kite.', 'We propose Kite.'],
    ['(2) We propose Kite.', 'We propose Kite.'],
    ['In line with such a trend, OpenKite flies.', 'OpenKite flies.'],
    ['We avoid this wind by our kites.', 'We avoid this wind by our kites.'],
    ['We need no such wind, our kites fly.', 'We need no such wind, our kites fly.'],
    ['Furthermore, this paper presents Kite.', 'This paper presents Kite.'],
    ['To fly on calm days, we propose Kite.', 'To fly on calm days, we propose Kite.'],
    ['We show with winds that our kites fly.', 'We show with winds that our kites fly.'],
    ['Trials in calm air confirm that our kites fly.', 'Our kites fly.'],
    ['A new way bridges this gap by our kites.', 'A new way bridges this gap by our kites.'],
    [
      'Trials reveal that the flight of our kites stems from wind.',
      'Trials reveal that the flight of our kites stems from wind.',
    ],
    ['It holds for models such as Kite, KiteLM, and others.', 'It holds for models such as Kite, KiteLM, and others.'],
    ['Kites have two gifts, for all who fly: 1) They rise.', 'Kites have two gifts, for all who fly.'],
    ['We find that (1) kites rise in high wind.', 'We find that kites rise in high wind.'],
    ['π₀ is a kite.', 'π₀ is a kite.'],
    ['dLLM decoding is fast.', 'dLLM decoding is fast.'],
    ['3D kites fly.', '3D kites fly.'],
  ])('makes %j %j', (sentence, alone) => {
    expect(standAlone(sentence)).toBe(alone)
  })

  const many = (word: string, times: number) => Array.from({ length: times }, () => word).join(' ')

  it.each(['compared', 'based', 'designed', 'along', 'but'])('ends no cut on %j', (word) => {
    const alone = standAlone(
      `We propose Kite, a small open model of the wind by night ${word} with ${many('calm', 30)} days.`,
    )
    expect(alone).toBe('We propose Kite, a small open model of the wind…')
  })

  it('leaves a sentence of thirty words, and cuts the next one at the end of its last clause', () => {
    const whole = `We propose Kite, which flies on ${many('calm', 23)} days.`
    expect(wordsIn(whole)).toBe(WORDS_MAX)
    expect(standAlone(whole)).toBe(whole)
    const long = `We propose Kite, a small open model of the wind, which flies on ${many('calm', 23)} days.`
    expect(standAlone(long)).toBe('We propose Kite, a small open model of the wind.')
  })

  it.each([
    [
      'without its reason',
      `To fly on ${many('calm', 10)} days, we propose Kite, a model of ${many('high', 10)} wind that nobody has ever seen.`,
      `We propose Kite, a model of ${many('high', 10)} wind that nobody has ever seen.`,
    ],
    [
      'without an aside, but with a name’s letters',
      `We propose Kite (KT), a model of ${many('high', 20)} wind (e.g., wind that comes from the sea) for all.`,
      `We propose Kite (KT), a model of ${many('high', 20)} wind for all.`,
    ],
    [
      'before points that it would not tell',
      `We propose Kite, a model of high wind featuring: (1) ${many('calm', 14)} and (2) ${many('storm', 14)}.`,
      'We propose Kite, a model of high wind.',
    ],
    [
      'not inside a pair of adjectives',
      `We see the wind of the high seas as a dynamic, evolving play of ${many('calm', 25)} forces.`,
      `We see the wind of the high seas as a dynamic, evolving play of ${many('calm', 16)}…`,
    ],
    [
      'before the first of some points, where the second is cut',
      `We find that Kite flies if two things hold: (1) the wind is high; (2) ${many('calm', 25)} seas.`,
      'We find that Kite flies if two things hold.',
    ],
    [
      'not before what takes it back',
      `We find that Kite flies well in calm air, but only ${many('very', 25)} rarely.`,
      `We find that Kite flies well in calm air, but only ${many('very', 19)}…`,
    ],
    [
      'at a phrase where no clause ends',
      `We propose a model of the high wind over seas and hills and ${many('calm', 25)} days.`,
      'We propose a model of the high wind over seas and hills…',
    ],
  ])('cuts %s', (_how, sentence, cut) => {
    expect(standAlone(sentence)).toBe(cut)
  })

  it('is never longer than thirty words, whatever it is given', () => {
    const word = fc.constantFrom(
      'we',
      'propose',
      'which',
      'by',
      'using',
      'a',
      'the',
      'wind,',
      '(i)',
      '(1)',
      'x;',
      'e.g.,',
      '–',
      'and',
      '(so',
      'far)',
      'To',
      'this',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        expect(wordsIn(standAlone(words.join(' ')))).toBeLessThanOrEqual(WORDS_MAX)
      }),
      { numRuns: runs(500) },
    )
  })

  it.skipIf(captured.length === 0)(
    'ends each captured sentence of August 2025 as a sentence or with an ellipsis',
    () => {
      const alone = captured.map(({ abstract, title }) => standAlone(findContribution(abstract, title)))
      for (const sentence of alone) {
        expect(sentence).toMatch(/[.!?…]["”)]*$/)
        expect(sentence).not.toMatch(/\b(?:and|or|the|a|of|with|by|e\.g|i\.e)\.$/)
        expect(wordsIn(sentence)).toBeLessThanOrEqual(WORDS_MAX)
      }
      expect(alone.filter((sentence) => sentence.endsWith('…')).length / alone.length).toBeLessThan(0.06)
    },
  )
})
