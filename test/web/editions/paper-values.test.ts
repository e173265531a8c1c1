import { describe, expect, it } from 'vitest'
import { cleanText } from '../../../src/digest/text/text.ts'
import { collect } from '../../../src/jobs/collect.ts'
import { anchorOf, paperFacts, voteValues } from '../../../src/web/editions/paper-values.ts'
import { makePaper } from '../../support/places.ts'
import { openListedSource } from '../../support/round.ts'
import { seedListings, seedRows } from '../../support/seed-page.ts'
import { keepWeb } from '../open-app.ts'

const web = keepWeb()
const DATE = '2025-08-08'

describe.skipIf(seedRows === undefined)('the page that this project was made for, as a source without votes', () => {
  it('comes out as it lists its papers: title, abstract, number of authors, date and comments', async () => {
    await collect({ ...web.round, source: openListedSource({ [DATE]: seedListings ?? [] }) }, DATE)
    const html = await (await web.app.request(`/editions/${DATE}`)).text()
    const shown = new Map(html.split('<li id="').map((item) => [/<h3[^>]*>(.*?)<\/h3>/.exec(item)?.[1] ?? '', item]))
    const rows = seedRows ?? []
    expect(rows).toHaveLength(36)
    expect(shown.size).toBe(37)
    for (const [index, { title, numAuthors, date, comments }] of rows.entries()) {
      const abstract = seedListings?.[index]?.paper.abstract ?? ''
      expect(abstract !== '', title).toBe(rows[index]?.abstract !== null)
      const item = shown.get(escaped(cleanText(title))) ?? ''
      if (abstract) expect(item).toContain(`<p dir="auto">${escaped(cleanText(abstract))}</p>`)
      expect(/(\d+) authors?/.exec(item)?.[1] ?? null, title).toBe(numAuthors === null ? null : String(numAuthors))
      const on = /datetime="([^"]*)"/.exec(item)?.[1]
      expect(on ?? null, title).toBe(date === null ? null : new Date(`${date} UTC`).toISOString().slice(0, 10))
      expect(/(\d+) comments?/.exec(item)?.[1] ?? '0', title).toBe(String(comments ?? 0))
      expect(item).not.toMatch(/votes? (so far|now|when)/)
    }
    expect(shown.get('Enhancing Visual Planning with Auxiliary Tasks and Multi-token Prediction')).toContain(
      '<p class="byline">7 authors · <time datetime="2025-07-20">20 July 2025</time></p>',
    )
  })
})

describe('a paper', () => {
  it('stands where a link can lead to', () => {
    expect(anchorOf({ id: '2603.00001' })).toBe('paper-2603-00001')
    expect(anchorOf({ id: 'cs/0112017' })).toBe('paper-cs-0112017')
    expect(anchorOf({ id: 'title:all you need' })).toMatch(/^paper-[0-9a-f]{12}$/)
  })

  it('has as many authors as are named, else as many as the source counts', () => {
    const of = (given: object) => paperFacts(makePaper({ id: '2603.00001', ...given })).authors
    expect(of({ authors: ['Ada'], authorCount: null })).toBe('1 author')
    expect(of({ authors: [], authorCount: 7 })).toBe('7 authors')
    expect(of({ authors: [], authorCount: null })).toBe('')
  })
})

describe('votes', () => {
  it('say when they were counted', () => {
    const say = (...given: Parameters<typeof voteValues>) => {
      const { votes, votesWhen, votesNow } = voteValues(...given)
      return [votes, votesWhen, votesNow].filter(Boolean).join(' ')
    }
    const now = { upvotes: 1_240, comments: 0 }
    expect(say(24, now)).toBe('24 votes when ranked 1,240 now')
    expect(say(1_240, now)).toBe('1,240 votes when ranked and now')
    expect(say(null, now)).toBe('1,240 votes now')
    expect(say(null, now, true)).toBe('1,240 votes so far')
  })
})

function escaped(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#x27;',
    '=': '&#x3D;',
    '`': '&#x60;',
  }
  return text.replace(/[&<>"'=`]/g, (sign) => entities[sign] as string)
}
