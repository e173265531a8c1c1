import { describe, expect, it } from 'vitest'
import { ensureEdition } from '../../../src/edition/store.ts'
import { freezeEdition } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()

describe('/sitemap.xml', () => {
  it('lists the front page, the archive and what is frozen and not empty', async () => {
    await freezeEdition(web.round, '2026-03-05')
    await freezeEdition(web.round, '2026-03-08', { kind: 'weekly' })
    await freezeEdition(web.round, '2026-03-09', { places: [] })
    await ensureEdition(web.round.db, { date: '2026-03-10', kind: 'daily', cutoffAt: new Date() })
    const answer = await openApp(web, { publicUrl: 'https://example.org/papers' }).request('/sitemap.xml')
    expect(answer.headers.get('Content-Type')).toBe('application/xml; charset=utf-8')
    const body = await answer.text()
    expect(body).not.toContain('lastmod')
    expect([...body.matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, place]) => place)).toEqual([
      'https://example.org/papers/',
      'https://example.org/papers/editions',
      'https://example.org/papers/editions/2026-03-08/weekly',
      'https://example.org/papers/editions/2026-03-05',
    ])
  })
})

describe('/robots.txt', () => {
  it('names the sitemap and keeps crawlers from links with tokens', async () => {
    const body = await (await openApp(web, { publicUrl: 'https://example.org/papers' }).request('/robots.txt')).text()
    for (const path of ['/view/', '/unsubscribe/', '/preferences', '/feed/', '/confirm/', '/erase/', '/editions?q=']) {
      expect(body).toContain(`Disallow: /papers${path}\n`)
    }
    expect(body).toMatch(/\nSitemap: https:\/\/example\.org\/papers\/sitemap\.xml\n$/)
    expect(body).not.toMatch(/Disallow: \/papers\/(feed\.|editions$)/m)
  })
})
