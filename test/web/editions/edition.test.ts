import { describe, expect, it } from 'vitest'
import { cutoffOf } from '../../../src/edition/edition.ts'
import { ensureEdition, markState } from '../../../src/edition/store.ts'
import { insertCollection } from '../../../src/source/store.ts'
import { makePaper, makePlace } from '../../support/places.ts'
import { freezeEdition } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()

/** Keeps a look at a date that found papers with these votes. */
async function look(date: string, votes: number[]): Promise<number> {
  const { db } = web.round
  const { id } = await ensureEdition(db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })
  const listings = votes.map((upvotes, index) => {
    const paper = makePaper({ id: `${date.slice(2, 4)}${date.slice(5, 7)}.${date.slice(8)}${100 + index}` })
    return { paper, upvotes, comments: 0, submittedAt: null }
  })
  const found = { date, source: 'test', verdict: 'complete' as const, reason: null, listings, setAside: 0 }
  await db.transaction().execute((trx) => insertCollection(trx, found))
  return id
}

const page = async (path: string) => (await web.app.request(path)).text()
const titles = (html: string) => [...html.matchAll(/<h3[^>]*><a[^>]*>([^<]*)/g)].map(([, title]) => title)
const neighbours = (html: string) => [...html.matchAll(/rel="(prev|next)" href="([^"]*)"/g)].map(([, ...link]) => link)

describe('/editions/:date', () => {
  it('shows a frozen order with its neighbours, past dates that hold nothing', async () => {
    await freezeEdition(web.round, '2026-03-05')
    await freezeEdition(web.round, '2026-03-06')
    const id = await look('2026-03-07', [])
    await markState(web.round.db, id, { state: 'empty', reason: 'weekend' })
    await freezeEdition(web.round, '2026-03-09')
    const html = await page('/editions/2026-03-06')
    expect(html).toContain('<h1 id="date">Friday 6 March 2026</h1>')
    expect(titles(html)).toHaveLength(5)
    expect(neighbours(html)).toEqual([
      ['prev', '/editions/2026-03-05'],
      ['next', '/editions/2026-03-09'],
    ])
    expect(neighbours(await page('/editions/2026-03-05'))).toEqual([['next', '/editions/2026-03-06']])
  })

  it.each([
    ['open', null, 'Still voting', 'Votes count until Fri 6 March, 00:30 UTC.'],
    ['held', '1 paper on a working day', 'Still voting', 'The order is not fixed yet. 1 paper on a working day.'],
    ['empty', 'weekend', 'Weekend', 'On Saturdays and Sundays nothing new is listed.'],
    ['empty', 'source', 'No papers', 'The source listed no papers for this date.'],
  ] as const)('says how it stands: %s (%s)', async (state, reason, chip, sentence) => {
    const id = await look('2026-03-05', state === 'empty' ? [] : [3, 8])
    await markState(web.round.db, id, { state, reason })
    const html = await page('/editions/2026-03-05')
    expect(html).toContain(`<span class="chip voting">${chip}</span>`)
    expect(html).toContain(sentence)
    expect(titles(html)).toEqual(state === 'empty' ? [] : ['Paper 2603.05101', 'Paper 2603.05100'])
  })

  it.each(['2026-99-99', '2026-02-30', '0000-00-00', '2026-3-5', 'today', '2026-03-05T00', '9999-12-31', '1969-01-01'])(
    'does not find %s',
    async (date) => {
      await freezeEdition(web.round, '2026-03-05')
      for (const path of [`/editions/${date}`, `/editions/${date}/weekly`]) {
        expect((await web.app.request(path)).status, path).toBe(404)
      }
    },
  )
})

describe('a frozen day', () => {
  it('shows votes then and now, and what was listed later', async () => {
    await freezeEdition(web.round, '2026-03-05', {
      places: [makePlace({ position: 1, upvotes: 24 }, { id: '2603.05100' }), makePlace({ position: 2, upvotes: 7 })],
    })
    await look('2026-03-05', [240, 31])
    const html = await page('/editions/2026-03-05')
    const counts = [...html.matchAll(/<p class="count">(.*?)<\/p>/g)].map(([, words]) => words?.replace(/<.*?>/g, ''))
    expect(counts[0]).toBe('24 votes when ranked · 240 now')
    expect(counts[1]).toMatch(/^7 votes when ranked and now/)
    expect(counts[2]).toBe('31 votes now')
    expect(html.indexOf('Listed later')).toBeLessThan(html.indexOf('id="paper-2603-05101"'))
    expect(html.match(/<li id="paper-/g)).toHaveLength(3)
    // An entry of the feed stays what it was.
    expect(await page('/feed.xml')).not.toContain('240')
  })

  it('shows every paper, however many', async () => {
    await look(
      '2026-03-05',
      Array.from({ length: 130 }, (_, index) => index),
    )
    expect((await page('/editions/2026-03-05')).match(/<li id="paper-/g)).toHaveLength(130)
  })
})

describe('/editions/:date/weekly', () => {
  it('shows the week that was frozen', async () => {
    await freezeEdition(web.round, '2026-03-08', { kind: 'weekly', places: [makePlace({ position: 1 })] })
    await look('2026-03-06', [4])
    const html = await page('/editions/2026-03-08/weekly')
    expect(html).toContain('<h1 id="date">Week to Sunday 8 March 2026</h1>')
    expect(html).not.toContain('class="chip voting"')
    expect(titles(html)).toEqual(['Paper 2603.00001'])
  })

  it('makes one of the votes of now where none was, and leads to the weeks around', async () => {
    for (const [date, votes] of [
      ['2026-02-26', [9]],
      ['2026-03-02', [4, 7]],
      ['2026-03-05', [5]],
      ['2026-03-12', [1]],
    ] as const) {
      await look(date, [...votes])
    }
    const html = await page('/editions/2026-03-05/weekly')
    expect(html).toContain('By current votes')
    expect(titles(html)).toEqual(['Paper 2603.02101', 'Paper 2603.05100', 'Paper 2603.02100'])
    expect(neighbours(html)).toEqual([
      ['prev', '/editions/2026-02-26/weekly'],
      ['next', '/editions/2026-03-12/weekly'],
    ])
    expect(html).toContain('href="/editions/2026-03-05"')
  })
})

describe('what a shared link shows', () => {
  it('is told with whole links of the public address only', async () => {
    await freezeEdition(web.round, '2026-03-05')
    const app = openApp(web, { publicUrl: 'https://example.org/papers' })
    const answer = await app.request('/editions/2026-03-05', { headers: { Host: 'evil.example' } })
    const html = await answer.text()
    const address = 'https://example.org/papers/editions/2026-03-05'
    expect(html).toContain(`<link rel="canonical" href="${address}">`)
    expect(html).toContain(`<meta property="og:url" content="${address}">`)
    expect(html).toContain('<meta property="og:type" content="article">')
    expect(html).toContain('<meta property="og:title" content="Thursday 5 March 2026">')
    expect(html).toMatch(/<meta property="og:description" content="5 papers, 485 votes\. First: Paper 2603\.05001 · /)
    expect(html).not.toContain('evil.example')
  })
})
