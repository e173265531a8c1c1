import { describe, expect, it } from 'vitest'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { readTopics } from '../../../src/digest/topics/topics.ts'
import type { Paper } from '../../../src/source/paper.ts'
import { makePlace } from '../../support/places.ts'

const topics = readTopics()
const indexOf = (...papers: Partial<Paper>[]) =>
  indexPlaces(
    papers.map((paper, at) =>
      makePlace({ position: at + 1 }, { title: 'Untitled', abstract: '', summary: '', ...paper }),
    ),
    topics,
  )
/** Which of the papers a topic is found in, and where. */
const fieldsOf = (index: ReturnType<typeof indexOf>, phrase: string) =>
  index.places.map((_, at) => index.findTopic(phrase)[at]?.field ?? null)

describe('findTopic', () => {
  it('finds whole words in title, keywords and abstract; the first of these counts', () => {
    const index = indexOf(
      { title: 'Diffusion for All', abstract: 'On diffusion.' },
      { keywords: ['image diffusion'], abstract: 'On diffusion.' },
      { abstract: 'We compare with diffusion.' },
      { title: 'Nothing of the Kind' },
    )
    expect(fieldsOf(index, 'diffusion')).toEqual(['title', 'keywords', 'abstract', null])
  })
  it('never finds a topic inside a longer word, nor across two keywords', () => {
    const index = indexOf({ title: 'Organs on a Chip' }, { title: 'Training GANs' }, { keywords: ['world', 'models'] })
    expect(fieldsOf(index, 'gan')).toEqual([null, 'title', null])
    expect(fieldsOf(index, 'world model')).toEqual([null, null, null])
  })
  it('finds other names of the topic, and says which', () => {
    const index = indexOf({ title: 'Scaling Large Language Models' })
    expect(index.findTopic('LLMs')[0]).toEqual({ field: 'title', name: 'large language model' })
    expect(index.findTopic('scaled')[0]).toEqual({ field: 'title', name: 'scaled' })
  })
  it('reads LaTeX and accents as mails print them', () => {
    const index = indexOf({ title: 'Schr\\"odinger Bridges with $\\pi_0$' })
    expect(fieldsOf(index, 'schrodinger bridge')).toEqual(['title'])
  })
  it('finds nothing for signs or for a paper without words', () => {
    expect(fieldsOf(indexOf({ title: '…' }), '--')).toEqual([null])
  })
})

describe('findAuthor and findOrganisation', () => {
  const index = indexOf(
    { authors: ['Geoffrey E. Hinton', 'Yann LeCun'], organization: 'Google DeepMind' },
    { authors: ['Kaiming He', 'Jürgen Müller'], organization: 'deepseek-ai' },
    { authors: ['Anna Kaiming', 'Hector Zhang'], organization: null },
  )
  const at = (found: readonly unknown[]) => [...found.keys()].filter((key) => found[key])
  it('finds a name whole or by whole words, whatever its case, accents, order and initials', () => {
    expect(at(index.findAuthor('geoffrey hinton'))).toEqual([0])
    expect(at(index.findAuthor('Geoffrey E. Hinton'))).toEqual([0])
    expect(at(index.findAuthor('LeCun'))).toEqual([0])
    expect(at(index.findAuthor('He, Kaiming'))).toEqual([1])
    expect(at(index.findAuthor('Jurgen Muller'))).toEqual([1])
  })
  it('never joins two names', () => {
    expect(at(index.findAuthor('He Jürgen'))).toEqual([])
    expect(at(index.findAuthor('Kaiming Hector'))).toEqual([])
  })
  it('finds an organisation by its whole words', () => {
    expect(at(index.findOrganisation('DeepMind'))).toEqual([0])
    expect(at(index.findOrganisation('DeepSeek AI'))).toEqual([1])
    expect(at(index.findOrganisation('mind'))).toEqual([])
  })
})
