// Which pieces make which mail of an edition from before version 3: for given sizes, the same
// answer for ever.
import { describe, expect, it } from 'vitest'
import type { Section } from '../../../src/database/states.ts'
import type { Stock } from '../../../src/digest/joining/order.ts'
import { orderOfMail2, orderOfView2 } from '../../../src/digest/joining/order-2.ts'

const CHANGED = 'a mail in flight would be made of other pieces than version 2: undo the change'
const RANKED = 12

/**
 * Twelve ranked papers and two risers; a card of `kB`, its shorter ones ever smaller. Paper 3 could
 * not be rendered.
 */
function stockOf(kB: number): Stock {
  const sections = new Map<number, Section>()
  for (let position = 1; position <= RANKED + 2; position++)
    sections.set(position, position <= RANKED ? 'ranked' : 'rising')
  const share = [1, 0.8, undefined, 0.6, 0.5, 0.4, 0.3]
  return {
    sections,
    sizeOf(name) {
      const [part, position, level = 0] = name.split('/').map((word, index) => (index === 0 ? word : Number(word)))
      if (part !== 'card') return { html: 1000, message: 1500 }
      const of = share[level as number]
      return position === 3 || of === undefined ? undefined : { html: kB * of * 1000, message: kB * of * 1200 }
    },
  }
}

const select = (...papers: number[]) => ({ papers, reasons: papers.map(() => 0) })
const all = select(...Array.from({ length: RANKED + 2 }, (_, index) => index + 1))
const bodyOf = (kB: number, selection = all) => orderOfMail2(stockOf(kB), selection).body.join(' ')

describe('orderOfMail2', () => {
  it('names whole cards while they fit', () => {
    expect(bodyOf(5), CHANGED).toBe(
      'head card/1 card/2 card/4 card/5 card/6 card/7 card/8 card/9 card/10 card/11 card/12 section/rising card/13 card/14 foot',
    )
  })

  it('shortens from the end of the mail, and passes over levels that there are not', () => {
    expect(bodyOf(6.2), CHANGED).toBe(
      'head card/1 card/2 card/4 card/5 card/6 card/7 card/8 card/9 card/10 card/11 card/12/1 section/rising card/13/1 card/14/1 foot',
    )
    expect(bodyOf(9), CHANGED).toBe(
      'head card/1/1 card/2/1 card/4/1 card/5/3 card/6/3 card/7/3 card/8/3 card/9/3 card/10/3 card/11/3 card/12/3 section/rising card/13/3 card/14/3 foot',
    )
  })

  it('leaves cards to the web, with their section, when nothing shorter is left', () => {
    expect(bodyOf(25), CHANGED).toBe(
      'head card/1/6 card/2/6 card/4/6 card/5/6 card/6/6 card/7/6 card/8/6 card/9/6 card/10/6 card/11/6 more/3 foot',
    )
  })

  it('adds what came next, as far as it fits', () => {
    expect(bodyOf(5, select(1, 2, 13)), CHANGED).toBe(
      'head card/1 card/2 section/rising card/13 section/also also/3 also/4 also/5 also/6 also/7 foot',
    )
    expect(bodyOf(36, select(1, 2)), CHANGED).toBe('head card/1 card/2 section/also also/3 also/4 also/5 also/6 foot')
    expect(bodyOf(37.5, select(1, 2)), CHANGED).toBe('head card/1 card/2 section/also also/3 also/4 foot')
    expect(bodyOf(39, select(1, 2)), CHANGED).toBe('head card/1 card/2 foot')
  })

  it('counts what is printed or left to the web, and names the first ranked paper that can be', () => {
    expect(orderOfMail2(stockOf(25), all)).toMatchObject({ lead: 1, papers: 13 })
    expect(orderOfMail2(stockOf(5), select(3, 13, 4))).toMatchObject({ lead: 4, papers: 2 })
    expect(() => orderOfMail2(stockOf(5), select(3))).toThrow(/none of the papers/)
  })
})

describe('a selection made since', () => {
  it('prints what it mixes section by section, as ever', () => {
    expect(
      bodyOf(5, select(13, 1, 14, 2))
        .split(' ')
        .slice(0, 6),
    ).toEqual(['head', 'card/1', 'card/2', 'section/rising', 'card/13', 'card/14'])
  })
})

describe('orderOfView2', () => {
  it('shortens nothing', () => {
    expect(orderOfView2(stockOf(25), all).body.filter((name) => /\/\d+\/|more/.test(name))).toEqual([])
    expect(orderOfView2(stockOf(25), all).body.filter((name) => name.startsWith('card/'))).toHaveLength(13)
  })
})
