// The email lab: digests for every kind of reader as they leave, and as mail programs show them.
// `npm test` looks at the sample days, `npm run test:full` at every captured one, and prints what
// it measured. The pictures are made by gallery.ts.
// @module-tag long
import { generateKeyPairSync } from 'node:crypto'
import { stdout } from 'node:process'
import { load } from 'cheerio'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Length } from '../../src/database/states.ts'
import { composeMessage } from '../../src/delivery/provider/message.ts'
import { openDkim } from '../../src/delivery/provider/smtp/dkim.ts'
import { indexPlaces } from '../../src/digest/choosing/place-index.ts'
import { NO_HISTORY } from '../../src/digest/choosing/selection.ts'
import { joinDigest, preparePieces } from '../../src/digest/joining/joining.ts'
import { selectDigest } from '../../src/digest/opening.ts'
import { HTML_MAX_BYTES } from '../../src/digest/piece/budget.ts'
import type { Piece } from '../../src/digest/piece/piece.ts'
import { loadTemplates, renderEdition, type Templates } from '../../src/digest/rendering.ts'
import type { Outlook } from '../../src/edition/outlook.ts'
import { SAMPLE_DATES } from '../../src/source/sample.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { outlookFromSample } from '../../src/web/preview/editions.ts'
import { HOST, SLOTS } from '../digest/golden/places.ts'
import { capturedEditions, capturedWeeks, READERS } from '../support/captured-editions.ts'
import { isFull } from '../support/full.ts'
import { residueOf } from '../support/residue.ts'
import { holds, signWhole } from '../support/signature.ts'
import { hasChromium, openChromium } from './chromium.ts'
import { asWord, withoutScheme, withoutStyles } from './clients.ts'
import { CONTRAST_MIN, measureContrast } from './contrast.ts'

const SCREEN = { width: 375, height: 800 }
const DESK = 700
/** For ten papers in short; a week may be twice as long. */
const SCREENS_MAX = { daily: 3, weekly: 6 }
const SHORT_MAX_BYTES = 24_000
const RESIDUE_MAX = 0.002
/** Lighter is paper, darker is night. */
const GREY = 0.2
/** Letters as fine as a phone draws them: a thin stroke has its own colour. */
const SCALE = 2
/** Above and below what stands in a row, in CSS pixels. */
const ROOM_MIN = 10
/** Between full looks at how programs show a day, one in so many kinds of readers is enough. */
const SHOWN_EACH = 7

interface LabMail {
  name: string
  reader: string
  kind: Outlook['kind']
  length: Length
  papers: number
  html: string
  message: string
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const sign = openDkim({ privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), selector: 'lab' })
const mails: LabMail[] = []
const table: string[] = []

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates()
  const captured = isFull ? [...capturedEditions(), ...capturedWeeks()] : []
  const samples = [
    await outlookFromSample(SAMPLE_DATES[1], 'daily'),
    await outlookFromSample(SAMPLE_DATES[1], 'weekly'),
  ]
  for (const outlook of captured.length > 0 ? captured : samples) {
    const pieces = new Map<Length, Promise<Piece[]>>()
    for (const [reader, choices] of Object.entries(READERS)) {
      const isWeekly = outlook.kind === 'weekly'
      if (isWeekly ? reader !== 'default' : !isFull && reader !== 'two topics') continue
      const mail = await makeMail(outlook, reader, choices, pieces)
      if (mail) mails.push(mail)
    }
  }
}, 900_000)
afterAll(() => stdout.write(table.map((line) => `${line}\n`).join('')))

async function makeMail(
  outlook: Outlook,
  reader: string,
  choices: object,
  known: Map<Length, Promise<Piece[]>>,
): Promise<LabMail | undefined> {
  const own = parseChoices(choices)
  const selection = selectDigest(outlook, indexPlaces(outlook.places, templates.topics), own, NO_HISTORY)
  const { papers, opening } = selection
  if (!opening) return undefined
  const pieces = await (known.get(own.length) ?? renderEdition(outlook, own.length, HOST, templates))
  known.set(own.length, Promise.resolve(pieces))
  const { html } = joinDigest(preparePieces(pieces, 'utf8'), selection, SLOTS)
  const encoded = joinDigest(preparePieces(pieces, 'quoted-printable'), selection, SLOTS)
  const publicId = '0f8fad5b-d9cb-469f-a165-70867728950e'
  const message = composeMessage({ ...encoded, publicId, to: 'ada@example.org', date: `${outlook.date}T07:00:00.000Z` })
  const name = `${outlook.date} ${outlook.kind}, ${reader}`
  const $ = load(html)
  // Whatever the opening names is printed, and the mail begins with that opening.
  expect($('h1').text(), name).toBe(opening.headline)
  expect(
    $('td.w a')
      .map((_, link) => $(link).text())
      .get(),
    name,
  ).toEqual(opening.lead.filter(({ url }) => url !== '').map(({ title }) => title))
  expect(
    opening.papers.filter((position) => $(`#p${position}`).length !== 1),
    name,
  ).toEqual([])
  return { name, reader, kind: outlook.kind, length: own.length, papers: papers.length, html, message }
}

describe('programs', () => {
  const html = `<html><head><style>.a{color:red;opacity:1}@media (max-width:1px){.a{color:blue}}</style></head><body>
    <!--[if mso]><p>Word</p><![endif]--><!--[if !mso]><!--><p>Others</p><!--<![endif]-->
    <table><tr><td id="p1" class="a" style="padding:1px;border-radius:2px"><a style="padding:2px;color:red">x</a></td></tr></table></body></html>`

  it('ignore what they are known to ignore, and nothing else', () => {
    const word = load(asWord(html))
    expect(word('p').text()).toBe('Word')
    expect([word('td').attr('style'), word('a').attr('style')]).toEqual(['padding:1px', 'color:red'])
    expect(word('style').text()).toBe('.a{color:red}')
    const plain = load(withoutStyles(html))
    expect(plain('style, [class], [id]')).toHaveLength(0)
    expect(plain('a').attr('style')).toBe('padding:2px;color:red')
    expect(
      withoutScheme('<style>:root{color-scheme:dark}a{b:c}@media (prefers-color-scheme:dark){a{d:e}}</style>'),
    ).toContain('<style>a{b:c}</style>')
  })
})

describe('a mail', () => {
  it('is light, is signed, and keeps nothing of markup', async () => {
    const residue: string[] = []
    for (const { name, html, message, length, papers } of mails) {
      const bytes = Buffer.byteLength(html)
      expect(bytes, name).toBeLessThanOrEqual(length === 'short' && papers <= 10 ? SHORT_MAX_BYTES : HTML_MAX_BYTES)
      expect(holds(await signWhole(sign, message, 'example.org'), publicKey), name).toBe(true)
      const $ = load(html)
      residue.push(
        ...$('h2, h2 ~ p')
          .get()
          .flatMap((element) => residueOf($(element).text())),
      )
    }
    const printed = mails.reduce((sum, { papers }) => sum + papers, 0)
    table.push(`${mails.length} emails, all signed; residue ${residue.length} in ${printed} papers`)
    expect(residue.length / printed, residue.join('\n')).toBeLessThanOrEqual(RESIDUE_MAX)
  })
})

describe.skipIf(!hasChromium)('a mail on a screen', () => {
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let reader: Page
  beforeAll(async () => {
    browser = await openChromium()
    context = await browser.newContext({ viewport: SCREEN, deviceScaleFactor: SCALE })
    page = await context.newPage()
    reader = await context.newPage()
  })
  afterAll(() => browser?.close())

  it('is read on few screens of a phone', { timeout: 900_000 }, async () => {
    const screens = new Map<string, number[]>()
    for (const { name, reader: kindOfReader, kind, length, papers, html } of mails) {
      await page.setContent(html)
      const height = (await page.evaluate('document.documentElement.scrollHeight')) as number
      const group = kind === 'weekly' ? 'weekly' : kindOfReader
      screens.set(group, [...(screens.get(group) ?? []), height / SCREEN.height])
      if (length === 'short' && papers <= 10)
        expect(height / SCREEN.height, name).toBeLessThanOrEqual(SCREENS_MAX[kind])
    }
    for (const [group, values] of screens) {
      const own = mails.filter(({ kind, reader }) => (kind === 'weekly' ? 'weekly' : reader) === group)
      const kB = own.map(({ html }) => Buffer.byteLength(html) / 1_000)
      table.push(`${group.padEnd(15)} ${own.length} emails: ${show(values)} screens, HTML ${show(kB)} kB`)
    }
  })

  it('has its one-line rows in Word’s engine as elsewhere: with room, number and title on one line', async () => {
    await page.setViewportSize({ width: DESK, height: SCREEN.height })
    let rows = 0
    for (const { name, html } of mails.filter((_, index) => !isFull || index % SHOWN_EACH === 0)) {
      await page.setContent(asWord(html))
      const lines = (await page.evaluate(LINES)) as { number: number; title: number; below: number }[]
      rows += lines.length
      for (const { number, title, below } of lines) {
        expect(Math.abs(title - number), name).toBeLessThanOrEqual(1)
        expect(Math.min(title, below), name).toBeGreaterThanOrEqual(ROOM_MIN)
      }
    }
    expect(rows).toBeGreaterThan(5)
  })

  const PROGRAMS = [
    { program: 'Gmail without styles', as: withoutStyles, width: SCREEN.width, dark: false },
    { program: 'Outlook with Word’s engine', as: asWord, width: DESK, dark: false },
    { program: 'a program that darkens every mail', as: withoutScheme, width: SCREEN.width, dark: true },
  ]
  it.each(PROGRAMS)(
    'says the same and can be read in $program',
    { timeout: 900_000 },
    async ({ program, as, width, dark }) => {
      const devTools = await context.newCDPSession(page)
      await page.setViewportSize({ width, height: SCREEN.height })
      let least = Number.POSITIVE_INFINITY
      const shown = mails.filter((_, index) => !isFull || index % SHOWN_EACH === 0)
      for (const { name, html } of shown) {
        await devTools.send('Emulation.setAutoDarkModeOverride', { enabled: false })
        await page.setContent(html)
        const whole = await page.evaluate(WORDS)
        await page.setContent(as(html))
        await devTools.send('Emulation.setAutoDarkModeOverride', { enabled: dark })
        expect(await page.evaluate(WORDS), `${program}: ${name}`).toBe(whole)
        expect(await page.evaluate(OVERFLOW), `${program}: ${name}`).toBeLessThanOrEqual(0)
        expect(await page.evaluate(JOINED_LINKS), `${program}: ${name}`).toEqual([])
        const seen = await measureContrast(page, reader, SCALE)
        expect(seen.length).toBeGreaterThan(10)
        expect(
          seen.filter(({ ratio }) => ratio < CONTRAST_MIN),
          `${program}: ${name}`,
        ).toEqual([])
        expect(
          seen.every(({ ground }) => ground < GREY === dark),
          `${program}: ${name}`,
        ).toBe(true)
        least = Math.min(least, ...seen.map(({ ratio }) => ratio))
      }
      await devTools.send('Emulation.setAutoDarkModeOverride', { enabled: false })
      table.push(`${program}: ${shown.length} emails say the same, the least contrast is ${least.toFixed(2)}`)
    },
  )
})

/** Each runs in the page. Dots between facts are drawn where facts share a line. */
const WORDS = `document.body.innerText.replace(/[\\s\\u00a0\\u034f·]+/g, '')`
/** Of rows of one line, in CSS pixels: where number and title begin in it, and what is below. */
const LINES = `[...document.querySelectorAll('td > .x:only-child')].map((line) => {
  const row = line.closest('tr').getBoundingClientRect()
  const edgesOf = (element) => {
    const range = document.createRange()
    range.selectNodeContents(element)
    const boxes = [...range.getClientRects()]
    return [Math.min(...boxes.map(({ top }) => top)) - row.top, row.bottom - Math.max(...boxes.map(({ bottom }) => bottom))]
  }
  const [title, below] = edgesOf(line)
  return { number: edgesOf(line.closest('td').previousElementSibling)[0], title, below }
})`
const OVERFLOW = 'document.documentElement.scrollWidth - window.innerWidth'
/** Links that run into one another. */
const JOINED_LINKS = `[...document.querySelectorAll('a + a')]
  .filter((link) => link.previousSibling === link.previousElementSibling)
  .map((link) => link.outerHTML)`

function show(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(2)
  return `${at(0.5)} (most ${at(1)})`
}
