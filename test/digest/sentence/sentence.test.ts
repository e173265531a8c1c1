import { describe, expect, it } from 'vitest'
import { sentenceOf } from '../../../src/digest/sentence/sentence.ts'

const title = 'Kite: A Model of Wind'
const abstract = 'Wind is hard. In this paper, we introduce Kite, a model of wind. It flies in 98% of cases.'
const found = 'We introduce Kite, a model of wind.'

describe('sentenceOf', () => {
  it('is the summary of the source where that says something', () => {
    const summary = 'Kite models wind well enough to fly.'
    expect(sentenceOf({ title, abstract, summary })).toBe(summary)
    const chinese = '风筝是一个风的模型，可以飞行。'
    expect(sentenceOf({ title, abstract, summary: chinese })).toBe(chinese)
  })

  it.each([
    ['missing', ''],
    ['of five words', 'Kite models wind very well.'],
    ['in capitals', 'KITE MODELS WIND WELL ENOUGH TO FLY.'],
    ['cut short by the source', 'Kite models wind well enough to fly, and…'],
    ['the beginning of the abstract, as it once was stored', 'Wind is hard. In this paper, we introduce…'],
  ])('is the sentence of the abstract where the summary is %s', (_why, summary) => {
    expect(sentenceOf({ title, abstract, summary })).toBe(found)
  })

  it.each([
    ['Introduces a model of wind that flies', 'This paper introduces a model of wind that flies.'],
    ['Analyzes how kites behave in high wind.', 'This paper analyzes how kites behave in high wind.'],
    ['Studies show that kites fly in high wind.', 'Studies show that kites fly in high wind.'],
    ['Reports of kites in high wind are few.', 'Reports of kites in high wind are few.'],
    ['Kites fly in any wind that blows', 'Kites fly in any wind that blows.'],
  ])('makes %j a sentence', (summary, sentence) => {
    expect(sentenceOf({ title, abstract, summary })).toBe(sentence)
  })

  it('cuts a summary that no card has room for where a clause ends', () => {
    const summary = `Kite models wind well enough to fly in ${'very '.repeat(50)}high air, which nobody expected of ${'such '.repeat(20)}a kite`
    expect(sentenceOf({ title, abstract, summary })).toBe(
      `Kite models wind well enough to fly in ${'very '.repeat(50)}high air.`,
    )
  })

  it('reads LaTeX out first, and is a short summary rather than nothing', () => {
    expect(sentenceOf({ title, abstract: 'We introduce $\\pi_0$, a model of the wind.', summary: '' })).toBe(
      'We introduce π₀, a model of the wind.',
    )
    expect(sentenceOf({ title, abstract: '', summary: 'Kite flies.' })).toBe('Kite flies.')
    expect(sentenceOf({ title, abstract: '', summary: '' })).toBe('')
  })
})
