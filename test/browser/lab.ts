// The email lab's measurements: every captured edition for every kind of reader, in bytes and in
// screens of a phone. `npx tsx test/browser/lab.ts`, with --shots DIRECTORY for pictures of the
// representative ones.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import { loadTemplates } from '../../src/digest/rendering.ts'
import type { Outlook } from '../../src/edition/outlook.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { DEFAULT_READER, makePreview, type PreviewMail } from '../../src/web/preview/mail.ts'
import { capturedEditions, capturedWeeks, READERS } from '../support/captured-editions.ts'

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
const SCREEN = { width: 375, height: 800 }
const WIDTHS = [375, 700]
const SCHEMES = ['light', 'dark'] as const
const HOST = {
  publicUrl: 'https://papers.example.org',
  mailFrom: 'Daily Papers <papers@example.org>',
  postalAddress: '1 Example Street, Example Town',
  unsubscribeMailto: null,
}

const { values: given } = parseArgs({ options: { shots: { type: 'string' }, only: { type: 'string' } } })
const templates = await loadTemplates()
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-lcd-text'] })
try {
  if (given.shots === undefined) await measureAll(browser)
  else await shootAll(browser, given.shots)
} finally {
  await browser.close()
}

/** Prints one line a kind of reader: how many emails, and the median and most of each measure. */
async function measureAll(from: Browser): Promise<void> {
  const page = await from.newPage({ viewport: SCREEN })
  const weeks = capturedWeeks()
  const days = capturedEditions()
  const groups: [name: string, outlooks: Outlook[], choices: object][] = [
    ...Object.entries(READERS).map(([name, choices]): [string, Outlook[], object] => [name, days, choices]),
    ['weekly', weeks, {}],
    ['weekly of 50', weeks, { papers: 50 }],
  ]
  for (const [name, outlooks, choices] of groups) {
    const screens: number[] = []
    const html: number[] = []
    const message: number[] = []
    for (const outlook of outlooks) {
      const mail = await make(outlook, choices)
      if (!mail) continue
      await page.setContent(mail.html)
      const height = (await page.evaluate('document.documentElement.scrollHeight')) as number
      screens.push(height / SCREEN.height)
      html.push(mail.htmlBytes / 1000)
      message.push(mail.messageBytes / 1000)
    }
    const show = (values: number[]) => `${at(values, 0.5).toFixed(2)} (most ${at(values, 1).toFixed(2)})`
    stdout.write(
      `${name.padEnd(15)} ${String(screens.length).padStart(3)} emails: ${show(screens)} screens, HTML ${show(html)} kB, message ${show(message)} kB\n`,
    )
  }
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

/** Takes the first screens and whole pictures of what people look at most. */
async function shootAll(from: Browser, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  const days = capturedEditions()
  const day = (date: string) => days.find((each) => each.date === date) as Outlook
  const week = capturedWeeks().find((each) => each.date === '2025-08-08') as Outlook
  const plain = (outlook: Outlook) => ({
    ...outlook,
    places: outlook.places.filter(({ section }) => section === 'ranked'),
  })
  const exhibits: [name: string, outlook: Outlook, choices: object][] = [
    ['default', plain(day('2025-08-07')), {}],
    ['two-topics', day('2025-08-12'), { include: ['agents', 'diffusion'] }],
    ['late-riser', day('2025-08-08'), { papers: 5 }],
    ['weekly', week, {}],
    ['full-30', day('2025-08-12'), { papers: 30, length: 'full' }],
    ['titles', day('2025-08-12'), { papers: 25, length: 'titles' }],
  ]
  for (const [name, outlook, choices] of exhibits) {
    if (given.only !== undefined && given.only !== name) continue
    const mail = await make(outlook, choices)
    if (!mail) continue
    for (const width of WIDTHS) {
      for (const colorScheme of SCHEMES) {
        const page = await from.newPage({ colorScheme, viewport: { width, height: 800 } })
        await page.setContent(mail.html)
        await page.screenshot({ path: join(directory, `${name}-${width}-${colorScheme}.png`), fullPage: true })
        await page.setViewportSize({ width, height: 2 * SCREEN.height })
        await page.screenshot({ path: join(directory, `${name}-${width}-${colorScheme}-first.png`) })
        await page.close()
      }
    }
    stdout.write(`${name}: ${mail.subject} · HTML ${(mail.htmlBytes / 1000).toFixed(1)} kB\n`)
  }
}

function make(outlook: Outlook, choices: object): Promise<PreviewMail | undefined> {
  const reader = { address: DEFAULT_READER, choices: parseChoices(choices), missed: false }
  return makePreview(outlook, reader, HOST, templates)
}
