import { describe, expect, it } from 'vitest'
import type { EditionDate, Source } from '../../../src/source/paper.ts'
import { isAnyStored, openEditions, outlookFromSample } from '../../../src/web/preview/editions.ts'
import { freezeEdition, inventPlaces, openListedSource } from '../../support/round.ts'
import { keepWeb } from '../open-app.ts'

const web = keepWeb()
const DATE = '2026-03-05'

/** A source that lists one paper under every date and counts how often it is asked. */
function openCounting(asked: EditionDate[], fails = 0): Source {
  return {
    name: 'counting',
    async read(date) {
      asked.push(date)
      if (asked.length <= fails) throw new Error('it does not answer')
      const listings = inventPlaces(date, 3).map(({ paper, upvotes, comments }) => {
        return { paper, upvotes, comments, submittedAt: null }
      })
      return openListedSource({ [date]: listings }).read(date)
    },
  }
}

describe('openEditions', () => {
  it('prefers what is stored and asks nobody for it', async () => {
    const asked: EditionDate[] = []
    await freezeEdition(web.round, DATE)
    const editions = openEditions({ db: web.round.db, source: openCounting(asked), sample: false })
    const { outlook, origin } = await editions.getOutlook(DATE, 'daily')
    expect([outlook.state, outlook.places.length, origin]).toEqual(['frozen', 5, 'stored, frozen'])
    expect(await editions.listDates('daily')).toEqual([DATE])
    expect(await editions.listDates('weekly')).toEqual([])
    expect(asked).toEqual([])
  })

  it('asks the source once a date, however often the page is loaded, and again after a failure', async () => {
    const asked: EditionDate[] = []
    const editions = openEditions({ db: undefined, source: openCounting(asked, 1), sample: false })
    await expect(editions.getOutlook(DATE, 'daily')).rejects.toThrow('it does not answer')
    const [one, two] = await Promise.all([editions.getOutlook(DATE, 'daily'), editions.getOutlook(DATE, 'daily')])
    expect(one.outlook.places).toHaveLength(3)
    expect(one.origin).toMatch(/^read from counting at \d\d:\d\d UTC$/)
    expect(two).toBe(one)
    expect(asked).toEqual([DATE, DATE])
  })

  it('shows the sample days only where nothing else was named', async () => {
    const asked: EditionDate[] = []
    const sample = openEditions({ db: undefined, source: openCounting(asked), sample: true })
    expect(await sample.listDates('daily')).toEqual(['2025-08-07', '2025-08-08'])
    expect(await sample.listDates('weekly')).toEqual(['2025-08-08'])
    expect((await sample.getOutlook('2025-08-08', 'daily')).origin).toBe('sample day')
    expect((await sample.getOutlook('2025-08-10', 'weekly')).origin).toBe('sample day')
    expect(asked).toEqual([])
    expect((await sample.getOutlook(DATE, 'daily')).origin).toMatch(/^read from counting/)
    const named = openEditions({ db: undefined, source: openCounting(asked), sample: false })
    expect(await named.listDates('daily')).toEqual([])
    expect((await named.getOutlook('2025-08-08', 'daily')).origin).toMatch(/^read from counting/)
  })

  it('tells whether anything is stored', async () => {
    expect(await isAnyStored(web.round.db)).toBe(false)
    await freezeEdition(web.round, DATE)
    expect(await isAnyStored(web.round.db)).toBe(true)
  })
})

describe('outlookFromSample', () => {
  it('gives the second day what rose on the first one since', async () => {
    const { places } = await outlookFromSample('2025-08-08', 'daily')
    expect(places.map(({ position }) => position)).toEqual(places.map((_, index) => index + 1))
    const rising = places.filter(({ section }) => section === 'rising')
    expect(rising.length).toBeGreaterThan(0)
    for (const { listedOn, rank, reason } of rising) {
      expect(listedOn).toBe('2025-08-07')
      expect(rank).toBeLessThanOrEqual(10)
      expect(reason).toMatch(/2025-08-07/)
    }
    expect(new Set(places.map(({ paper }) => paper.id)).size).toBe(places.length)
  })

  it('has no risers on the first day, and both days in the week', async () => {
    const first = await outlookFromSample('2025-08-07', 'daily')
    expect(first.places.every(({ section }) => section === 'ranked')).toBe(true)
    const week = await outlookFromSample('2025-08-08', 'weekly')
    expect(new Set(week.places.map(({ listedOn }) => listedOn))).toEqual(new Set(['2025-08-07', '2025-08-08']))
  })
})
