import { describe, expect, it } from 'vitest'
import { cutoffOf } from '../../../src/edition/edition.ts'
import { ensureEdition, markFrozen, markState } from '../../../src/edition/store.ts'
import type { Listing, Paper } from '../../../src/source/paper.ts'
import { insertCollection } from '../../../src/source/store.ts'
import { makePaper, makePlace } from '../../support/places.ts'
import { freezeEdition } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()
const DATE = '2026-03-05'

/** Keeps one look at a date, as collecting does. */
async function look(date: string, listings: Listing[]): Promise<number> {
  const { db } = web.round
  const { id } = await ensureEdition(db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })
  const found = { date, source: 'test', verdict: 'complete' as const, reason: null, listings, setAside: 0 }
  await db.transaction().execute((trx) => insertCollection(trx, found))
  return id
}

function listing(id: string, upvotes: number, given: Partial<Paper> = {}, comments = 0): Listing {
  return { paper: makePaper({ id, ...given }), upvotes, comments, submittedAt: null }
}

const frontPage = async () => (await web.app.request('/')).text()
const titles = (html: string) => [...html.matchAll(/<h3[^>]*>(?:<a[^>]*>)?([^<]*)/g)].map(([, title]) => title)
const papersOf = (html: string) => html.slice(html.indexOf('<ol class="papers">'))

describe('before anything is collected', () => {
  it('says so, kindly', async () => {
    const html = await frontPage()
    expect(html).toContain('No papers yet')
    expect(html).toContain('fixed at 00:30 UTC')
  })

  it('names the cut-off that is set', async () => {
    expect(await (await openApp(web, { cutoffMinutes: 125 }).request('/')).text()).toContain('fixed at 02:05 UTC')
  })
})

describe('while a date is open', () => {
  it('ranks by the newest votes and says until when they count', async () => {
    await look(DATE, [listing('2603.00001', 9), listing('2603.00002', 5)])
    expect(titles(await frontPage())).toEqual(['Paper 2603.00001', 'Paper 2603.00002'])
    await look(DATE, [listing('2603.00001', 10), listing('2603.00002', 50, {}, 2), listing('2603.00003', 20)])
    const html = await frontPage()
    expect(titles(html)).toEqual(['Paper 2603.00002', 'Paper 2603.00003', 'Paper 2603.00001'])
    expect(html).toContain('<h2 id="date"><a href="/editions/2026-03-05">Thursday 5 March 2026</a></h2>')
    expect(html).toContain('3 papers, 80 votes')
    expect(html).toContain('Still voting')
    expect(html).toContain('Votes count until Fri 6 March, 00:30 UTC.')
    expect(html).toContain('<span><b>50 votes</b> so far</span> · <span>2 comments</span>')
  })

  it('comes before an older date that is frozen, unless it has no papers', async () => {
    await freezeEdition(web.round, '2026-03-04')
    await look(DATE, [])
    expect(await frontPage()).toContain('Wednesday 4 March 2026')
    await look(DATE, [listing('2603.00001', 1)])
    expect(await frontPage()).toContain('Thursday 5 March 2026')
  })

  it('gives the reason when it is held', async () => {
    const id = await look(DATE, [listing('2603.00001', 9)])
    await markState(web.round.db, id, { state: 'held', reason: '1 paper on a working day, at least 3 expected' })
    const html = await frontPage()
    expect(html).toContain('Still voting')
    expect(html).toContain('The order is not fixed yet. 1 paper on a working day, at least 3 expected.')
  })
})

describe('once a date is frozen', () => {
  it('keeps its order, whatever the votes do', async () => {
    await freezeEdition(web.round, DATE)
    await look(DATE, [listing('2603.05005', 5_000)])
    const html = await frontPage()
    expect(titles(html)).toEqual([1, 2, 3, 4, 5].map((number) => `Paper 2603.0500${number}`))
    expect(html).not.toContain('Still voting')
    expect(html).toContain('when ranked</span> · <span><b>5,000 now</b></span>')
  })

  it('leads to the day before it', async () => {
    await freezeEdition(web.round, '2026-03-03')
    await freezeEdition(web.round, DATE)
    expect(await frontPage()).toContain('rel="prev" href="/editions/2026-03-03"')
  })

  it('leaves late risers to the digests', async () => {
    const riser = makePlace({ position: 2, section: 'rising', listedOn: '2026-03-04' }, { title: 'A late riser' })
    await freezeEdition(web.round, DATE, { places: [makePlace({ position: 1 }), riser] })
    expect(titles(await frontPage())).toEqual(['Paper 2603.00001'])
  })

  it('is not confused by weekly editions', async () => {
    await freezeEdition(web.round, '2026-03-08', { kind: 'weekly' })
    expect(await frontPage()).toContain('No papers yet')
  })

  it('says when papers may be missing', async () => {
    const id = await look(DATE, [listing('2603.00001', 9)])
    const place = makePlace({ position: 1 }, { id: '2603.00001' })
    await web.round.db.transaction().execute((trx) => markFrozen(trx, id, [place], true))
    expect(await frontPage()).toContain('it may lack papers')
  })
})

describe('a paper', () => {
  it('shows authors, house, summary and its links', async () => {
    const given = {
      authors: ['A', 'B', 'C', 'D', 'E'],
      organization: 'The House',
      summary: 'It says what is new and why.',
      codeUrl: 'https://github.com/x/y',
      codeStars: 1204,
    }
    await look(DATE, [listing('2603.00001', 9, given)])
    const html = await frontPage()
    expect(html).toContain('A, B, C et al. · The House')
    expect(html).toContain('It says what is new and why.')
    const links = [...papersOf(html).matchAll(/href="(https:[^"]*)"/g)].map(([, link]) => link)
    expect(links).toEqual([
      'https://arxiv.org/abs/2603.00001',
      'https://arxiv.org/pdf/2603.00001',
      'https://huggingface.co/papers/2603.00001',
      'https://github.com/x/y',
    ])
  })

  it('has no links without a valid id', async () => {
    await look(DATE, [listing('title:x', 0, { arxivId: null, authors: [], summary: '' })])
    const html = await frontPage()
    expect(titles(html)).toEqual(['Paper title:x'])
    expect(papersOf(html)).not.toMatch(/href="https?:/)
    // A source that gives none has nothing to say of them.
    expect(papersOf(html)).not.toMatch(/votes? (so far|now|when)/)
  })

  it('is escaped whole, template marks included', async () => {
    const evil = '<img src=x onerror=alert(1)>"\'&{{base}} $&'
    await look(DATE, [listing('2603.00001', 9, { title: evil, summary: evil, authors: [evil], organization: evil })])
    const html = await frontPage()
    expect(html).not.toContain('<img')
    expect(html.match(/&lt;img src/g)?.length).toBeGreaterThanOrEqual(4)
    expect(html).toContain('{{base}} $&amp;')
  })
})
