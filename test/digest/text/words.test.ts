import { describe, expect, it } from 'vitest'
import { brieflyCounted, counted, longDate, shortDate, together } from '../../../src/digest/text/words.ts'

describe('words', () => {
  it('says dates and numbers as people do', () => {
    expect(shortDate('2026-03-05')).toBe('Thu 5 March')
    expect(longDate('2024-02-29')).toBe('Thursday 29 February 2024')
    expect([0, 1, 999, 1204, 1_234_567].map((count) => counted(count, 'vote'))).toEqual([
      '0 votes',
      '1 vote',
      '999 votes',
      '1,204 votes',
      '1,234,567 votes',
    ])
    expect([7, 999, 1000, 1249, 9949, 9950, 12_345].map(brieflyCounted)).toEqual([
      '7',
      '999',
      '1k',
      '1.2k',
      '9.9k',
      '10k',
      '12k',
    ])
  })

  it('keeps numbers beside what they count', () => {
    expect(together('24 → 240 votes since Thursday')).toBe('24\u00a0→\u00a0240\u00a0votes since Thursday')
    expect(together('1 comment, ★ 12k, GPT 4 agents')).toBe('1\u00a0comment, ★\u00a012k, GPT 4 agents')
  })
})
