import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Opening } from '../../../src/digest/choosing/selection.ts'
import { fitOpening, OPENING_SIZE_MAX, printedSize, sizeAtMost } from '../../../src/digest/joining/printed-opening.ts'

/** What words are made of: plain, escaped, quoted, wide and joined characters, and addresses. */
const PARTS = [
  'paper ',
  'a',
  ' ',
  '=',
  '"',
  '&',
  '`',
  '·',
  'é',
  '論',
  '👩‍🔬',
  '\u2068',
  '\u00a0',
  '…',
  '-',
  '[x]',
  '{',
  '\n',
]
const words = fc.array(fc.constantFrom(...PARTS), { maxLength: 60 }).map((parts) => parts.join(''))
const line = fc.record({
  label: words,
  title: words,
  url: fc.constantFrom('', 'https://papers.example/2603.00001', `https://papers.example/${'x=&'.repeat(60)}`),
  fact: words,
  personal: fc.boolean(),
})
const openings: fc.Arbitrary<Opening> = fc.record({
  subject: words,
  preheader: words,
  headline: words,
  day: words,
  lead: fc.array(line, { maxLength: 3 }),
  papers: fc.constant([]),
})

it('never takes an opening for lighter than it is', () => {
  fc.assert(
    fc.property(openings, (opening) => {
      const [most, size] = [sizeAtMost(opening), printedSize(opening)]
      expect(most.html).toBeGreaterThanOrEqual(size.html)
      expect(most.message).toBeGreaterThanOrEqual(size.message)
    }),
  )
})

it('leaves an opening whole that is light, and shortens a heavy one until it is', () => {
  const light = { subject: '', preheader: 'and more', headline: 'It leads', day: 'Friday', lead: [], papers: [] }
  const heavy = { label: '論'.repeat(40), title: '論'.repeat(40), url: '', fact: '論'.repeat(40), personal: false }
  expect(fitOpening(light)).toBe(light)
  const fitted = fitOpening({ ...light, lead: [heavy, heavy, heavy] })
  expect(fitted.lead.length).toBeLessThan(3)
  expect(printedSize(fitted).message).toBeLessThanOrEqual(OPENING_SIZE_MAX.message)
})
