// The guard's verdicts, rule by rule.
import { describe, expect, it } from 'vitest'
import { isSmall, isSmallDay, isWeekend, judge, normOf } from '../../src/source/guard.ts'
import { paperFrom } from '../../src/source/outside-paper.ts'
import type { Answer, Listing } from '../../src/source/paper.ts'

const THURSDAY = '2025-08-07'
const SATURDAY = '2025-08-09'
const SUNDAY = '2025-08-10'

type Rows = Extract<Answer, { kind: 'rows' }>

function listing(index: number): Listing {
  const paper = paperFrom({ arxivId: `2508.${String(index).padStart(5, '0')}`, title: `Paper ${index}` })
  if (paper === null) throw new Error('the test made a paper without a title')
  return { paper, upvotes: index, comments: 0, submittedAt: null }
}

function answer(count: number, more: Partial<Rows> = {}): Answer {
  const listings = Array.from({ length: count }, (_, index) => listing(index))
  return { kind: 'rows', listings, setAside: [], length: count, otherDates: {}, ended: true, ...more }
}

describe('judge', () => {
  it.each([
    ['three papers on a working day', answer(3), THURSDAY, null],
    ['exactly a quarter of the norm', answer(5), THURSDAY, 20],
    ['few papers on a Saturday', answer(1), SATURDAY, 20],
    ['few papers on a Sunday', answer(2), SUNDAY, 20],
    ['fifty papers whose end was seen', answer(50), THURSDAY, 20],
    ['a list with a minority of other dates', answer(8, { length: 12, otherDates: { '2025-08-06': 4 } }), THURSDAY, 20],
    ['a list with some unreadable rows', answer(8, { length: 9, setAside: [{ index: 3, reason: 'x' }] }), THURSDAY, 20],
  ])('finds %s complete', (_name, given, date, norm) => {
    expect(judge(given, date, norm)).toEqual({ kind: 'complete' })
  })

  it.each([
    ['two papers', answer(2), null, '2 papers on a working day, at least 3 expected'],
    ['one paper', answer(1), null, '1 paper on a working day, at least 3 expected'],
    ['an empty list', answer(0), null, 'No papers on a working day, at least 3 expected'],
    ['a missing file', { kind: 'missing' } as const, null, 'No papers on a working day, at least 3 expected'],
    ['under a quarter of the norm', answer(4), 20, '4 papers, under a quarter of the usual 20'],
    ['exactly 50', answer(50, { ended: false }), null, 'The list ends at exactly 50 rows: it looks cut'],
    ['exactly 100', answer(100, { ended: false }), null, 'The list ends at exactly 100 rows: it looks cut'],
    [
      'a majority of other dates',
      answer(5, { length: 50, otherDates: { '2025-08-05': 20, '2025-08-06': 25 }, ended: false }),
      null,
      '45 of 50 rows belong to other dates',
    ],
  ])('holds %s on a working day', (_name, given, norm, reason) => {
    expect(judge(given, THURSDAY, norm)).toEqual({ kind: 'held', reason })
  })

  it('finds an empty or missing weekend empty', () => {
    expect(judge(answer(0), SATURDAY, 20)).toEqual({ kind: 'empty', reason: 'weekend' })
    expect(judge({ kind: 'missing' }, SUNDAY, 20)).toEqual({ kind: 'empty', reason: 'weekend' })
  })

  it('holds a weekend whose list looks cut or belongs to other dates', () => {
    expect(judge(answer(50, { ended: false }), SATURDAY, null).kind).toBe('held')
    expect(judge(answer(0, { length: 9, otherDates: { '2025-08-08': 9 } }), SATURDAY, null).kind).toBe('held')
  })

  it('passes a refusal on, and refuses a list of which nothing could be read', () => {
    expect(judge({ kind: 'refused', reason: 'The answer is not JSON' }, SATURDAY, null)).toEqual({
      kind: 'refused',
      reason: 'The answer is not JSON',
    })
    const setAside = [{ index: 0, reason: 'The row holds no paper' }]
    expect(judge(answer(0, { length: 1, setAside }), SATURDAY, null)).toEqual({
      kind: 'refused',
      reason: 'None of 1 row could be read: The row holds no paper',
    })
  })

  it('does not call a weekend empty when nothing there was readable', () => {
    const given = answer(0, { length: 2, setAside: [{ index: 0, reason: 'x' }], otherDates: { '2025-08-08': 1 } })
    expect(judge(given, SATURDAY, null).kind).toBe('held')
  })
})

describe('normOf', () => {
  it('is unknown before ten days are', () => {
    expect(normOf([])).toBeNull()
    expect(normOf([20, 20, 20, 20, 20, 20, 20, 20, 20, 0, 0])).toBeNull()
  })

  it('is the median of the days known, without the empty ones', () => {
    expect(normOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toBe(5.5)
    expect(normOf([0, 30, 10, 20, 10, 20, 30, 10, 20, 30, 20, 0, 500])).toBe(20)
  })

  it('looks at the newest twenty only', () => {
    expect(normOf([...Array<number>(20).fill(10), ...Array<number>(40).fill(90)])).toBe(10)
  })
})

describe('isWeekend', () => {
  it('is Saturday and Sunday in UTC', () => {
    const week = ['2025-08-04', '2025-08-05', '2025-08-06', '2025-08-07', '2025-08-08', SATURDAY, SUNDAY]
    expect(week.filter(isWeekend)).toEqual([SATURDAY, SUNDAY])
  })
})

describe('a small day', () => {
  const cutoffAt = new Date('2025-12-26T00:30:00Z')
  const look = (minutes: number, ids: string[], small = true) => ({
    at: new Date(cutoffAt.getTime() + minutes * 60_000),
    small,
    ids,
  })

  it('is an answer that nothing but its number speaks against', () => {
    expect(isSmall(answer(2), THURSDAY)).toBe(true)
    expect(isSmall(answer(0), THURSDAY)).toBe(false)
    expect(isSmall(answer(3), THURSDAY)).toBe(false)
    expect(isSmall(answer(2), SATURDAY)).toBe(false)
    expect(isSmall(answer(2, { ended: false }), THURSDAY)).toBe(false)
    expect(isSmall(answer(2, { length: 6, otherDates: { '2025-08-06': 4 } }), THURSDAY)).toBe(false)
    expect(isSmall({ kind: 'missing' }, THURSDAY)).toBe(false)
  })
  it('is told by two equal looks, both after the cut-off and three hours apart', () => {
    expect(isSmallDay([look(180, ['b', 'a']), look(0, ['a', 'b'])], cutoffAt, 2)).toBe(true)
    expect(isSmallDay([look(179, ['a', 'b']), look(0, ['a', 'b'])], cutoffAt, 2)).toBe(false)
    expect(isSmallDay([look(170, ['a']), look(-20, ['a'])], cutoffAt, 1)).toBe(false)
    expect(isSmallDay([look(300, ['a'])], cutoffAt, 1)).toBe(false)
  })
  it('is not told by looks that found others, between or ever', () => {
    expect(isSmallDay([look(200, ['a']), look(100, ['b']), look(0, ['a'])], cutoffAt, 1)).toBe(false)
    expect(isSmallDay([look(200, ['a']), look(100, []), look(0, ['a'])], cutoffAt, 1)).toBe(true)
    expect(isSmallDay([look(200, []), look(0, [])], cutoffAt, 0)).toBe(false)
    expect(isSmallDay([look(200, ['a']), look(0, ['a'], false)], cutoffAt, 1)).toBe(false)
    expect(isSmallDay([look(200, ['a']), look(0, ['a'])], cutoffAt, 3)).toBe(false)
  })
})
