import { expect, it } from 'vitest'
import { rampLines, shareLines, slowHostLines } from '../../src/commands/good-name.ts'
import { sharesOf } from '../../src/delivery/sending/good-name.ts'

it('says which day of a ramp it is and what is left', () => {
  const ramp = { domain: 'papers.example', day: 3, of: 5, begun: true, readers: 1_000, left: 120 }
  expect(rampLines(ramp)).toEqual(['papers.example is new: day 3 of 5 of its ramp, 120 of 1,000 readers left today.'])
  expect(rampLines({ ...ramp, begun: false, left: 1_000 })).toEqual([
    'papers.example is new: day 3 of 5 of its ramp, 1,000 readers once it sends.',
  ])
  expect(rampLines(null)).toEqual([])
})

it('holds the last days against what providers ask, and says what is too little to judge', () => {
  const day = (sent: number) => [{ day: '2026-03-05', sent, complaints: 1, bounces: 30 }]
  expect(shareLines([sharesOf(day(12_340), 7), sharesOf([], 30)])).toEqual([
    'Within 7 days: 12,340 emails sent, 1 complaint (0.01 %; stay under 0.1 %, never reach 0.3 %), 30 hard bounces (0.24 %; stay under 2 %).',
  ])
  expect(shareLines([sharesOf(day(999), 7)])).toEqual([
    'Within 7 days: 999 emails sent, 1 complaint, 30 hard bounces. Fewer than 1,000 are not judged.',
  ])
})

it('names a host that asked for less, with its own words', () => {
  const since = new Date('2026-03-05T07:04:00Z')
  expect(slowHostLines([{ host: 'big.example', perMinute: 29.6, since, reason: '421 4.7.28 too many' }])).toEqual([
    'big.example gets 30 emails a minute, more as time goes by: on 2026-03-05 07:04 UTC it said "421 4.7.28 too many".',
  ])
})
