// The public pages as a browser and a validator see them: valid, accessible, as wide as the window,
// by day and by night. The browser's part is skipped where there is no Chromium.
import axe from 'axe-core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { editionPage } from '../../src/web/editions/edition.ts'
import { editionsPage } from '../../src/web/editions/editions.ts'
import type { PaperValues } from '../../src/web/editions/paper-values.ts'
import { searchPage } from '../../src/web/editions/search.ts'
import { editionValues } from '../../src/web/editions/shown-edition.ts'
import { openPages } from '../../src/web/page/pages.ts'
import { frontPage } from '../../src/web/sign-up/front.ts'
import { subscribeForm } from '../../src/web/sign-up/subscribe-form.ts'
import { inventPlaces } from '../support/round.ts'
import { hasChromium, openChromium } from './chromium.ts'
import { listFaults } from './validity.ts'

const ORIGIN = 'https://papers.example'
const pages = openPages({ publicUrl: ORIGIN })
const about = { path: '/', description: 'Papers.' }
const [late, ...places] = inventPlaces('2026-03-05', 4)
const values = editionValues({
  date: '2026-03-05',
  kind: 'daily',
  edition: undefined,
  places,
  late: late === undefined ? [] : [late],
  now: new Map(places.map(({ paper }) => [paper.id, { upvotes: 240, comments: 3 }])),
})
const around = { earlierPath: '/e', earlierLabel: 'Earlier', laterPath: '/l', laterLabel: 'Later' }
const hints = { earlierHint: 'Previous day', laterHint: 'Next day' }
const entry = { address: 'ada@', cadence: 'weekly', weekday: '5', hour: '18', zone: 'Asia/Kolkata', welcome: true }
const wrong = { address: 'There is no host.', zone: 'Unknown.', note: 'Please look again.' }
const front = {
  ...values,
  datePath: '/d',
  earlierPath: '/e',
  earlierLabel: 'Wed 4 March',
  cutoff: '00:30',
  outbox: true,
}
const day = { label: 'Thu 5 March', path: '/d', standing: 'Held', papers: '3 papers', first: 'A title', weekPath: '/w' }
const parts = [
  { text: 'A ', marked: false },
  { text: 'title', marked: true },
]
const [place = values.late[0] as PaperValues] = values.papers
const found = { ...place, titleParts: parts, people: parts, excerpt: parts, date: 'Thursday', path: '/d#p' }

const SHOWN: Record<string, string> = {
  front: pages.render(frontPage, { title: 'T', form: true, about }, { ...front, form: subscribeForm('stamp') }),
  refused: pages.render(
    frontPage,
    { title: 'T', form: true, about },
    { ...front, form: subscribeForm('', entry, wrong) },
  ),
  edition: pages.render(
    editionPage,
    { title: 'T', about },
    { ...values, ...around, ...hints, otherPath: '/w', otherLabel: 'Week' },
  ),
  editions: pages.render(editionsPage, { title: 'T', about }, { month: 'March 2026', days: [day, day], ...around }),
  search: pages.render(searchPage, { title: 'T' }, { words: 'title', summary: '1 found.', papers: [found], ...around }),
}
const NAMES = Object.keys(SHOWN)

it.each(NAMES)('is valid HTML: %s', async (name) => {
  expect(await listFaults(SHOWN[name] as string)).toEqual([])
})

describe.skipIf(!hasChromium)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openChromium()
  })
  afterAll(() => browser?.close())

  /** Opens a page as the server would send it, its stylesheet and script with it. */
  async function open(name: string, width: number, colorScheme: 'light' | 'dark', javaScriptEnabled = true) {
    const settings = { viewport: { width, height: 900 }, colorScheme, timezoneId: 'Asia/Kolkata', javaScriptEnabled }
    const context = await browser.newContext(settings)
    const files: Record<string, string> = { '/style.css': pages.stylesheet, '/zone.js': pages.script }
    await context.route('**/*', (route) => {
      const { pathname } = new URL(route.request().url())
      const contentType = pathname.endsWith('.css')
        ? 'text/css'
        : pathname.endsWith('.js')
          ? 'text/javascript'
          : 'text/html'
      return route.fulfill({ body: files[pathname] ?? SHOWN[name] ?? '', contentType: `${contentType}; charset=utf-8` })
    })
    const page = await context.newPage()
    await page.goto(ORIGIN)
    return { page, close: () => context.close() }
  }

  const screens = NAMES.flatMap((name) => [
    { name, width: 320, colorScheme: 'light' as const },
    { name, width: 1100, colorScheme: 'dark' as const },
  ])
  it.each(screens)('is accessible and fits: $name, $width px, $colorScheme', async ({ name, width, colorScheme }) => {
    const { page, close } = await open(name, width, colorScheme)
    try {
      await page.evaluate(axe.source)
      const violations = await page.evaluate<string[]>(
        'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))',
      )
      expect(violations).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0)
    } finally {
      await close()
    }
  })

  it('guesses the time zone of an untouched form only, and shows the weekday of a weekly digest only', async () => {
    const { page, close } = await open('front', 375, 'light')
    try {
      // Browsers know the place by either of its names.
      expect(await page.inputValue('#zone')).toMatch(/^Asia\/(Kolkata|Calcutta)$/)
      expect(await page.isVisible('#weekday')).toBe(false)
      await page.check('[value=weekly]')
      expect(await page.isVisible('#weekday')).toBe(true)
    } finally {
      await close()
    }
    const plain = await open('front', 375, 'light', false)
    expect(await plain.page.inputValue('#zone')).toBe('UTC')
    await plain.close()
  })
})
