import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PreviewChoice, queryOf, readChoice } from '../../../src/web/preview/choice.ts'

const START: PreviewChoice = {
  date: '2026-03-05',
  kind: 'weekly',
  subscriber: 'ada@example.org',
  length: undefined,
  missed: false,
}

describe('readChoice', () => {
  it('keeps what the command said where the address says nothing, or nonsense', () => {
    expect(readChoice({}, START)).toEqual(START)
    expect(readChoice({ date: '2026-02-30', kind: 'hourly' }, START)).toEqual(START)
    expect(readChoice({ date: '' }, START).date).toBe('2026-03-05')
  })

  it('takes an empty field for the default', () => {
    expect(readChoice({ subscriber: '', length: '' }, { ...START, length: 'full' })).toEqual({
      ...START,
      subscriber: '',
      length: undefined,
    })
  })

  it('reads back every query that it makes', () => {
    fc.assert(
      fc.property(
        fc.record({
          date: fc.constantFrom(undefined, '2026-03-06', '2024-02-29'),
          kind: fc.constantFrom('daily' as const, 'weekly' as const),
          subscriber: fc.constantFrom('', 'bob+a&b=c@example.org'),
          length: fc.constantFrom(undefined, 'titles' as const, 'full' as const),
          missed: fc.boolean(),
        }),
        (choice) => {
          const query = Object.fromEntries(new URLSearchParams(queryOf(choice)))
          expect(readChoice(query, { ...START, date: undefined, length: 'short' })).toEqual(choice)
        },
      ),
    )
  })
})
