// Papers made from what a source stated, among them a page that has neither ids nor votes.
import { describe, expect, it } from 'vitest'
import { instantOf, paperFrom, paperIdOf } from '../../src/source/outside-paper.ts'
import { seedListings } from '../support/seed-page.ts'

describe('paperFrom', () => {
  it('cleans every field and leaves out what it cannot trust', () => {
    const paper = paperFrom({
      arxivId: '2508.00001v2',
      title: 'A\u202e Title\n  in two lines',
      abstract: 'First sentence. Second sentence.',
      authors: ['Ada\u200b Lovelace', '\u0000', ' Emmy  Noether ', 'GLM-4. 5 Team', 'Sand. ai', 'J. G. van Dam'],
      organization: ' ',
      keywords: ['agents', 'agents', 'sheep'],
      codeUrl: 'https://github.com/a/b/tree/main',
      codeStars: 7,
      projectUrl: 'http://project.ai',
      publishedAt: '2025-08-06T02:38:18.000Z',
      withdrawnAt: 'yesterday',
    })
    expect(paper).toEqual({
      id: '2508.00001',
      arxivId: '2508.00001',
      title: 'A Title in two lines',
      abstract: 'First sentence. Second sentence.',
      summary: '',
      authors: ['Ada Lovelace', 'Emmy Noether', 'GLM-4.5 Team', 'Sand.ai', 'J. G. van Dam'],
      authorCount: null,
      organization: null,
      keywords: ['agents', 'sheep'],
      codeUrl: 'https://github.com/a/b',
      codeStars: 7,
      projectUrl: null,
      publishedAt: '2025-08-06T02:38:18.000Z',
      withdrawnAt: null,
    })
  })

  it('is null when no title is left', () => {
    expect(paperFrom({ title: ' \u200b\n' })).toBeNull()
  })

  it('caps titles at 300 and abstracts at 6,000 graphemes', () => {
    const paper = paperFrom({ title: 'word '.repeat(200), abstract: 'word '.repeat(1300) })
    expect(paper?.title).toMatch(/word…$/)
    expect(paper?.title.length).toBeLessThanOrEqual(300)
    expect(paper?.abstract).toMatch(/word…$/)
    expect(paper?.abstract.length).toBeLessThanOrEqual(6000)
    expect(paper?.abstract.length).toBeGreaterThan(5990)
    const whole = 'word '.repeat(1100).trim()
    expect(paperFrom({ title: 'Title', abstract: whole })?.abstract).toBe(whole)
  })
})

describe('paperIdOf', () => {
  it('is the arXiv id where that is valid', () => {
    expect(paperIdOf('2508.04026v1', 'Any Title')).toBe('2508.04026')
  })

  it('is the plain title otherwise, the same for any spelling of dashes, quotes, case and width', () => {
    expect(paperIdOf(null, 'Self–Attention:  “All” You Need?')).toBe('title:self attention all you need')
    expect(paperIdOf('no id', 'SELF-ATTENTION "all" you ｎｅｅｄ')).toBe('title:self attention all you need')
  })

  it('falls back on the title itself when it has no letters', () => {
    expect(paperIdOf(null, '🐑 + 🐑')).toBe('title:🐑 + 🐑')
  })
})

describe('instantOf', () => {
  it.each([
    ['2025-08-07T02:06:19.798Z', '2025-08-07T02:06:19.798Z'],
    ['2025-08-07T02:06:19', '2025-08-07T02:06:19.000Z'],
    ['2025-08-07T01:00:00+02:00', '2025-08-06T23:00:00.000Z'],
    ['2025-08-07', '2025-08-07T00:00:00.000Z'],
    ['2025-13-07T00:00:00Z', null],
    ['07/08/2025', null],
    ['', null],
    [undefined, null],
  ])('of %j is %j', (text, expected) => {
    expect(instantOf(text)).toBe(expected)
  })
})

describe.skipIf(!seedListings)('the page without ids and votes', () => {
  const listings = seedListings ?? []

  it('gives all 36 papers, each with a key of its own', () => {
    expect(listings).toHaveLength(36)
    expect(new Set(listings.map((listing) => listing.paper.id)).size).toBe(36)
    for (const { paper, upvotes } of listings) {
      expect(paper.id).toMatch(/^title:[\p{L}\p{N}]/u)
      expect(paper.arxivId).toBeNull()
      expect(paper.authors).toEqual([])
      expect(upvotes).toBe(0)
      expect(paper.summary).toBe('')
      expect(paper.abstract).toMatch(/[.!?]$/)
    }
  })

  it('keeps the one paper that has neither authors nor date', () => {
    const bare = listings.filter((listing) => listing.paper.publishedAt === null)
    expect(bare.map((listing) => listing.paper.title)).toEqual([
      'Thinking Sparks!: Emergent Attention Heads in Reasoning Models During Post Training',
    ])
    expect(bare[0]?.comments).toBe(0)
  })
})
