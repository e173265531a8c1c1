import { describe, expect, it } from 'vitest'
import { hostLinks, ownLink, paperLinks } from '../../../src/digest/piece/links.ts'

const paper = (arxivId: string | null, codeUrl: string | null = null, projectUrl: string | null = null) => ({
  arxivId,
  codeUrl,
  projectUrl,
})

describe('paperLinks', () => {
  it('rebuilds the three pages of a paper from its id', () => {
    expect(paperLinks(paper('2603.04379'))).toEqual({
      paper: 'https://arxiv.org/abs/2603.04379',
      pdf: 'https://arxiv.org/pdf/2603.04379',
      discussion: 'https://huggingface.co/papers/2603.04379',
      code: null,
      project: null,
    })
    expect(paperLinks(paper('hep-th/9901001'))?.paper).toBe('https://arxiv.org/abs/hep-th/9901001')
  })

  it.each([null, '', 'title:something', '2603.04379"><b>', '2603.04379\n', '../2603.04379', '260.1'])(
    'links nothing for the id %j',
    (id) => {
      expect(paperLinks(paper(id, 'https://github.com/a/b'))).toBeUndefined()
    },
  )

  it.each(['javascript:alert(1)', 'http://github.com/a/b', 'https://u:p@github.com/a', 'nonsense'])(
    'refuses the code link %s',
    (link) => {
      expect(paperLinks(paper('2603.04379', link, link))).toMatchObject({ code: null, project: null })
    },
  )

  it('leads once to a place that is repository and project page at the same time', () => {
    for (const project of [
      'https://github.com/a/b',
      'https://www.github.com/A/b.git',
      'https://github.com/a/b/#readme',
    ])
      expect(paperLinks(paper('2603.04379', 'https://github.com/a/b', project))?.project).toBeNull()
    const page = 'https://github.com/a/b/wiki'
    expect(paperLinks(paper('2603.04379', 'https://github.com/a/b', page))?.project).toBe(page)
  })

  it('spells other links as a browser would read them', () => {
    expect(paperLinks(paper('2603.04379', 'https://github.com/a/b"c', 'https://ex.example/é'))).toMatchObject({
      code: 'https://github.com/a/b%22c',
      project: 'https://ex.example/%C3%A9',
    })
  })
})

describe('hostLinks', () => {
  it('marks the slots of personal tokens and no others', () => {
    expect(hostLinks('https://papers.example.org')).toEqual({
      front: 'https://papers.example.org/',
      archive: 'https://papers.example.org/editions',
      unsubscribe: 'https://papers.example.org/unsubscribe/\u0001unsubscribe\u0002',
      view: 'https://papers.example.org/view/\u0001view\u0002',
      preferences: 'https://papers.example.org/preferences/\u0001preferences\u0002',
    })
  })
})

describe('ownLink', () => {
  it('leads to a page of one reader, and carries nothing that a link could not', () => {
    expect(ownLink('https://papers.example.org', 'confirm', 'a_-9')).toBe('https://papers.example.org/confirm/a_-9')
    for (const token of ['', 'a/b', 'a?b', 'ä', '../x']) {
      expect(() => ownLink('https://papers.example.org', 'erase', token)).toThrow(/token/)
    }
  })
})
