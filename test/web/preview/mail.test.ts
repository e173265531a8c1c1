import { simpleParser } from 'mailparser'
import { describe, expect, it } from 'vitest'
import { loadTemplates } from '../../../src/digest/rendering.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { outlookFromSample } from '../../../src/web/preview/editions.ts'
import { DEFAULT_READER, makePreview } from '../../../src/web/preview/mail.ts'

const HOST = {
  publicUrl: 'https://papers.example',
  mailFrom: 'Daily Papers <papers@papers.example>',
  postalAddress: null,
  unsubscribeMailto: null,
}
const templates = loadTemplates()

async function make(choices: object) {
  const outlook = await outlookFromSample('2025-08-08', 'daily')
  return makePreview(
    outlook,
    { address: DEFAULT_READER, choices: parseChoices(choices), missed: false },
    HOST,
    await templates,
  )
}

describe('makePreview', () => {
  it('weighs the very message that would leave, and lists all of its headers', async () => {
    const mail = await make({})
    if (!mail) throw new Error('no mail')
    expect(mail.htmlBytes).toBe(Buffer.byteLength(mail.html))
    expect(mail.messageBytes).toBeGreaterThan(Buffer.byteLength(mail.html) + Buffer.byteLength(mail.text))
    expect(mail.leftOut).toEqual([])
    const head = mail.headers.map(({ name, value }) => `${name}: ${value}\r\n`).join('')
    const parsed = await simpleParser(`${head}\r\n`)
    expect(parsed.subject).toBe(mail.subject)
    expect(parsed.headerLines.map(({ line }) => line)).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click')
    expect(
      mail.headers.every(({ name, value }) => /^[\w-]+$/.test(name) && value !== '' && !/[\r\n]/.test(value)),
    ).toBe(true)
  })

  it('makes none when the choices leave nothing', async () => {
    expect(await make({ minimumVotes: 100_000 })).toBeUndefined()
  })

  it('says which papers could not be printed, and goes on without them', async () => {
    const { html, text, ...rest } = await templates
    const line = (fill: (values: object) => string) => (values: object) => {
      if (JSON.stringify(values).includes('2508.05004')) throw new Error('this one is bad')
      return fill(values)
    }
    const broken = { ...rest, html: { ...html, line: line(html.line) }, text }
    const outlook = await outlookFromSample('2025-08-08', 'daily')
    const position = outlook.places.findIndex(({ paper }) => paper.id === '2508.05004') + 1
    expect(position).toBeGreaterThan(0)
    const mail = makePreview(
      outlook,
      { address: DEFAULT_READER, choices: parseChoices({}), missed: false },
      HOST,
      broken,
    )
    expect((await mail)?.leftOut).toEqual(['2508.05004: this one is bad'])
  })
})
