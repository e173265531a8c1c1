import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS, limitInWords, readLimits } from '../../../src/delivery/alarm/limits.ts'

describe('readLimits', () => {
  it('keeps the default of whatever is not named', () => {
    expect(readLimits('slow=30m, rejected=50,source=1d')).toEqual({
      ...DEFAULT_LIMITS,
      slow: 1_800_000,
      rejected: 50,
      source: 86_400_000,
    })
  })

  it.each([
    ['slowly=3m', 'names no alarm with a limit: "slowly" (there are unfrozen, unsent,'],
    ['slow=30', 'has no duration such as 30m or 2h for slow'],
    ['slow=0m', 'has no duration'],
    ['rejected=many', 'has no number for rejected'],
    ['rejected', 'has no number for rejected'],
    ['slow=3m,', 'names no alarm with a limit: ""'],
    ['constructor=1', 'names no alarm with a limit: "constructor"'],
  ])('says what is wrong with %s', (text, words) => {
    expect(readLimits(text)).toContain(words)
  })
})

it('says a limit as people do', () => {
  expect([60_000, 120_000, 3_600_000, 5_400_000, 10_800_000].map(limitInWords)).toEqual([
    'a minute',
    '2 minutes',
    'an hour',
    '90 minutes',
    '3 hours',
  ])
})
