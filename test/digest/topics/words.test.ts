import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldWords, stemWords } from '../../../src/digest/topics/words.ts'

describe('stemWords', () => {
  it.each([
    ['models modelling modelled modeling Model', 'model'],
    ['LLM LLMs', 'llm'],
    ['train training trained trains', 'train'],
    ['plan planning planned plans', 'plan'],
    ['tune tuning tuned', 'tune'],
    ['sample sampling sampled samples', 'sampl'],
    ['generate generation generating generated', 'generat'],
    ['quantize quantization quantised quantisation quantizing', 'quantiz'],
    ['policy policies', 'policy'],
    ['behaviour behavior behaviours', 'behavior'],
    ['biases bias biased', 'bias'],
    ['embeddings embedding embed', 'embed'],
    ['matrix matrices', 'matrix'],
  ])('brings the forms of a word together: %s', (forms, stem) => {
    expect(new Set(stemWords(forms).trim().split(' '))).toEqual(new Set([stem]))
  })
  it.each([
    'care car',
    'plane plan',
    'organ gan',
    'string str',
    'speed sp',
    'need ne',
    'transformer transform',
    'species specie',
  ])('keeps other words apart: %s', (words) => {
    expect(new Set(stemWords(words).trim().split(' ')).size).toBe(2)
  })
  it('takes hyphens and other signs for spaces, and keeps the signs that name a language', () => {
    expect(stemWords('Text-to-Image (T2I) generation: GPT‑4o')).toBe(' text to image t2i generat gpt 4o ')
    expect(stemWords('C++, C# and C')).toBe(' c++ c# and c ')
  })
  it('takes a version off the name that it is grown to', () => {
    expect(stemWords('Qwen3 Qwen2.5-VL Gemma3n GPT4s')).toBe(' qwen 3 qwen 2 5 vl gemma 3n gpt 4 ')
    expect(stemWords('CIFAR10')).toBe(stemWords('CIFAR-10'))
    expect(stemWords('R1 H100 text2image')).toBe(' r1 h100 text2image ')
  })
})

describe('foldWords', () => {
  it('folds case, accents and letters of another shape', () => {
    expect(foldWords('Jürgen SCHMIDHUBER, Søren Łukasz Straße')).toBe(' jurgen schmidhuber soren lukasz strasse ')
    expect(foldWords('ﬁne Ｄｉｆｆｕｓｉｏｎ')).toBe(' fine diffusion ')
  })
  it('takes each character of a script without spaces for a word, so that a phrase is found inside a run', () => {
    expect(foldWords('基于扩散模型的方法')).toContain(foldWords('扩散模型'))
  })
  it('is empty for a text without words', () => {
    expect(foldWords(' – … ')).toBe(' ')
    expect(stemWords('')).toBe(' ')
  })
  it('is stable, and made of words between single spaces, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const once = foldWords(text)
        expect(foldWords(once)).toBe(once)
        expect(once).toMatch(/^ (?:\S+ )*$/)
        expect(stemWords(text)).toMatch(/^ (?:\S+ )*$/)
      }),
    )
  })
})
