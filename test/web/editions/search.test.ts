import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { cutoffOf } from '../../../src/edition/edition.ts'
import { MATCH } from '../../../src/edition/search.ts'
import { ensureEdition } from '../../../src/edition/store.ts'
import { insertCollection } from '../../../src/source/store.ts'
import { isFull } from '../../support/full.ts'
import { makePaper } from '../../support/places.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()
const DATE = '2026-03-05'
const PAPERS = [
  {
    id: '2603.00001',
    title: 'Diffusing videos',
    abstract: 'Nothing else.',
    summary: 'It paints every frame of a film with noise.',
  },
  {
    id: '2603.00002',
    title: 'Something else',
    abstract: `${'Long before that. '.repeat(30)}A video diffuses $\\alpha$.`,
  },
  {
    id: '2603.00003',
    title: 'Agents & "tools" < 3 steps',
    abstract: '<script>alert(1)</script> agents plan <i>tools</i>.',
  },
]

beforeEach(async () => {
  const { db } = web.round
  await ensureEdition(db, { date: DATE, kind: 'daily', cutoffAt: cutoffOf(DATE, 30) })
  const listings = PAPERS.map((paper) => ({ paper: makePaper(paper), upvotes: 1, comments: 0, submittedAt: null }))
  const look = { date: DATE, source: 'test', verdict: 'complete' as const, reason: null, listings, setAside: 0 }
  await db.transaction().execute((trx) => insertCollection(trx, look))
})

const search = async (words: string) => (await web.app.request(`/editions?q=${encodeURIComponent(words)}`)).text()
const found = (html: string) =>
  [...html.matchAll(/<h2[^>]*><a href="[^"]*#paper-([\d-]+)"/g)].map(([, id]) => id?.replace('-', '.'))

describe('searching', () => {
  it('finds word forms in titles before those in abstracts, and leads to their date', async () => {
    const html = await search('video diffusion')
    expect(found(html)).toEqual(['2603.00001', '2603.00002'])
    expect(html).toContain('2 papers found.')
    expect(html).toContain('<mark>Diffusing</mark> <mark>videos</mark>')
    expect(html).toContain('A <mark>video</mark> <mark>diffuses</mark> α')
    expect(html).toContain('<a href="/editions/2026-03-05#paper-2603-00001">Papers of Thursday 5 March 2026')
  })

  it('says what a paper is about where its abstract has none of the words', async () => {
    const html = await search('diffusing videos')
    expect(html).toContain('<p class="summary" dir="auto">It paints every frame of a film with noise.</p>')
    expect(html).not.toContain('<p class="summary" dir="auto">Nothing else.')
    expect(await search('nothing else')).toContain('<mark>Nothing</mark>')
  })

  it('says how many have all of the words where others follow them', async () => {
    expect(await search('agents plan tools elsewhere')).toContain('No paper has all of these words. 1 paper with some')
    const html = await search('diffusing videos with noise')
    expect(html).toContain('2 papers found, the first one with all of these words.')
    expect(found(html)).toEqual(['2603.00001', '2603.00002'])
  })

  it('takes phrases and exclusions', async () => {
    expect(found(await search('"video diffuses"'))).toEqual(['2603.00002'])
    expect(found(await search('video -nothing'))).toEqual(['2603.00002'])
    expect(found(await search('agents or videos')).sort()).toEqual(PAPERS.map(({ id }) => id))
  })

  it('prints what it found as text', async () => {
    const html = await search('agents tools')
    expect(html).not.toMatch(/<i>|<script>alert/)
    expect(html).toContain('<mark>Agents</mark> &amp; &quot;<mark>tools</mark>&quot; &lt; 3')
  })

  it('shows again what was typed, as text, and says when nothing is found', async () => {
    const html = await search('"><script>{{base}}</script>')
    expect(html).toContain('value="&quot;&gt;&lt;script&gt;{{base}}&lt;/script&gt;"')
    expect(html).toContain('Nothing found')
    expect(await search('the of and')).toContain('Nothing found')
  })

  it('is not for an index, and without words it is the archive', async () => {
    const answer = await web.app.request('/editions?q=video')
    expect(answer.headers.get('X-Robots-Tag')).toBe('noindex')
    expect(await search('  ')).toContain('<h1>March 2026</h1>')
  })

  it('turns pages', async () => {
    const { db } = web.round
    const listings = Array.from({ length: 45 }, (_, index) => ({
      paper: makePaper({ id: `2603.1${String(index).padStart(4, '0')}`, title: 'Robots' }),
      upvotes: 1,
      comments: 0,
      submittedAt: null,
    }))
    const look = { date: DATE, source: 'test', verdict: 'complete' as const, reason: null, listings, setAside: 0 }
    await db.transaction().execute((trx) => insertCollection(trx, look))
    const pages = await Promise.all(
      [1, 2, 3, 4].map(async (page) => (await web.app.request(`/editions?q=robots&page=${page}`)).text()),
    )
    expect(pages.map((html) => found(html).length)).toEqual([20, 20, 5, 0])
    expect(new Set(pages.flatMap(found)).size).toBe(45)
    expect(pages[1]).toContain('21–40 of 45 papers found.')
    expect(pages[2]).not.toContain('rel="next"')
    expect(pages[3]).toContain('There is nothing more.')
  })

  it('says of very many that they are, and of what took too long that it did', async () => {
    const { db } = web.round
    const listings = Array.from({ length: 1_010 }, (_, index) => ({
      paper: makePaper({ id: `2603.2${String(index).padStart(4, '0')}`, title: 'Robots' }),
      ...{ upvotes: 1, comments: 0, submittedAt: null },
    }))
    const look = { date: DATE, source: 'test', verdict: 'complete' as const, reason: null, listings, setAside: 0 }
    await db.transaction().execute((trx) => insertCollection(trx, look))
    const last = await (await web.app.request('/editions?q=robots&page=50')).text()
    expect(last).toContain('981–1000 of the best 1,000 among very many. Add a word to narrow them down.')
    expect(last).not.toContain('rel="next"')
    const late = db.withPlugin({
      transformQuery: () => {
        throw Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' })
      },
      transformResult: async ({ result }) => result,
    })
    const answer = await openApp(web, { db: late }).request('/editions?q=robots')
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain(
      'This search took too long. Try more telling words, or put a phrase in quotes.',
    )
  })

  it('answers whatever is typed', async () => {
    const typed = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({
        unit: fc.constantFrom('"', "'", '(', ')', '&', '|', '!', ':', '*', '-', '\\', ' ', 'or', 'x', '\0'),
      }),
      fc.constantFrom(
        'x'.repeat(5_000),
        '-'.repeat(200),
        '"'.repeat(199),
        '😀'.repeat(150),
        '\ud800',
        '%00',
        MATCH.start,
      ),
    )
    await fc.assert(
      fc.asyncProperty(typed, fc.string({ maxLength: 5 }), async (words, page) => {
        const query = new URLSearchParams({ q: words, page })
        const answer = await web.app.request(`/editions?${query}`)
        expect(answer.status).toBe(200)
      }),
      { numRuns: isFull ? 2_000 : 60 },
    )
  }, 120_000)
})
