// Our compiler leans on two lines that MJML happens to write. Each is looked for in what MJML makes
// of a template by itself: a version that writes them otherwise fails here, not in an inbox.
import mjml2html from 'mjml'
import { beforeAll, describe, expect, it } from 'vitest'
import { compileMjml } from '../../../src/digest/template/mjml.ts'
import { readTheme } from '../../../src/digest/template/theme.ts'

const SOURCE = `<mjml lang="en">
  <mj-head><mj-title>Papers</mj-title><mj-preview>What leads today</mj-preview></mj-head>
  <mj-body><mj-section><mj-column><mj-text>A paper</mj-text></mj-column></mj-section></mj-body>
</mjml>`

const count = (text: string, part: RegExp) => text.match(new RegExp(part, 'g'))?.length ?? 0

describe('what MJML writes by itself', () => {
  let raw: string
  let compiled: string
  beforeAll(async () => {
    raw = (await mjml2html(SOURCE, { validationLevel: 'strict', keepComments: true, fonts: {} })).html
    compiled = await compileMjml(SOURCE, 'test.mjml', { theme: readTheme(), style: '', styleFile: 'test.css' })
  })

  it('hides the preheader by white letters of one pixel, which we take away', () => {
    const white = /<div style="display:none;font-size:1px;color:#ffffff;line-height:1px;/
    expect(count(raw, white)).toBe(1)
    expect(count(compiled, /color:#ffffff/)).toBe(0)
    expect(compiled).toMatch(/<div style="display:none;max-height:0px;[^"]*">\s*What leads today/)
  })

  it('calls its frame an article, which we make the landmark of the mail', () => {
    expect(count(raw, /role="article"/)).toBe(1)
    expect(count(raw, /aria-roledescription="email" role="article"/)).toBe(1)
    expect(count(compiled, /role="main"/)).toBe(1)
    expect(count(compiled, /role="article"|aria-roledescription/)).toBe(0)
  })

  it('indents, which we take away, and asks no font service', () => {
    expect(count(raw, /\n[ \t]+</)).toBeGreaterThan(10)
    expect(count(compiled, /\n[ \t]/)).toBe(0)
    expect(compiled).not.toMatch(/fonts\.googleapis|@import/)
  })
})

it('is no mail without the tag of one', async () => {
  const look = { theme: readTheme(), style: '', styleFile: 'test.css' }
  await expect(compileMjml('', 'test.mjml', look)).rejects.toThrow('test.mjml line 1 (mjml): the tag is missing')
})

describe('an include', () => {
  it('is refused by name, before MJML sees it', async () => {
    const source = SOURCE.replace('<mj-text>', '<mj-include path="/etc/passwd" /><mj-text>')
    await expect(
      compileMjml(source, 'test.mjml', { theme: readTheme(), style: '', styleFile: 'test.css' }),
    ).rejects.toThrow('test.mjml line 3 (mj-include): templates include no other files')
  })
})
