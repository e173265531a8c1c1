// Graphemes piece by piece: the same as all at once.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { graphemesOf } from '../../src/source/graphemes.ts'
import { runs } from '../support/full.ts'

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const atOnce = (text: string) => Array.from(segmenter.segment(text), ({ segment }) => segment)

/** Long enough for several pieces, full of what must not be cut at their ends. */
const longText = fc
  .array(
    fc.oneof(
      fc.constantFrom('👩\u200d🔬', '🇩🇪', 'e\u0301', '\u0301', '\u200d', 'क्ष', '각', 'a', ' ', '漢'),
      fc.string({ unit: 'binary' }),
    ),
    {
      minLength: 100,
      maxLength: 600,
    },
  )
  .map((parts) => parts.join(''))

describe('graphemesOf', () => {
  it('finds what the segmenter finds in the whole text', () => {
    fc.assert(
      fc.property(longText, (text) => {
        expect([...graphemesOf(text)]).toEqual(atOnce(text))
      }),
      { numRuns: runs(60) },
    )
    expect([...graphemesOf('')]).toEqual([])
  })

  it('finds the same in every stretch of the characters that are told without a segmenter', () => {
    const stretches: string[] = []
    for (let from = 0; from < 0xd800; from += 16) {
      const letters = Array.from({ length: 16 }, (_, index) => String.fromCharCode(from + index))
      stretches.push(letters.join(''), [...letters].reverse().join(''), letters.map((each) => each + each).join(''))
    }
    const different = stretches.filter((text) => [...graphemesOf(text)].join('|') !== atOnce(text).join('|'))
    expect(different).toEqual([])
  })

  it('keeps one that is longer than a piece', () => {
    const giant = `a${'\u0301'.repeat(3_000)}`
    expect([...graphemesOf(`x${giant}y`)]).toEqual(['x', giant, 'y'])
  })
})
