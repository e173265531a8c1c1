import { describe, expect, it } from 'vitest'
import { findContribution } from '../../../src/digest/sentence/contribution.ts'
import { splitSentences } from '../../../src/digest/text/sentences.ts'
import { judgePart } from './judged.ts'
import { nearnessIn } from './nearness.ts'
import { WRITTEN } from './written.ts'

const tuning = judgePart('tuning')
const report = judgePart('report')
const MONTHS = ['2025-08', '2026-03']
const near = tuning && new Map(MONTHS.map((month) => [month, nearnessIn(month)]))

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

  it('prefers what stands alone to what points back, but at a trouble or at its own words', () => {
    const told = 'Dogs bark at night, which hardly anybody likes.'
    const other = 'We show that short walks in the evening halve the barking of most dogs.'
    const chosen = (sentence: string) => findContribution(`${told} ${sentence} ${other}`)
    expect(chosen('We show that this noisy habit vanishes with short walks in most of the cases.')).toBe(other)
    expect(chosen('We show that Barker solves this issue.')).toBe(other)
    for (const sound of [
      'We show that walks that are short and quiet end the problem, and that such walks suffice.',
      'We show that barking vanishes under this regime of short walks for most of the dogs.',
      'We address this issue by showing that most dogs fall silent after a short walk in the evening.',
    ]) {
      expect(chosen(sound)).toBe(sound)
    }
  })

  it.each([
    'This technical report presents Barker, a model of dogs that bark at night.',
    'We therefore introduce Barker, a model of dogs that bark at night.',
    'We present Barker, a benchmark of issues that dogs find in a GitHub repository.',
  ])('knows by what it is announced: %j', (sentence) => {
    expect(findContribution(`Dogs bark. ${sentence} Short walks halve the barking of most dogs.`)).toBe(sentence)
  })

  it('passes over what says little or the half, and where to get it', () => {
    const other = 'We show that short walks in the evening halve the barking of most dogs.'
    for (const sentence of [
      'We present five main findings.',
      'Our findings reveal: 1) Dogs that are walked twice a day do not bark at night.',
      'We release Barker and all of its recordings of dogs in a public repository.',
    ]) {
      expect(findContribution(`Dogs bark at night. ${sentence} ${other}`)).toBe(other)
    }
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
    expectAcceptable('August 2025, tuning', tuning)
  })

  // The first run, on 29 November 2026, after the rules were committed and before any other look at
  // what they choose there, and the second, of 30 November, with the rule on what points back: each
  // 75 of 75 acceptable, 0 background; so the third, of the same day, with what says little and
  // technical reports. A later figure stands beside them.
  it.skipIf(!report)('finds it in the captured abstracts of March 2026, which no rule was made on', () => {
    expectAcceptable('March 2026, report (its three runs: 75 of 75 acceptable, 0 background)', report)
  })

  it.skipIf(!near).each(MONTHS)(
    'is nearer to the summaries of the source in %s than the first sentence is',
    (month) => {
      const { chosen = 0, first = 0, nearest = 0 } = near?.get(month) ?? {}
      print(`${month}: ${chosen.toFixed(3)} chosen, ${first.toFixed(3)} first, ${nearest.toFixed(3)} nearest there is`)
      expect(chosen).toBeGreaterThan(1.3 * first)
      expect(chosen).toBeGreaterThan(0.8 * nearest)
    },
  )
})

function expectAcceptable(name: string, judged: ReturnType<typeof judgePart>): void {
  const { judged: all = 0, acceptable = 0, background, missed = [], apart = [] } = judged ?? {}
  print(`${name}: ${acceptable} of ${all} acceptable, ${background} background, ${apart.length} apart`)
  expect(background).toBe(0)
  expect(acceptable / all, missed.join(', ')).toBeGreaterThanOrEqual(0.9)
  // Reading LaTeX better may split one or the other abstract in another way.
  expect(apart.length, apart.join(', ')).toBeLessThanOrEqual(3)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
