// What is taken out is looked for in what MJML makes by itself: a version that writes it otherwise
// fails here.
import mjml2html from 'mjml'
import { beforeAll, describe, expect, it } from 'vitest'
import { lighten } from '../../../src/digest/template/lighten.ts'

const mailOf = async (columns: string) => {
  const { html } = await mjml2html(
    `<mjml lang="en"><mj-head><mj-style>.a { color: red !important; }</mj-style></mj-head>
    <mj-body><mj-section background-color="#ffffff">${columns}</mj-section></mj-body></mjml>`,
    { keepComments: true, fonts: {} },
  )
  return html.replace(/^[ \t]+/gm, '').replace(/\n{2,}/g, '\n')
}
const SHAPE = '<v:rect xmlns:v="urn:schemas-microsoft-com:vml" fill="true">'
const ONE = '<mj-column><mj-text>A paper&#847;</mj-text></mj-column>'

describe('a mail as MJML made it', () => {
  let raw: string
  let light: string
  beforeAll(async () => {
    raw = await mailOf(ONE)
    light = lighten(raw)
  })

  it('loses what only programs of long ago read, and what its one column says twice', () => {
    const gone = [
      /lte mso 11/,
      /X-UA-Compatible/,
      /xmlns:v/,
      /mj-column-per-100/,
      /moz-text-html/,
      /background:#ffffff;background-color/,
      /type="text\/css"/,
      / !important|;\s*\}/,
      / class=""/,
      /&#847;/,
    ]
    expect(gone.filter((part) => !part.test(raw))).toEqual([])
    expect(gone.filter((part) => part.test(light))).toEqual([])
  })
  it('keeps what Outlook, phones and screen readers go by', () => {
    for (const part of [
      'xmlns:o="urn:schemas-microsoft-com:office:office"',
      '<o:PixelsPerInch>96</o:PixelsPerInch>',
      '<!--[if mso | IE]>',
      'name="viewport"',
      'background-color:#ffffff;',
      'lang="en"',
      '.a{color:red!important}',
      'A paper\u034f',
    ]) {
      expect(light).toContain(part)
    }
  })
  it('keeps the widths of columns that stand beside one another', async () => {
    const two = lighten(await mailOf(`${ONE}${ONE}`))
    expect(two).toMatch(/\.mj-column-per-50\{width:50%!important/)
    expect(two).toContain('class="mj-column-per-50 mj-outlook-group-fix"')
  })

  it('keeps what Outlook needs to draw a shape of the host’s', async () => {
    const drawn = lighten(
      await mailOf(`<mj-column><mj-raw><!--[if mso]>${SHAPE}</v:rect><![endif]--></mj-raw></mj-column>`),
    )
    expect(drawn).toContain(SHAPE)
    expect(drawn).toMatch(/<html[^>]* xmlns:v="urn:schemas-microsoft-com:vml"/)
  })
})
