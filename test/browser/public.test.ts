// The public pages as a browser and a validator see them: valid, accessible, as wide as the window,
// by day and by night. The browser's part is skipped where there is no Chromium.
// @module-tag long
import axe from 'axe-core'
import { Hono } from 'hono'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { editionPage } from '../../src/web/editions/edition.ts'
import { editionsPage } from '../../src/web/editions/editions.ts'
import type { PaperValues } from '../../src/web/editions/paper-values.ts'
import { searchPage } from '../../src/web/editions/search.ts'
import { editionValues } from '../../src/web/editions/shown-edition.ts'
import { openPages } from '../../src/web/page/pages.ts'
import { challengePage, showAltcha } from '../../src/web/sign-up/challenge.ts'
import { frontPage } from '../../src/web/sign-up/front.ts'
import { makeChallenge, takeProof, WAIT_S } from '../../src/web/sign-up/proof.ts'
import { subscribeForm } from '../../src/web/sign-up/subscribe-form.ts'
import { openFormKeys } from '../../src/web/visit/form-keys.ts'
import type { Limits } from '../../src/web/visit/limits.ts'
import { inventPlaces, TEST_SECRET } from '../support/round.ts'
import { hasChromium, openChromium } from './chromium.ts'
import { listFaults } from './validity.ts'

const ORIGIN = 'https://papers.example'
const HEIGHT = 900
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
const day = {
  label: 'Thu 5 March',
  path: '/d',
  standing: 'Still voting',
  papers: '3 papers',
  first: 'A title',
  weekPath: '/w',
}
const parts = [
  { text: 'A ', marked: false },
  { text: 'title', marked: true },
]
const [place = values.late[0] as PaperValues] = values.papers
const found = { ...place, titleParts: parts, people: parts, excerpt: parts, date: 'Thursday', path: '/d#p' }

const formKeys = openFormKeys(deriveLinkKeys([TEST_SECRET]))
const altcha = new Hono().get('/altcha/*', showAltcha())
const asked = {
  fields: [{ name: 'address', value: 'ada@one.example' }],
  challenge: await makeChallenge(formKeys),
  seconds: String(WAIT_S),
}
const askedOf = (ticket: string) => pages.render(challengePage, { title: 'T', challenge: true }, { ...asked, ticket })

const SHOWN: Record<string, string> = {
  asked: askedOf('a-ticket'),
  'asked without a ticket': askedOf(''),
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
  /** One for all screens: a context for each would start another renderer. */
  let screen: Awaited<ReturnType<typeof open>>
  beforeAll(async () => {
    browser = await openChromium()
    screen = await open('front', 320, 'light')
  })
  afterAll(() => browser?.close())

  /** Opens a page as the server would send it, its stylesheet and script with it. */
  async function open(
    name: string,
    width: number,
    colorScheme: 'light' | 'dark',
    { javaScriptEnabled = true, proves = false } = {},
  ) {
    const settings = { viewport: { width, height: HEIGHT }, colorScheme, timezoneId: 'Asia/Kolkata', javaScriptEnabled }
    const context = await browser.newContext(settings)
    const files: Record<string, string> = { '/style.css': pages.stylesheet, '/zone.js': pages.script }
    files['/challenge.js'] = proves ? pages.challengeScript : ''
    const posted: URLSearchParams[] = []
    const shown = { name }
    await context.route('**/*', async (route) => {
      const { pathname } = new URL(route.request().url())
      if (pathname === '/subscribe') posted.push(new URLSearchParams(route.request().postData() ?? ''))
      if (pathname.startsWith('/altcha/')) files[pathname] = await (await altcha.request(pathname)).text()
      const contentType = pathname.endsWith('.css')
        ? 'text/css'
        : pathname.endsWith('.js')
          ? 'text/javascript'
          : 'text/html'
      return route.fulfill({
        body: files[pathname] ?? SHOWN[shown.name] ?? '',
        contentType: `${contentType}; charset=utf-8`,
      })
    })
    const page = await context.newPage()
    await page.goto(ORIGIN)
    return { page, posted, shown, close: () => context.close() }
  }

  const screens = NAMES.flatMap((name) => [
    { name, width: 320, colorScheme: 'light' as const },
    { name, width: 1100, colorScheme: 'dark' as const },
  ])
  it.each(screens)('is accessible and fits: $name, $width px, $colorScheme', async ({ name, width, colorScheme }) => {
    const { page, shown } = screen
    shown.name = name
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height: HEIGHT })
    await page.goto(ORIGIN)
    await page.evaluate(axe.source)
    const violations = await page.evaluate<string[]>(
      'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))',
    )
    expect(violations).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0)
  })

  it.each(['light', 'dark'] as const)(
    'tells its button and what is chosen in forced colours: %s',
    async (colorScheme) => {
      const { page, shown } = screen
      shown.name = 'front'
      await page.emulateMedia({ colorScheme, forcedColors: 'active' })
      try {
        await page.goto(ORIGIN)
        const [main, lesser] = await page.evaluate<string[]>(
          `['.button:not(.quieter)', '.button.quieter'].map((of) => getComputedStyle(document.querySelector(of)).border)`,
        )
        expect([main, lesser]).toEqual([expect.stringContaining('2px solid'), expect.stringContaining('1px solid')])
        const grounds = await page.evaluate<string[]>(
          `[...document.querySelectorAll('.choice label')].map((label) => getComputedStyle(label).backgroundColor)`,
        )
        // The first one is chosen.
        expect(grounds.slice(2)).toEqual(grounds.slice(1, -1))
        expect(grounds[0]).not.toBe(grounds[1])
      } finally {
        await page.emulateMedia({ forcedColors: 'none' })
      }
    },
  )

  it.each(['front', 'edition'])('prints what is read, by night too, and nothing to press: %s', async (name) => {
    const { page, shown } = screen
    const inkOf = () => page.evaluate<string>(`getComputedStyle(document.querySelector('h1')).color`)
    shown.name = name
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto(ORIGIN)
    const ink = await inkOf()
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    try {
      expect(await inkOf()).toBe(ink)
      const seen = await page.evaluate<string[]>(
        `[...document.querySelectorAll('form, button, nav:not(.top), nav.top > a, details, .papers h3')]
          .filter((element) => element.checkVisibility()).map(({ tagName }) => tagName)`,
      )
      expect(seen).toEqual([...values.papers, ...values.late].map(() => 'H3'))
      expect(await page.evaluate(`getComputedStyle(document.querySelector('h3 a'), '::after').content`)).toBe(
        `"${values.papers[0]?.paperUrl}"`,
      )
    } finally {
      await page.emulateMedia({ media: 'screen' })
    }
  })

  it('keeps each choice within its frame when a reader spaces letters and words', async () => {
    const { page, shown } = screen
    shown.name = 'front'
    await page.setViewportSize({ width: 320, height: HEIGHT })
    await page.goto(ORIGIN)
    await page.addStyleTag({ content: '*{letter-spacing:.12em!important;word-spacing:.16em!important}' })
    const rooms = await page.evaluate<number[]>(
      `[...document.querySelectorAll('.choice span')].map((words) => {
        const { left, right } = words.getBoundingClientRect()
        const frame = words.parentElement.getBoundingClientRect()
        return Math.min(left - frame.left, frame.right - right)
      })`,
    )
    expect(Math.min(...rooms)).toBeGreaterThanOrEqual(8)
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
    const plain = await open('front', 375, 'light', { javaScriptEnabled: false })
    expect(await plain.page.inputValue('#zone')).toBe('UTC')
    await plain.close()
  })

  it('proves a sign-up by itself, and sends what was typed once more', async () => {
    const { page, posted, close } = await open('asked', 375, 'light', { proves: true })
    try {
      await page.waitForURL('**/subscribe')
      const [form] = posted
      const once: Pick<Limits, 'takeOnce'> = { takeOnce: async () => true }
      const brought = { solution: form?.get('solution') ?? '', ticket: '' }
      expect(form?.get('address')).toBe('ada@one.example')
      expect(await takeProof(brought, formKeys, once as Limits)).toBe('solved')
    } finally {
      await close()
    }
  })

  it('without script shows the button once the wait is over, and nothing to press before', async () => {
    const { page, posted, close } = await open('asked', 375, 'light', { javaScriptEnabled: false })
    try {
      const button = page.getByRole('button', { name: 'Go on' })
      expect(await button.isVisible()).toBe(false)
      // Its seconds pass a hundred times as fast.
      const protocol = await page.context().newCDPSession(page)
      await protocol.send('Animation.enable')
      await protocol.send('Animation.setPlaybackRate', { playbackRate: 100 })
      await button.click()
      await page.waitForURL('**/subscribe')
      expect(Object.fromEntries(posted[0] ?? [])).toEqual({
        ...{ address: 'ada@one.example', solution: '', ticket: 'a-ticket' },
      })
    } finally {
      await close()
    }
  })
})
