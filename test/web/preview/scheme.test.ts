import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadTemplates, renderEdition } from '../../../src/digest/rendering.ts'
import { forceScheme } from '../../../src/web/preview/scheme.ts'
import { inventPlaces } from '../../support/round.ts'

const style = (css: string) => `<html><head><style>${css}</style></head><body></body></html>`

describe('forceScheme', () => {
  it.each([
    ['@media (prefers-color-scheme: dark) {}', '@media (min-width: 0) {}', '@media (max-width: 0) {}'],
    ['@media (prefers-color-scheme:light) {}', '@media (max-width: 0) {}', '@media (min-width: 0) {}'],
    [
      '@media screen and (max-width: 480px) and (Prefers-Color-Scheme: dark) {}',
      '@media screen and (max-width: 480px) and (min-width: 0) {}',
      '@media screen and (max-width: 480px) and (max-width: 0) {}',
    ],
    [':root { color-scheme: light dark; }', ':root { color-scheme: dark; }', ':root { color-scheme: light; }'],
    [
      ':root { supported-color-schemes: light dark }',
      ':root { supported-color-schemes: dark }',
      ':root { supported-color-schemes: light }',
    ],
  ])('answers in a style sheet: %s', (css, dark, light) => {
    expect(forceScheme(style(css), 'dark')).toBe(style(dark))
    expect(forceScheme(style(css), 'light')).toBe(style(light))
  })

  it('answers what tags say of schemes', () => {
    const tags = `<meta name="color-scheme" content="light dark"><source media="(prefers-color-scheme: dark)" srcset="x">`
    expect(forceScheme(tags, 'dark')).toBe(
      `<meta name="color-scheme" content="dark"><source media="(min-width: 0)" srcset="x">`,
    )
  })

  it('leaves alone whatever a mail prints', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom('(prefers-color-scheme: dark)', 'color-scheme: light dark', ' ', '&lt;style&gt;', 'x'),
        ),
        fc.constantFrom('light' as const, 'dark' as const),
        (words, scheme) => {
          const html = `<p>${words.join('')}</p>`
          expect(forceScheme(html, scheme)).toBe(html)
        },
      ),
    )
  })

  it("leaves no question open in the project's own digest, and changes nothing outside its head", async () => {
    const host = {
      publicUrl: 'https://papers.example',
      mailFrom: 'papers@papers.example',
      postalAddress: null,
      unsubscribeMailto: null,
    }
    const sheet = {
      date: '2026-03-05',
      kind: 'daily' as const,
      incomplete: false,
      places: inventPlaces('2026-03-05', 2),
    }
    const pieces = await renderEdition(sheet, 'short', host, await loadTemplates())
    const html = pieces.filter(({ name }) => /^html\/(?!.*-view)/.test(name)).map(({ body }) => body)
    const whole = html.join('')
    expect(whole).toMatch(/prefers-color-scheme:\s*dark/)
    for (const scheme of ['light', 'dark'] as const) {
      const forced = forceScheme(whole, scheme)
      expect(forced).not.toContain('prefers-color-scheme')
      expect(forced.slice(forced.indexOf('<body'))).toBe(whole.slice(whole.indexOf('<body')))
    }
    expect(forceScheme(whole, 'light')).not.toBe(forceScheme(whole, 'dark'))
  })
})
