import { beforeAll, describe, expect, it } from 'vitest'
import { renderNotice } from '../../src/digest/notice.ts'
import { loadTemplates, type Templates } from '../../src/digest/rendering.ts'
import { HOST } from './golden/places.ts'

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates()
})

const notice = {
  title: 'Confirm your address',
  preheader: 'One click.',
  paragraphs: ['Somebody asked for the papers.', 'Nothing is sent before you confirm.'],
  action: { label: 'Confirm', url: 'https://papers.example.org/confirm/abc?a=1&b=2' },
  footer: 'You get this because your address was entered.',
}

describe('renderNotice', () => {
  it('says the same in HTML and text, the link on a line of its own', async () => {
    const { html, text } = await renderNotice(notice, HOST, templates)
    for (const words of [
      notice.title,
      ...notice.paragraphs,
      'Confirm',
      notice.footer,
      'Example House',
      'Daily Papers',
    ]) {
      expect(html).toContain(words)
      expect(text).toContain(words)
    }
    expect(text.split('\n')).toContain(notice.action.url)
    expect(html.split('href="https://papers.example.org/confirm/abc?a&#x3D;1&amp;b&#x3D;2"')).toHaveLength(3)
    expect(html).toContain('One click.')
    expect(html).not.toMatch(/<img|<script|unsubscribe/i)
    for (const line of text.split('\n')) if (!line.startsWith('https:')) expect(line.length).toBeLessThanOrEqual(72)
  })

  it('leaves out what it is not given', async () => {
    const { html, text } = await renderNotice(
      { title: 'Done', preheader: '', paragraphs: ['That is all.'] },
      { ...HOST, postalAddress: null },
      templates,
    )
    expect(html).not.toMatch(/button doesn|class="go"|Example House/)
    expect(text).toContain('That is all.')
    expect(text).not.toMatch(/undefined|null|\n{4}/)
  })

  it('escapes every value', async () => {
    const nasty = '<script>alert("1")</script> & {{title}} \u0001view\u0002'
    const { html, text } = await renderNotice(
      {
        title: nasty,
        preheader: nasty,
        paragraphs: [nasty],
        footer: nasty,
        action: { label: nasty, url: notice.action.url },
      },
      { ...HOST, name: nasty, postalAddress: nasty },
      templates,
    )
    expect(html).not.toMatch(/<script/i)
    expect(text).toContain('<script>alert("1")</script> & {{title}} view')
    expect(`${html}${text}`).not.toMatch(/(?!\n)\p{Cc}/u)
  })

  it.each(['javascript:alert(1)', 'https://elsewhere.example/confirm/abc', 'nonsense', ''])(
    'refuses to lead to %j',
    async (url) => {
      await expect(renderNotice({ ...notice, action: { label: 'Go', url } }, HOST, templates)).rejects.toThrow(
        /no link of the host/,
      )
    },
  )
})
