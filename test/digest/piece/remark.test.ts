import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitRemark, printRemark, REMARK_SIZE_MAX } from '../../../src/digest/piece/remark.ts'

describe('printRemark', () => {
  it('stands behind the reason in HTML, escaped, and on lines of its own in text', () => {
    const { utf8 } = printRemark('matches <b> & "c" in its title')
    expect(utf8.html).toBe(' · matches &lt;b&gt; &amp; &quot;c&quot; in its title')
    expect(utf8.text).toBe('\n    Matches <b> & "c" in its title')
  })
  it('is nothing, and weighs nothing, for an empty one', () => {
    expect(printRemark('')).toMatchObject({ utf8: { html: '', text: '' }, size: { html: 0, message: 0 } })
  })
  it('keeps to 75 characters a line in quoted-printable, and to 72 in text', () => {
    const remark = `by an author you follow: ${'Łukasz Müller-Lüdenscheidt '.repeat(4)}`
    const printed = printRemark(remark)
    const lines = `${printed['quoted-printable'].html}\r\n${printed['quoted-printable'].text}`.split('\r\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(75)
    expect(Math.max(...printed.utf8.text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(72)
  })
})

describe('fitRemark', () => {
  it('leaves what is short as it is', () => {
    expect(fitRemark('matches diffusion in its title')).toBe('matches diffusion in its title')
  })
  it('cuts whatever would weigh more than a card has room for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (text) => {
        const { size } = printRemark(fitRemark(`matches ${text}`))
        expect(size.html).toBeLessThanOrEqual(REMARK_SIZE_MAX.html)
        expect(size.message).toBeLessThanOrEqual(REMARK_SIZE_MAX.message)
      }),
    )
  })
})
