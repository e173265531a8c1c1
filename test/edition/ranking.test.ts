import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Contender, findRisers, ordinal, rankPapers } from '../../src/edition/ranking.ts'

function contender(id: string, upvotes: number, comments = 0, submittedAt: string | null = null): Contender {
  return { paper: { id }, upvotes, comments, submittedAt }
}

const ids = (ranked: { paper: { id: string } }[]) => ranked.map((entry) => entry.paper.id)

/** Few distinct values, so that ties of every depth are common. */
const contenders = fc
  .uniqueArray(
    fc.record({
      id: fc.stringMatching(/^25\d{2}\.0000\d$/),
      upvotes: fc.integer({ min: 0, max: 3 }),
      comments: fc.integer({ min: 0, max: 2 }),
      submittedAt: fc.constantFrom(null, '2025-08-07T01:00:00Z', '2025-08-07T02:00:00Z'),
    }),
    { selector: (entry) => entry.id, maxLength: 30 },
  )
  .map((list) => list.map(({ id, ...rest }): Contender => ({ paper: { id }, ...rest })))

describe('rankPapers', () => {
  it('orders by votes, then comments, then later listing with unknown last, then id', () => {
    const ranked = rankPapers([
      contender('f', 1, 0, null),
      contender('e', 1, 0, null),
      contender('d', 1, 0, '2025-08-07T02:00:00Z'),
      contender('c', 1, 0, '2025-08-07T01:00:00Z'),
      contender('b', 1, 5),
      contender('a', 2),
    ])
    expect(ids(ranked)).toEqual(['a', 'b', 'd', 'c', 'e', 'f'])
    expect(ranked.map((entry) => entry.rank)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('says in words what decided each place', () => {
    const reasons = rankPapers([
      contender('a', 9),
      contender('b', 4, 2),
      contender('c', 4, 1, '2025-08-07T01:00:00Z'),
      contender('d', 4, 1),
      contender('e', 4, 1),
    ]).map((entry) => entry.reason)
    expect(reasons).toEqual([
      '1st of 5 by votes',
      '2nd of 5 by votes, 4 tied at 4: by comments',
      '3rd of 5 by votes, 4 tied at 4: by comments',
      '4th of 5 by votes, 4 tied at 4: by later listing',
      '5th of 5 by votes, 4 tied at 4: by id',
    ])
  })

  it('compares listing times as moments, not as text', () => {
    const ranked = rankPapers([
      contender('later', 1, 0, '2025-08-07T01:00:00Z'),
      contender('earlier', 1, 0, '2025-08-07T02:00:00+02:00'),
    ])
    expect(ids(ranked)).toEqual(['later', 'earlier'])
  })

  it('does not depend on the order of its input', () => {
    fc.assert(
      fc.property(contenders, fc.infiniteStream(fc.nat()), (list, keys) => {
        const shuffled = list.map((entry) => ({ entry, key: keys.next().value as number }))
        shuffled.sort((a, b) => a.key - b.key)
        expect(rankPapers(shuffled.map(({ entry }) => entry))).toEqual(rankPapers(list))
      }),
    )
  })

  it('is total: every paper has one place, places are 1 to n, and no place is worse than the next', () => {
    fc.assert(
      fc.property(contenders, (list) => {
        const ranked = rankPapers(list)
        expect(ids(ranked).sort()).toEqual(list.map((entry) => entry.paper.id).sort())
        expect(ranked.map((entry) => entry.rank)).toEqual(list.map((_, index) => index + 1))
        for (const [index, entry] of ranked.entries()) {
          const next = ranked[index + 1]
          expect(entry.upvotes).toBeGreaterThanOrEqual(next?.upvotes ?? 0)
          if (next?.upvotes === entry.upvotes) expect(entry.comments).toBeGreaterThanOrEqual(next.comments)
        }
      }),
    )
  })

  it('is stable: ranking what is ranked changes nothing', () => {
    fc.assert(
      fc.property(contenders, (list) => {
        expect(rankPapers(rankPapers(list))).toEqual(rankPapers(list))
      }),
    )
  })

  it('leaves its input as it was and ranks nothing as nothing', () => {
    const list = Object.freeze([contender('a', 1), contender('b', 2)])
    expect(ids(rankPapers(list))).toEqual(['b', 'a'])
    expect(rankPapers([])).toEqual([])
  })
})

describe('findRisers', () => {
  const day = (date: string, list: Contender[], frozen: Record<string, number>) => ({
    date,
    ranked: rankPapers(list),
    frozen: new Map(Object.entries(frozen).map(([id, rank]) => [id, { rank, upvotes: 70 }])),
  })

  it('takes papers of the first ten that were listed late, stand higher or have more votes, and no others', () => {
    const now = [contender('late', 90), contender('rose', 80), contender('same', 70), contender('fell', 60)]
    const deep = ['q', 'r', 's', 't', 'u', 'v', 'w'].map((id, index) => contender(id, 50 - index))
    const risers = findRisers([
      day('2025-08-07', [...now, ...deep], { rose: 11, same: 3, fell: 1, q: 5, r: 6, s: 7, t: 8 }),
    ])
    expect(risers.map(({ paper, rank, reason }) => [paper.id, rank, reason])).toEqual([
      ['late', 1, 'listed late on 2025-08-07, now 1st of 11'],
      ['rose', 2, 'up from 11th to 2nd of 11 since 2025-08-07'],
      ['u', 9, 'listed late on 2025-08-07, now 9th of 11'],
      ['v', 10, 'listed late on 2025-08-07, now 10th of 11'],
    ])
    expect(risers[1]).toMatchObject({ rankBefore: 11, upvotesBefore: 70 })
    expect(risers[0]).not.toHaveProperty('rankBefore')
  })

  it('takes a paper from beyond the first ten that came over a bar of some reader, listed or not', () => {
    const first = Array.from({ length: 10 }, (_, index) => contender(`a${index}`, 70))
    const frozen = { ...Object.fromEntries(first.map(({ paper }, index) => [paper.id, index + 1])), over: 11 }
    const early = day('2025-08-06', [...first, contender('over', 26), contender('late', 25), contender('few', 24)], {})
    const days = [
      {
        ...early,
        frozen: new Map(Object.entries(frozen).map(([id, rank]) => [id, { rank, upvotes: id === 'over' ? 24 : 70 }])),
      },
    ]
    const names = (bars: number[]) => findRisers(days, bars).map(({ paper, rank }) => [paper.id, rank])
    expect(names([])).toEqual([])
    expect(names([25])).toEqual([
      ['over', 11],
      ['late', 12],
    ])
    expect(names([24, 26])).toEqual([
      ['over', 11],
      ['late', 12],
      ['few', 13],
    ])
    expect(names([100])).toEqual([])
  })

  it('takes a paper of more votes at the same place: a reader’s bar may have waited for them', () => {
    const [riser] = findRisers([
      day('2025-08-07', [contender('grew', 90), contender('kept', 70)], { grew: 1, kept: 2 }),
    ])
    expect(riser).toMatchObject({ rank: 1, reason: 'up from 70 to 90 votes since 2025-08-07, now 1st of 2' })
    expect(findRisers([day('2025-08-07', [contender('kept', 70)], { kept: 1 })])).toEqual([])
  })

  it('puts the most votes first, then the better place and the newer date, and a paper of two dates once', () => {
    const risers = findRisers([
      day('2025-08-06', [contender('twice', 9), contender('old', 5)], {}),
      day('2025-08-07', [contender('new', 9), contender('twice', 5)], {}),
    ])
    expect(risers.map(({ paper, listedOn }) => [paper.id, listedOn])).toEqual([
      ['new', '2025-08-07'],
      ['twice', '2025-08-06'],
      ['old', '2025-08-06'],
    ])
  })
})

describe('ordinal', () => {
  it('knows the teens', () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111].map(ordinal)).toEqual([
      '1st',
      '2nd',
      '3rd',
      '4th',
      '11th',
      '12th',
      '13th',
      '21st',
      '22nd',
      '101st',
      '111th',
    ])
  })
})
