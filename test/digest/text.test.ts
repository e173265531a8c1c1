import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText, shorten, shortenToLength, shortTitle, wrapText } from '../../src/digest/text.ts'
import { authorLine, brieflyCounted, counted, longDate, shortDate } from '../../src/digest/words.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 200 })
const graphemesOf = (text: string) => [...new Intl.Segmenter('en').segment(text)].map(({ segment }) => segment)

describe('cleanText', () => {
  it('leaves nothing that steers a terminal, a direction or a slot', () => {
    expect(cleanText('a\u0001unsubscribe\u0002b \u202egnp\u202c\ufeff\r\n  c\u0000')).toBe('aunsubscribeb gnp c')
    fc.assert(
      fc.property(anyText, (text) => {
        expect(cleanText(text)).not.toMatch(/[\p{Cc}\p{Cs}\u202e]/u)
      }),
    )
  })

  it('keeps the joiners that names and emoji are written with', () => {
    expect(cleanText('👩\u200d🔬 می\u200cخواهم')).toBe('👩\u200d🔬 می\u200cخواهم')
  })
})

describe('shorten', () => {
  it('cuts at a word end and drops the punctuation left there', () => {
    expect(shorten('Scaling laws, revisited', 23)).toBe('Scaling laws, revisited')
    expect(shorten('Scaling laws, revisited', 16)).toBe('Scaling laws…')
    expect(shorten('Scaling laws revisited', 13)).toBe('Scaling laws…')
    expect(shorten('Supercalifragilistic', 6)).toBe('Super…')
  })

  it('never exceeds its limit and never splits a grapheme', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 80 }), (text, max) => {
        for (const [short, length] of [
          [shorten(text, max), (part: string) => graphemesOf(part).length],
          [shortenToLength(text, max), (part: string) => part.length],
        ] as const) {
          expect(length(short)).toBeLessThanOrEqual(max)
          if (short === text) continue
          const kept = graphemesOf(short.slice(0, -1))
          expect(graphemesOf(text).slice(0, kept.length)).toEqual(kept)
        }
      }),
    )
  })
})

describe('shortTitle', () => {
  it('takes the name before a colon where there is a short one', () => {
    expect(shortTitle('Helios: Real Real-Time Long Video', 30)).toBe('Helios')
    expect(shortTitle('基于扩散：一种方法', 30)).toBe('基于扩散')
    expect(shortTitle('A name that is much too long for this: yes', 20)).toBe('A name that is much…')
    expect(shortTitle('No colon at all', 30)).toBe('No colon at all')
    expect(shortTitle(': odd', 30)).toBe(': odd')
  })
})

describe('wrapText', () => {
  it('indents the first line and the others as told', () => {
    expect(wrapText('one two three four', 12, '1. ', '   ')).toBe('1. one two\n   three\n   four')
    expect(wrapText('', 12, '1. ')).toBe('1.')
  })

  it('keeps every character and every line within the width', () => {
    fc.assert(
      fc.property(anyText.map(cleanText), fc.integer({ min: 20, max: 72 }), (text, width) => {
        const wrapped = wrapText(text, width, '  ', '    ')
        expect(wrapped.replace(/\s/g, '')).toBe(text.replace(/\s/g, ''))
        // A single grapheme may be longer than any line.
        const longest = Math.max(0, ...graphemesOf(text).map((grapheme) => grapheme.length))
        for (const line of wrapped.split('\n')) expect(line.length).toBeLessThanOrEqual(Math.max(width, longest + 4))
      }),
    )
  })
})

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

  it('names three authors and counts the rest', () => {
    expect(authorLine([])).toBe('')
    expect(authorLine(['A', 'B', 'C'])).toBe('A, B, C')
    expect(authorLine(Array.from({ length: 3303 }, (_, index) => `N${index}`))).toBe('N0, N1, N2 + 3,300')
  })
})
