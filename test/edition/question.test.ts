import { expect, it } from 'vitest'
import { readQuestion } from '../../src/edition/question.ts'

const idIn = (typed: string) => readQuestion(typed, (phrase) => [{ name: phrase }]).arxivId

it.each([
  '2608.19880',
  ' arXiv:2608.19880v2',
  'arXiv:2608.19880v1 [cs.LG]',
  'arXiv 2608.19880',
  'arXiv:2608.19880V1',
  'https://doi.org/10.48550/arXiv.2608.19880',
  'https://arxiv.org/abs/2608.19880/',
  'https://arxiv.org/abs/2608.19880v1?utm_source=letter',
  'https://arxiv.org/abs/2608.19880.',
  'export.arxiv.org/abs/2608.19880',
  'https://browse.arxiv.org/pdf/2608.19880.pdf',
  'https://arxiv.org/html/2608.19880v1#S3',
  'https://huggingface.co/papers/2608.19880?x=1',
  'https://huggingface.co/papers/2608.19880#community',
  'hf.co/papers/2608.19880',
  '2608.19880,',
  '(2608.19880)',
  'paper 2608.19880',
  '[2608.19880] Sheep, 3.5 Years Later',
  'as 2613.19880 is none, 2608.19880',
])('an arXiv id is found in %s', (typed) => {
  expect(idIn(typed)).toBe('2608.19880')
})

it.each([
  ['cs/0112017', 'cs/0112017'],
  ['https://arxiv.org/abs/cs/0112017v1', 'cs/0112017'],
  ['https://doi.org/10.48550/arXiv.cs/0112017', 'cs/0112017'],
  ['arXiv:math.GT/0309136', 'math.GT/0309136'],
  ['https://doi.org/10.48550/arXiv.math.GT/0309136', 'math.GT/0309136'],
  ['Hep-th/9901001 [hep-th]', 'hep-th/9901001'],
])('so is one of the older scheme in %s', (typed, id) => {
  expect(idIn(typed)).toBe(id)
})

it.each([
  'sheep 3.14 and grass',
  '12608.19880',
  '2608.198801',
  '1.2608.19880',
  '2608.19880.5',
  '2608.19880v1234',
  '2613.19880',
  'cs/01120171',
  // A minus asks for papers without it.
  '-2608.19880',
  'sheep -2608.19880',
])('none is found in %s', (typed) => {
  expect(idIn(typed)).toBeNull()
})
