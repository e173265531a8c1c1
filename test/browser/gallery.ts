// Takes pictures of representative digests at phone and desktop width, by day and by night and as
// other mail programs show them, straight from the templates: no server, no database. Run: npx tsx
// test/browser/gallery.ts (into gallery/, which is not committed; --into FOLDER for another, --only
// NAME for one of them), or with --picture FILE for the README's one picture, of our own sample day
// only.
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Browser } from 'playwright-core'
import type { EditionKind } from '../../src/database/states.ts'
import { loadTemplates } from '../../src/digest/rendering.ts'
import { type Outlook, outlookFromSource } from '../../src/edition/outlook.ts'
import { openDailyPapersFiles } from '../../src/source/daily-papers-file.ts'
import type { EditionDate } from '../../src/source/paper.ts'
import { SAMPLE_DATES } from '../../src/source/sample.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { outlookFromSample } from '../../src/web/preview/editions.ts'
import { DEFAULT_READER, makePreview } from '../../src/web/preview/mail.ts'
import { forceScheme } from '../../src/web/preview/scheme.ts'
import { capturedEditions } from '../support/captured-editions.ts'
import { openChromium } from './chromium.ts'
import { asWord, withoutScheme, withoutStyles } from './clients.ts'

interface Exhibit {
  name: string
  outlook: Outlook
  choices: object
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CAPTURED = join(ROOT, '../shared/data/daily-papers/same-day')
const GALLERY = join(ROOT, 'gallery')
const HOST = {
  publicUrl: 'https://papers.example.org',
  mailFrom: 'Daily Papers <papers@example.org>',
  postalAddress: '1 Example Street, Example Town',
  unsubscribeMailto: null,
}
const WIDTHS = [375, 700]
/** What of the HTML is shown, by which colours, and whether the program darkens it by itself. */
const LOOKS = [
  { look: 'light', as: (html: string) => html, colorScheme: 'light', darkens: false },
  { look: 'dark', as: (html: string) => html, colorScheme: 'dark', darkens: false },
  { look: 'no-styles', as: withoutStyles, colorScheme: 'light', darkens: false },
  { look: 'word', as: asWord, colorScheme: 'light', darkens: false },
  { look: 'forced-dark', as: withoutScheme, colorScheme: 'light', darkens: true },
] as const
/** A README should not be heavy: the sharpest picture below this is kept. */
const PICTURE_MAX_BYTES = 300_000
const SHARPNESS = [2, 1.5, 1.25, 1]
/** In CSS pixels: as much of the mail as a screen shows. */
const PICTURE = { width: 1117, height: 720 }

const { values: given } = parseArgs({
  options: { picture: { type: 'string' }, into: { type: 'string', default: GALLERY }, only: { type: 'string' } },
})
const templates = await loadTemplates()
const browser = await openChromium()
try {
  if (given.picture === undefined) await hang(browser, given.into, given.only)
  else await paint(browser, given.picture)
} finally {
  await browser.close()
}

/** Writes every exhibit at every width in every look, and a page to look at them. */
async function hang(from: Browser, folder: string, only: string | undefined): Promise<void> {
  if (folder === GALLERY) await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const rows: string[] = []
  for (const { name, outlook, choices } of await chooseExhibits()) {
    if (only !== undefined && only !== name) continue
    const mail = await render(outlook, choices)
    const files: string[] = []
    for (const width of WIDTHS) {
      for (const { look, as, colorScheme, darkens } of LOOKS) {
        const page = await from.newPage({ colorScheme, viewport: { width, height: 900 } })
        await page.setContent(as(mail.html))
        const devTools = await page.context().newCDPSession(page)
        await devTools.send('Emulation.setAutoDarkModeOverride', { enabled: darkens })
        files.push(`${name}-${width}-${look}.png`)
        await page.screenshot({ path: join(folder, files.at(-1) as string), fullPage: true })
        await page.close()
      }
    }
    const facts = `${outlook.date} ${outlook.kind}, ${JSON.stringify(choices)}: HTML ${kilobytes(mail.htmlBytes)}, message ${kilobytes(mail.messageBytes)}`
    rows.push(rowOf(name, `${mail.subject} · ${facts}`, files))
    process.stdout.write(`${name}: ${facts}\n`)
  }
  await writeFile(join(folder, 'index.html'), indexOf(rows))
  process.stdout.write(`${join(folder, 'index.html')}\n`)
}

/** Composes the sample day on one canvas: a phone in the dark beside a desktop in the light. */
async function paint(from: Browser, path: string): Promise<void> {
  const { html } = await render(await outlookFromSample(SAMPLE_DATES[1], 'daily'), {})
  const frame = (device: string, scheme: 'light' | 'dark') =>
    `<iframe class="${device}" srcdoc="${escapeHtml(forceScheme(html, scheme))}"></iframe>`
  const canvas = `<!doctype html><style>
    body { display: flex; gap: 32px; align-items: center; justify-content: center; margin: 0; height: 100vh; }
    iframe { border: 0; outline: 1px solid #9a9a9a; }
    .phone { width: 375px; height: 700px; border-radius: 30px; }
    .desktop { width: 700px; height: 700px; border-radius: 10px; }
  </style>${frame('phone', 'dark')}${frame('desktop', 'light')}`
  await mkdir(dirname(path), { recursive: true })
  for (const deviceScaleFactor of SHARPNESS) {
    const page = await from.newPage({ deviceScaleFactor, viewport: PICTURE })
    await page.setContent(canvas, { waitUntil: 'load' })
    // Without a ground of its own it suits a README in either scheme.
    await page.screenshot({ path, omitBackground: true })
    await page.close()
    const { size } = await stat(path)
    process.stdout.write(`${path}: ${kilobytes(size)} at ${deviceScaleFactor} pixels a pixel\n`)
    if (size <= PICTURE_MAX_BYTES) return
  }
  throw new Error(`the picture is larger than ${kilobytes(PICTURE_MAX_BYTES)} at any sharpness`)
}

/** Chooses from the captured days where they are at hand, from the two sample days elsewhere. */
async function chooseExhibits(): Promise<Exhibit[]> {
  const captured = existsSync(CAPTURED) ? await listCaptured() : []
  const [first, second] = SAMPLE_DATES
  const days = captured.length > 0 ? captured : [await outlookOf(first), await outlookOf(second)]
  const most = (count: (day: Outlook) => number) => days.toSorted((a, b) => count(b) - count(a))[0] as Outlook
  const short = most((day) => -day.places.length)
  const long = most((day) => day.places.length)
  const latex = most((day) => day.places.reduce((sum, { paper }) => sum + paper.title.split(/[$\\]/).length - 1, 0))
  // The Friday of the longest day's week: a full week where it was captured.
  const friday = captured.length > 0 ? fridayOf(long.date) : second
  // A day that an earlier paper's votes beat, where the captures tell of one.
  const risen = capturedEditions().find(({ date }) => date === '2025-08-08')
  return [
    { name: 'default', outlook: captured.find(({ date }) => date === '2025-08-07') ?? days[0] ?? long, choices: {} },
    { name: 'two-topics', outlook: long, choices: { include: ['agents', 'diffusion'] } },
    { name: 'short-day', outlook: short, choices: {} },
    { name: 'long-day', outlook: long, choices: { papers: 50, length: 'full' } },
    { name: 'latex-day', outlook: latex, choices: { papers: 30 } },
    { name: 'filtered', outlook: long, choices: { onlyWithCode: true, minimumVotes: 10, papers: 5 } },
    { name: 'titles', outlook: long, choices: { papers: 30, length: 'titles' } },
    { name: 'weekly', outlook: await outlookOf(friday, 'weekly'), choices: { papers: 20 } },
    { name: 'late-risers', outlook: risen ?? (await outlookFromSample(second, 'daily')), choices: { papers: 5 } },
    { name: 'missed', outlook: await outlookFromSample(second, 'daily'), choices: { papers: 5, missed: true } },
  ]
}

async function listCaptured(): Promise<Outlook[]> {
  const dates = (await readdir(CAPTURED)).flatMap((file) => /^(\d{4}-\d\d-\d\d)\.json$/.exec(file)?.[1] ?? [])
  const days: Outlook[] = []
  for (const date of dates.sort()) days.push(await outlookOf(date))
  return days.filter((day) => day.places.length > 0)
}

function outlookOf(date: EditionDate, kind: EditionKind = 'daily'): Promise<Outlook> {
  return existsSync(CAPTURED)
    ? outlookFromSource(openDailyPapersFiles(CAPTURED), date, kind)
    : outlookFromSample(date, kind)
}

function fridayOf(date: EditionDate): EditionDate {
  const at = new Date(`${date}T00:00:00Z`)
  return new Date(at.getTime() + ((5 - at.getUTCDay() + 7) % 7) * 86_400_000).toISOString().slice(0, 10)
}

async function render(outlook: Outlook, choices: object) {
  const { missed = false, ...rest }: { missed?: boolean } = choices
  const reader = { address: DEFAULT_READER, choices: parseChoices(rest), missed }
  const mail = await makePreview(outlook, reader, HOST, templates)
  if (!mail) throw new Error(`${outlook.date} has nothing for ${JSON.stringify(choices)}`)
  return mail
}

function rowOf(name: string, facts: string, files: readonly string[]): string {
  const pictures = files.map((file) => `<a href="${file}"><img src="${file}" alt="${file}" loading="lazy"></a>`)
  return `<section><h2>${name}</h2><p>${escapeHtml(facts)}</p><div>${pictures.join('\n')}</div></section>`
}

function indexOf(rows: readonly string[]): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Digests</title><style>
    body { margin: 24px; background: #777; color: #fff; font: 15px/1.5 system-ui, sans-serif; }
    div { display: flex; gap: 16px; overflow-x: auto; height: 90vh; align-items: start; overflow-y: auto; }
  </style><h1>Digests</h1>${rows.join('\n')}</html>\n`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
