import { expect, it } from 'vitest'
import { lengthInWords, openPace } from '../../src/commands/pace.ts'

it('tells rate and time left from the last seconds', () => {
  const pace = openPace()
  expect(pace(0, 6_000, 0)).toBe('')
  expect(pace(500, 5_500, 5_000)).toBe('6,000 a minute, 55 seconds left')
  expect(pace(500, 5_500, 10_000)).toBe('3,000 a minute, 110 seconds left')
  // What was fast long ago does not count any more.
  expect(pace(600, 5_400, 25_000)).toBe('400 a minute, 14 minutes left')
  expect(pace(600, 5_400, 60_000)).toBe('')
})

it.each([
  [0, '1 second'],
  [59_000, '59 seconds'],
  [88_000, '88 seconds'],
  [120_000, '2 minutes'],
  [59.6 * 60_000, '1 hour'],
  [2 * 3_600_000 + 5 * 60_000, '2 hours 5 minutes'],
])('%i ms is %s', (ms, words) => expect(lengthInWords(ms)).toBe(words))
