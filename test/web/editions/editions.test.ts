import { describe, expect, it } from 'vitest'
import { cutoffOf } from '../../../src/edition/edition.ts'
import { ensureEdition, markState } from '../../../src/edition/store.ts'
import { freezeEdition } from '../../support/round.ts'
import { keepWeb } from '../open-app.ts'

const web = keepWeb()
const page = async (path: string) => (await web.app.request(path)).text()

async function emptyDay(date: string): Promise<void> {
  const { id } = await ensureEdition(web.round.db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })
  await markState(web.round.db, id, { state: 'empty', reason: 'weekend' })
}

describe('/editions', () => {
  it('says so before there is one', async () => {
    expect(await page('/editions')).toContain('No editions yet')
  })

  it('shows the newest month, newest date first, with what stood first', async () => {
    await freezeEdition(web.round, '2026-02-27')
    await freezeEdition(web.round, '2026-03-06')
    await freezeEdition(web.round, '2026-03-08', { kind: 'weekly' })
    await emptyDay('2026-03-08')
    await ensureEdition(web.round.db, { date: '2026-03-09', kind: 'daily', cutoffAt: cutoffOf('2026-03-09', 30) })
    const html = await page('/editions')
    expect(html).toContain('<h1>March 2026</h1>')
    expect([...html.matchAll(/<h2><a href="([^"]*)">/g)].map(([, path]) => path)).toEqual([
      '/editions/2026-03-09',
      '/editions/2026-03-08',
      '/editions/2026-03-06',
    ])
    expect(html).toContain('Still voting')
    expect(html).toContain('Weekend')
    expect(html).toContain('href="/editions/2026-03-08/weekly"')
    expect(html).toContain('Paper 2603.06001')
    expect(html).toContain('5 papers')
    expect(html).toMatch(/rel="prev" href="\/editions\?month&#x3D;2026-02"/)
    expect(html).not.toContain('rel="next"')
  })

  it('leads past months without editions', async () => {
    await freezeEdition(web.round, '2025-11-27')
    await freezeEdition(web.round, '2026-03-06')
    expect(await page('/editions?month=2025-11')).toMatch(/rel="next" href="\/editions\?month&#x3D;2026-03"/)
    expect((await web.app.request('/editions?month=2026-01')).status).toBe(404)
  })

  it.each(['2026-13', '2026-00', 'x', '', '2026-03-01', '99999-01', "2026-03'--"])(
    'does not find the month %s',
    async (month) => {
      expect((await web.app.request(`/editions?month=${encodeURIComponent(month)}`)).status).toBe(404)
    },
  )
})
