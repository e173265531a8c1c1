import { describe, expect, it } from 'vitest'
import { findContribution } from '../../../src/digest/sentence/contribution.ts'
import { splitSentences } from '../../../src/digest/text/sentences.ts'
import { judgePart } from './judged.ts'
import { WRITTEN } from './written.ts'

const tuning = judgePart('tuning')

describe('findContribution', () => {
  it('finds what thirty invented abstracts contribute', () => {
    const missed: string[] = []
    for (const { title, sentences, acceptable, background } of WRITTEN) {
      expect(splitSentences(sentences.join(' '))).toEqual(sentences)
      const number = sentences.indexOf(findContribution(sentences.join(' '), title)) + 1
      expect(background).not.toContain(number)
      if (!acceptable.includes(number)) missed.push(title)
    }
    expect(missed.length, missed.join(', ')).toBeLessThanOrEqual(3)
  })

  it('prefers what the title names to what stands beside it', () => {
    const abstract =
      'Dogs bark. We present a new corpus of barks. We present Barker, a model of barks. We present a new test.'
    expect(findContribution(abstract)).toBe('We present a new corpus of barks.')
    expect(findContribution(abstract, 'Barker: Dogs in Numbers')).toBe('We present Barker, a model of barks.')
  })

  it('takes the conclusion of a text that announces nothing, never where to get it', () => {
    const essay =
      'Dogs bark at night. The night does not answer them at all. The moon has its own reasons to be silent.'
    expect(findContribution(essay)).toBe('The moon has its own reasons to be silent.')
    expect(findContribution(`${essay} Our code and data are available at https://example.org/moon. It is late.`)).toBe(
      'The moon has its own reasons to be silent.',
    )
  })

  it('has something for the shortest text, and nothing for none', () => {
    expect(findContribution('Not yet.')).toBe('Not yet.')
    expect(findContribution('')).toBe('')
  })

  it.skipIf(!tuning)('finds it in the captured abstracts of August 2025, on which it was tuned', () => {
    expect(sayFigures('August 2025', tuning)).toBe('August 2025: 75 of 75 acceptable, 0 background, 0 apart')
  })
})

function sayFigures(name: string, judged: ReturnType<typeof judgePart>): string {
  const { judged: all = 0, acceptable, background, apart } = judged ?? {}
  return `${name}: ${acceptable} of ${all} acceptable, ${background} background, ${apart?.length} apart`
}
