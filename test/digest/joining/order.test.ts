// Which pieces make which mail is part of the join version: for given sizes, the same answer for
// ever.
import { describe, expect, it } from 'vitest'
import type { Section } from '../../../src/database/states.ts'
import type { Selection } from '../../../src/digest/choosing/selection.ts'
import { JOIN_VERSION } from '../../../src/digest/joining/joining.ts'
import { type Layout, orderOfMail, orderOfView, type Stock } from '../../../src/digest/joining/order.ts'
import { OPENING } from '../golden/places.ts'

const CHANGED = `a mail in flight would be made of other pieces than version ${JOIN_VERSION}'s: undo the change, or raise JOIN_VERSION`
const RANKED = 12
const LAYOUT = { large: 3, compact: 3, contentsFrom: null }
const ABSTRACTS = { large: 3, compact: 100, contentsFrom: null }

/**
 * Twelve ranked papers and two risers: large cards of `kB`, compact ones of half, their shorter
 * ones ever smaller, lines of one. Paper 3 could not be rendered.
 */
function stockOf(kB: number): Stock {
  const sections = new Map<number, Section>()
  for (let position = 1; position <= RANKED + 2; position++)
    sections.set(position, position <= RANKED ? 'ranked' : 'rising')
  const share = [1, 0.8, undefined, 0.6, 0.5, 0.4]
  return {
    sections,
    sizeOf(name) {
      const [part = '', position, level] = name.split('/')
      if ((position === '3' && part !== 'more') || part === 'trends' || name === 'section/list') return undefined
      if (part === 'line') return { html: 1000, message: 1200 }
      const of = (part === 'large' ? 1 : 0.5) * (share[Number(level ?? 0)] ?? Number.NaN)
      if (part !== 'large' && part !== 'compact') return { html: 1000, message: 1500 }
      return Number.isNaN(of) ? undefined : { html: kB * of * 1000, message: kB * of * 1200 }
    },
  }
}

const select = (...papers: number[]) => ({ papers, reasons: papers.map(() => 0) })
const all = select(13, 1, 2, 3, 14, 4, 5, 6, 7, 8, 9, 10, 11, 12)
const bodyOf = (kB: number, selection: Selection = all, layout: Layout = LAYOUT) =>
  orderOfMail(stockOf(kB), layout, selection).body.join(' ')

describe('orderOfMail', () => {
  it('gives room by the place in the mail', () => {
    expect(bodyOf(5), CHANGED).toBe(
      'head large/13 large/1 large/2 compact/14 compact/4 compact/5 line/6 line/7 line/8 line/9 line/10 line/11 line/12 foot',
    )
  })

  it('begins with one line a line of its opening', () => {
    expect(bodyOf(5, { ...select(1, 2), opening: OPENING }), CHANGED).toMatch(
      /^head lead lead\/plain large\/1 large\/2 /,
    )
  })

  it('shortens from the end of the mail, passes over levels that there are not, and makes lines at last', () => {
    expect(bodyOf(10, all, ABSTRACTS), CHANGED).toBe(
      'head large/13 large/1 large/2 compact/14 compact/4 compact/5 compact/6 compact/7 compact/8 compact/9 compact/10 compact/11/1 compact/12/1 foot',
    )
    expect(bodyOf(30, all, ABSTRACTS), CHANGED).toBe(
      'head large/13/5 large/1/5 large/2/5 compact/14/5 compact/4/5 compact/5/5 compact/6/5 compact/7/5 compact/8/5 line/9 line/10 line/11 line/12 foot',
    )
  })

  it('leaves papers to the web when nothing shorter is left, and says which it prints', () => {
    const sized = stockOf(30)
    const heavy: Stock = {
      ...sized,
      sizeOf: (name) => {
        const size = sized.sizeOf(name)
        return size && name.startsWith('line/') ? { html: 9_000, message: 9_000 } : size
      },
    }
    const order = orderOfMail(heavy, LAYOUT, all)
    expect(order.printed).toEqual([13, 1, 2, 14, 4, 5, 6, 7])
    expect(order.body.at(-2), CHANGED).toBe('more/5')
  })

  it('adds what came next while a mail has few papers of its own', () => {
    expect(bodyOf(5, select(1, 2, 13)), CHANGED).toBe(
      'head large/1 large/2 large/13 section/also also/4 also/5 also/6 also/7 also/8 foot',
    )
    expect(bodyOf(5, select(1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13)), CHANGED).not.toContain('also')
    expect(bodyOf(38.5, select(1, 2)), CHANGED).toBe('head large/1 large/2 foot')
  })

  it('puts a heading before what a reader missed, also where it has risen since', () => {
    const missed = { papers: [1, 2, 14, 13], reasons: [0, 0, 2, 2] }
    expect(bodyOf(5, missed)).toBe(
      'head large/1 large/2 section/late large/14 compact/13 section/also also/4 also/5 also/6 also/7 also/8 foot',
    )
  })

  it('lists the contents of as many papers as the layout says', () => {
    const listing = { ...LAYOUT, contentsFrom: 2 }
    expect(bodyOf(5, select(1, 2), listing), CHANGED).toMatch(/^head contents item\/1 item\/2 contents-end large\/1 /)
    expect(bodyOf(5, select(1), listing), CHANGED).not.toContain('contents')
  })

  it('refuses a selection of which nothing can be printed', () => {
    expect(() => orderOfMail(stockOf(5), LAYOUT, select(3))).toThrow(/none of the papers/)
  })
})

describe('orderOfView', () => {
  it('shortens nothing', () => {
    const { body } = orderOfView(stockOf(60), ABSTRACTS, all)
    expect(body.filter((name) => /\/\d+\/|more/.test(name))).toEqual([])
    expect(body.filter((name) => /^(large|compact)\//.test(name))).toHaveLength(13)
  })

  it('has no line that names a choice', () => {
    const { body } = orderOfView(stockOf(5), LAYOUT, { ...select(1, 2), opening: OPENING })
    expect(body.filter((name) => name.startsWith('lead'))).toEqual(['lead'])
    expect(body[0]).toBe('head-view')
    expect(body.at(-1)).toBe('foot-view')
  })
})
