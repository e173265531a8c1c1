import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitSentences } from '../../../src/digest/text/sentences.ts'
import { runs } from '../../support/full.ts'

describe('splitSentences', () => {
  it.each([
    ['a full stop, a question, a call', ['We count sheep.', 'Do they sleep?', 'They do!', 'It works.']],
    ['quotes and brackets that close behind the stop', ['They call it "done."', '(We do not.)', 'We count.']],
    ['a name of its own spelling', ['Robots learn.', 'π₀ learns faster.', 'dLLM decoding helps.', 'wav2vec listens.']],
    ['a sentence that begins with a number', ['Meshes are hard.', '3D content is harder.', '(2) We mesh.']],
    ['a sign at the end', ['It reaches 81.4%.', 'It costs $5.', '$5 is little.']],
    ['an address before the stop', ['Code is at https://example.org/a.b/?q=x.y.', 'We count.']],
    ['an address that ends the text', ['We count.', 'Code: https://example.org/a.']],
    ['a list that ends in etc.', ['It needs rain, snow, etc.', 'We count.']],
    ['Ideographic stops', ['我们提出新方法。', '结果很好！', '代码已公开。']],
    ['no end at all', ['We count sheep']],
  ])('ends at %s', (_name, sentences) => {
    expect(splitSentences(sentences.join(/\p{Script=Han}/u.test(sentences[0] ?? '') ? '' : ' '))).toEqual(sentences)
  })

  it.each([
    'Earlier work (e.g. Smith et al. 2024) by Jones et al. Counts goats.',
    'Reinforcement learning, a.k.a. Trial and error, i.e. Practice, is slow w.r.t. Time.',
    'A gain of 3.5 points on v2.0 tasks and of .5 on others, ca. 5 % or approx. 6.',
    'J. R. Smith, Dr. Jones and St. Petersburg meet in the U.S. Senate, cf. Fig. 3, Eq. (4) and Sec. 5.',
    'PSNR of 26.6 vs. NeRFiller (15.9) from Jan. 2025 on.',
    'We ask "Can models count?" and find that they wait... and do not.',
    'It holds in a bracket (one. Two. Three, it says) as well.',
    'Models from OpenAI Inc. China and A.I. Labs count sheep.',
    'The tool Next.js at arXiv.org is no end, nor is Node.JS or x.We.',
    '1. Count the sheep.',
    'b. Count the goats.',
  ])('does not end inside %j', (sentence) => {
    expect(splitSentences(sentence)).toEqual([sentence])
  })

  it('takes milliseconds and machine translation for no titles', () => {
    expect(splitSentences('It takes 30 ms. We count goats in MT. This helps Ms. Jones on Mt. Everest.')).toEqual([
      'It takes 30 ms.',
      'We count goats in MT.',
      'This helps Ms. Jones on Mt. Everest.',
    ])
  })

  it('ends before an address that stands behind a sentence', () => {
    expect(splitSentences('We count sheep. https://example.org/sheep')).toEqual([
      'We count sheep.',
      'https://example.org/sheep',
    ])
  })

  it('ends at an abbreviation only where the next sentence plainly begins', () => {
    expect(splitSentences('It follows Smith et al. We count goats in the U.S. However, sheep win.')).toEqual([
      'It follows Smith et al.',
      'We count goats in the U.S.',
      'However, sheep win.',
    ])
    expect(splitSentences('We see vitamin C. In mice, it helps.')).toEqual(['We see vitamin C.', 'In mice, it helps.'])
  })

  it('ends at a full stop that lost its space', () => {
    expect(splitSentences('It beats UI-1.5.To show more, we count models.We win (a lot).The end.')).toEqual([
      'It beats UI-1.5.',
      'To show more, we count models.',
      'We win (a lot).',
      'The end.',
    ])
  })

  it('ends inside a bracket that never closes', () => {
    expect(splitSentences('It is (open. We go on. And on.')).toEqual(['It is (open.', 'We go on.', 'And on.'])
  })

  it('has nothing of an empty text', () => {
    expect(splitSentences('')).toEqual([])
  })

  it('keeps every character but the spaces between sentences', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('. ', '.', '! ', '? We', 'et al. ', 'e.g. ', '(', ') ', '"', '3.5', 'U.S. ', '。', '… ', 'We '),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const text = parts.join('')
        const sentences = splitSentences(text)
        expect(sentences.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''))
        for (const sentence of sentences) expect(sentence).not.toMatch(/^\s|^$|\s$/)
      }),
      { numRuns: runs(1_000) },
    )
  })
})
