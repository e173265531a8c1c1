import { describe, expect, it } from 'vitest'
import { insertCollection } from '../../../src/source/store.ts'
import { makePlace } from '../../support/places.ts'
import { freezeEdition } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()

describe.each(['/feed.xml', '/feed.json'])('%s', (path) => {
  it('holds the frozen daily editions, newest first, with whole links', async () => {
    await freezeEdition(web.round, '2026-03-05')
    await freezeEdition(web.round, '2026-03-06', { places: [makePlace({ position: 1 }, { title: 'A <b> & "c"' })] })
    await freezeEdition(web.round, '2026-03-08', { kind: 'weekly' })
    const app = openApp(web, { publicUrl: 'https://example.org/papers' })
    const answer = await app.request(path, { headers: { Host: 'evil.example' } })
    const body = await answer.text()
    const found = [...body.matchAll(/https:\/\/example\.org\/papers\/editions\/([\w/-]+)/g)].map(([, each]) => each)
    expect([...new Set(found)]).toEqual(['2026-03-06', '2026-03-05'])
    expect(body).toContain('https://arxiv.org/abs/2603.05001')
    expect(body).toContain(path === '/feed.xml' ? 'A &amp;lt;b&amp;gt; &amp;amp;' : 'A &lt;b&gt; &amp;')
    expect(body).not.toContain('evil')
    // Neither readers in browsers nor those of others are kept out.
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*')
  })

  it('is answered with 304 until something new is frozen', async () => {
    await freezeEdition(web.round, '2026-03-05', { hoursAgo: 5 })
    const first = await web.app.request(path)
    const tag = first.headers.get('ETag') as string
    const modified = first.headers.get('Last-Modified') as string
    expect(first.headers.get('Cache-Control')).toBe('public, max-age=600')
    const ask = async (headers: Record<string, string>) => (await web.app.request(path, { headers })).status
    expect(await ask({ 'If-None-Match': tag })).toBe(304)
    expect(await ask({ 'If-None-Match': `"other", ${tag.slice(2)}` })).toBe(304)
    expect(await ask({ 'If-Modified-Since': modified })).toBe(304)
    expect(await ask({ 'If-None-Match': '"other"', 'If-Modified-Since': modified })).toBe(200)
    await freezeEdition(web.round, '2026-03-06')
    expect(await ask({ 'If-None-Match': tag })).toBe(200)
    expect(await ask({ 'If-Modified-Since': modified })).toBe(200)
    expect(await ask({ 'If-Modified-Since': 'yesterday' })).toBe(200)
  })

  it('keeps an entry as it froze, whatever is mended at the source', async () => {
    const { date, places } = { date: '2026-03-05', places: [makePlace({ position: 1 })] }
    await freezeEdition(web.round, date, { places })
    const first = await web.app.request(path)
    const listings = places.map(({ paper }) => {
      return { paper: { ...paper, title: 'A mended title' }, upvotes: 900, comments: 7, submittedAt: null }
    })
    const look = { date, source: 'test', verdict: 'complete' as const, reason: null, listings, setAside: 0 }
    await web.round.db.transaction().execute((trx) => insertCollection(trx, look))
    expect(await (await web.app.request(`/editions/${date}`)).text()).toContain('A mended title')
    const later = await web.app.request(path)
    expect([later.headers.get('ETag'), await later.text()]).toEqual([first.headers.get('ETag'), await first.text()])
  })

  it('is a feed before there is an edition, with its media type', async () => {
    const answer = await web.app.request(path)
    const type = path === '/feed.xml' ? 'application/atom+xml' : 'application/feed+json'
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, `${type}; charset=utf-8`])
    expect(answer.headers.get('Last-Modified')).toBeNull()
  })
})
