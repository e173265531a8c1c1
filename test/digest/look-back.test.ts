import { describe, expect, it } from 'vitest'
import { lookBack } from '../../src/digest/look-back.ts'
import { ensureEdition, markState } from '../../src/edition/store.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePlace } from '../support/places.ts'
import { freezeEdition, inventPlaces, type TestRound } from '../support/round.ts'

describe('lookBack', () => {
  let round: TestRound
  keepRound((kept) => {
    round = kept
  })
  const look = (choices: object, given: object = {}) =>
    lookBack(round.db, parseChoices(choices), { kind: 'daily', ...given })

  async function empty(date: string, state: 'empty' | 'held', reason: string) {
    const { id } = await ensureEdition(round.db, { date, kind: 'daily', cutoffAt: new Date(`${date}T00:30:00Z`) })
    await markState(round.db, id, { state, reason })
  }

  it('says what each edition would have brought, newest first, and why some would have brought nothing', async () => {
    await freezeEdition(round, '2026-03-05', {
      places: [makePlace({ position: 1, upvotes: 45 }), makePlace({ position: 2, upvotes: 5 })],
    })
    await freezeEdition(round, '2026-03-06', { places: inventPlaces('2026-03-06', 12) })
    await empty('2026-03-07', 'empty', 'weekend')
    await empty('2026-03-08', 'empty', 'source')
    await empty('2026-03-09', 'held', 'two papers on a working day')
    await ensureEdition(round.db, { date: '2026-03-10', kind: 'daily', cutoffAt: new Date('2026-03-11T00:30:00Z') })
    expect(await look({ minimumVotes: 50, papers: 2 })).toEqual([
      {
        date: '2026-03-09',
        state: 'held',
        papers: 0,
        titles: [],
        silence: 'It is held back: two papers on a working day.',
      },
      {
        date: '2026-03-08',
        state: 'empty',
        papers: 0,
        titles: [],
        silence: 'The source gave no papers, and the wait for it is over.',
      },
      { date: '2026-03-07', state: 'empty', papers: 0, titles: [], silence: 'No papers are listed on weekends.' },
      {
        date: '2026-03-06',
        state: 'frozen',
        papers: 2,
        titles: ['Paper 2603.06001', 'Paper 2603.06002'],
        silence: null,
      },
      {
        date: '2026-03-05',
        state: 'frozen',
        papers: 0,
        titles: [],
        silence: 'Nothing above your bar of 50 votes among its 2 papers; 1 near miss.',
      },
    ])
    expect(await look({}, { limit: 4 })).toHaveLength(4)
    expect(await look({}, { kind: 'weekly' })).toEqual([])
  })
  it('looks once for the same choices, and anew for others and for whatever became of an edition', async () => {
    await freezeEdition(round, '2026-03-05', { places: inventPlaces('2026-03-05', 3) })
    const [two, one] = [await look({ papers: 2 }), await look({ papers: 1 })]
    expect([two[0]?.papers, one[0]?.papers]).toEqual([2, 1])
    expect(await look({ papers: 2 })).toBe(two)
    const newest = async () => (await look({}, { limit: 1 }))[0]
    expect(await newest()).toMatchObject({ date: '2026-03-05' })
    await freezeEdition(round, '2026-03-06', { places: inventPlaces('2026-03-06', 3) })
    expect(await newest()).toMatchObject({ date: '2026-03-06' })
    await empty('2026-03-07', 'held', 'two papers')
    expect(await newest()).toMatchObject({ silence: 'It is held back: two papers.' })
    await empty('2026-03-07', 'held', 'source')
    expect(await newest()).toMatchObject({ silence: 'It is held back: source.' })
    await empty('2026-03-07', 'empty', 'source')
    expect(await newest()).toMatchObject({ state: 'empty', silence: expect.stringMatching(/^The source gave no/) })
  })

  it('brings a late riser once, and only where the paper was not there before; never papers for those who missed an edition', async () => {
    const first = inventPlaces('2026-03-05', 3)
    await freezeEdition(round, '2026-03-05', { places: first })
    const again = first
      .slice(1)
      .map((place, index) => ({ ...place, section: 'rising' as const, rank: index + 1, position: 3 + index }))
    const late = { ...(first[0] as (typeof first)[0]), section: 'late' as const, position: 5 }
    await freezeEdition(round, '2026-03-06', { places: [...inventPlaces('2026-03-06', 2), ...again, late] })
    const titles = async (papers: number) => (await look({ papers })).map((day) => day.titles.length)
    expect(await titles(10)).toEqual([2, 3])
    expect(await titles(2)).toEqual([3, 2])
  })
})
