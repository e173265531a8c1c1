import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PermanentError } from '../../../src/errors.ts'
import { definePage, openPages } from '../../../src/web/page/pages.ts'

const message = definePage<{ heading: string; text: string }>('message')
const view = definePage<{ heading: string; mailPath: string }>('view')
const publicUrl = 'https://papers.example'
let templatesDir: string

beforeEach(async () => {
  templatesDir = await mkdtemp(join(tmpdir(), 'paper-round-pages-'))
  await cp(new URL('../../../templates', import.meta.url), templatesDir, { recursive: true })
})

afterEach(() => rm(templatesDir, { recursive: true }))

describe('openPages', () => {
  it('takes the templates it is given', async () => {
    await appendFile(join(templatesDir, 'pages/message.hbs'), '<p>Ours: {{heading}}</p>')
    const html = openPages({ publicUrl, templatesDir }).render(message, { title: 'T' }, { heading: '<b>', text: '' })
    expect(html).toContain('<p>Ours: &lt;b&gt;</p>')
  })

  it.each([
    ['a raw value', '\n{{{text}}}', /^pages\/message\.hbs line \d+: a value without escaping/],
    ['a block left open', '\n{{#if text}}', /^pages\/message\.hbs line \d+: \{\{#if\}\} is not closed$/],
    ['an unknown part', '\n{{> other}}', /^pages\/message\.hbs line \d+: there is no partial of this name/],
    ['a part chosen by a value', '\n{{> (lookup . "text")}}', /line \d+: there is no partial of this name/],
  ])('refuses a page with %s', async (_, text, message) => {
    await appendFile(join(templatesDir, 'pages/message.hbs'), text)
    const open = () => openPages({ publicUrl, templatesDir })
    expect(open).toThrow(PermanentError)
    expect(open).toThrow(message)
  })

  it('takes the project’s own file for one that is not there', async () => {
    await rm(join(templatesDir, 'pages/view.hbs'))
    const html = openPages({ publicUrl, templatesDir }).render(view, { title: 'T' }, { heading: 'H', mailPath: '/m' })
    expect(html).toContain('/m')
  })

  it('says so when the directory itself is not there', () => {
    const missing = join(templatesDir, 'missing')
    expect(() => openPages({ publicUrl, templatesDir: missing })).toThrow(
      `TEMPLATES_DIR is not a directory: ${missing}`,
    )
  })

  it('fills what is the same object for several pages once, and what only looks like it again', async () => {
    const choosing = definePage<{ heading: string; text: string; zones: object }>('message')
    await writeFile(join(templatesDir, 'pages/message.hbs'), '{{> zones zones}}')
    const pages = openPages({ publicUrl, templatesDir })
    let read = 0
    const group = (value: string) => ({
      label: '',
      get zones() {
        read++
        return [{ value, label: value, selected: false }]
      },
    })
    const [utc, other] = [group('UTC'), group('UTC+1')]
    const fill = (zones: object) => pages.fill(choosing, { heading: '', text: '', zones })
    expect([fill(utc), fill(utc), fill(other)].join('')).toBe(
      ['UTC', 'UTC', 'UTC+1'].map((zone) => `<option value="${zone}">${zone}</option>\n`).join(''),
    )
    expect(read).toBe(2)
  })

  it('prints no page with a value missing', async () => {
    await appendFile(join(templatesDir, 'pages/message.hbs'), '{{unheardOf}}')
    const pages = openPages({ publicUrl, templatesDir })
    expect(() => pages.render(message, { title: '' }, { heading: '', text: '' })).toThrow(/unheardOf/)
  })
})
