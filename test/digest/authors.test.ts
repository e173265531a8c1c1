import { describe, expect, it } from 'vitest'
import { authorLine, firstAuthors } from '../../src/digest/authors.ts'

describe('authors', () => {
  it('names three authors and counts the rest', () => {
    expect(authorLine([])).toBe('')
    expect(authorLine(['A', 'B', 'C'])).toBe('A, B, C')
    expect(authorLine(Array.from({ length: 3303 }, (_, index) => `N${index}`))).toBe('N0, N1, N2\u00a0+\u00a03,300')
    expect(authorLine(['A', 'B', 'C'], 1)).toBe('A\u00a0+\u00a02')
  })

  it('keeps names that run from right to left apart from what stands beside them', () => {
    const names = ['دانا (Dana)', 'Ada', 'דוד']
    expect(authorLine(names, 2)).toBe('\u2068دانا (Dana)\u2069, Ada\u00a0+\u00a01')
    expect(firstAuthors(names)).toBe('\u2068دانا (Dana)\u2069, Ada, \u2068דוד\u2069')
  })
})
