// Mails in every client: what their HTML and CSS ask of a client, whether they are valid and
// accessible, and how they stand on a phone and on a desk, by day and by night. The browser's part
// is skipped where there is no Chromium.
// @module-tag long
import axe from 'axe-core'
import { caniemail } from 'caniemail'
import { HtmlValidate } from 'html-validate'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Length } from '../../src/database/states.ts'
import { joinDigest, preparePieces } from '../../src/digest/joining/joining.ts'
import { renderNotice } from '../../src/digest/notice.ts'
import { loadTemplates, renderEdition } from '../../src/digest/rendering.ts'
import type { Place } from '../../src/edition/place.ts'
import { HOST, PLACES, place, SLOTS } from '../digest/golden/places.ts'
import { isFull } from '../support/full.ts'
import { hasChromium, openChromium } from './chromium.ts'

const WIDTHS = [320, 700]
const HEIGHT = 900
/** A finger's width in CSS pixels. */
const TARGET_MIN = 44
const PHONE_MAX = 479
/** Papers of an email that lists its contents. */
const LISTED = 16
/** WCAG 2.2, 1.4.12: what readers may ask of any text. */
const SPACED = '*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}'

/** Runs in the page. */
const VIOLATIONS =
  'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))'

/** The clients that caniemail has full data of, less those whose readers it no longer counts. */
const CLIENTS: Parameters<typeof caniemail>[0]['clients'] = [
  'apple-mail.*',
  'gmail.desktop-webmail',
  'gmail.ios',
  'gmail.android',
  'outlook.*',
  'yahoo.*',
  'aol.*',
  'samsung-email.*',
  'protonmail.*',
  'fastmail.*',
]

/**
 * What some of these clients support in part or not at all, and why the mails use it all the same.
 * Nothing else may be used.
 */
const ACCEPTED: { why: string; features: string[] }[] = [
  {
    why: 'stands in <style> alone: phones, dark mode, hover. A client without it shows the inline light look, which is whole',
    features: [
      '<style> element',
      '@media',
      ':hover',
      '!important keyword',
      'Attribute selector',
      'Chaining selectors',
      'Child combinator',
      'Class selector',
      'Descendant combinator',
      'ID selector',
      'Type selector',
    ],
  },
  {
    why: 'hides the preheader (MJML does it in several ways at once, one for each client)',
    features: ['display:none', 'opacity', 'overflow'],
  },
  {
    why: 'ornaments: without them corners are square, and a headline may end in a word alone',
    features: ['border-radius', 'text-wrap'],
  },
  {
    why: 'partial for values that the mails do not use (rem, negative, auto, start, flex, multiple values)',
    features: [
      'margin',
      'padding',
      'border',
      'background',
      'line-height',
      'font-size',
      'font-weight',
      'text-align',
      'text-decoration',
      'display',
      'white-space',
      'align attribute',
    ],
  },
  {
    why: 'sizes of tables, where Outlook takes them from MJML’s own tables and attributes instead',
    features: [
      'max-width',
      'width property',
      'height property',
      'width attribute',
      'table-layout',
      'border-collapse',
      'cellpadding attribute',
      'cellspacing attribute',
    ],
  },
  {
    why: 'what is spoken or which way it runs: where it is dropped, the text is read as it stands',
    features: ['aria-label attribute', 'role attribute', 'lang attribute', 'dir attribute'],
  },
  {
    why: 'MJML’s frame: long words break in any case, and a body that becomes a div keeps its look through the tables in it',
    features: ['<body> element', 'word-break', 'word-spacing', 'outline'],
  },
]

/** What is asked of mails: everything that is recommended for pages, but for these. */
const RULES = {
  // Outlook reads conditional comments and lays out by attributes; no other client minds.
  'no-conditional-comment': 'off',
  'no-deprecated-attr': 'off',
  // Half of the clients drop <style>: what must be there is inline.
  'no-inline-style': 'off',
  // Mail clients wrap what they show; MJML writes the rest of the frame.
  'doctype-style': 'off',
  'prefer-native-element': 'off',
  'prefer-tbody': 'off',
} as const

const mails = new Map<string, string>()
beforeAll(async () => {
  const templates = await loadTemplates()
  const long = place(5, {
    title: `${'Unbreakable'.repeat(9)} 基于大规模视频扩散模型的实时长视频生成一种统一输入表示方法及其在多任务场景中的应用研究`,
    authors: ['محمد بن موسى الخوارزمي', '山田太郎', 'ש. כהן'],
    codeUrl: 'https://github.com/example/long',
    codeStars: 123_456,
    projectUrl: 'https://example.org/project',
  })
  const ranked = [...PLACES.slice(0, 3), { ...long, position: 4, rank: 4 }, { ...place(6, {}), position: 5, rank: 5 }]
  const places: Place[] = [...ranked, { ...(PLACES[3] as Place), position: 6 }]
  const papers = [1, 2, 3, 4, 6]
  for (const length of ['titles', 'short', 'full'] satisfies Length[]) {
    const sheet = { date: '2026-03-05', kind: 'daily', incomplete: true, places } as const
    const pieces = await renderEdition(sheet, length, HOST, templates)
    const selection = { papers, reasons: papers.map(() => 0) }
    mails.set(length, joinDigest(preparePieces(pieces, 'utf8'), selection, SLOTS).html)
  }
  const action = { label: 'Confirm', url: `https://papers.example.org/confirm/${SLOTS.view}` }
  const notice = { title: 'Confirm', preheader: 'One click.', paragraphs: ['One.', 'Two.'], action, footer: 'Why.' }
  mails.set('notice', (await renderNotice(notice, HOST, templates)).html)
})
const NAMES = ['titles', 'short', 'full', 'notice']
const mailOf = (name: string) => mails.get(name) as string

describe('what mails ask of clients', () => {
  it('is supported or on the list, and the list holds nothing else', () => {
    const used = new Set<string>()
    for (const html of mails.values()) {
      const { issues } = caniemail({ clients: CLIENTS, html })
      for (const found of [issues.errors, issues.warnings]) {
        for (const each of found.values()) for (const { title } of each) used.add(title)
      }
    }
    const accepted = ACCEPTED.flatMap(({ features }) => features)
    expect([...used].filter((title) => !accepted.includes(title))).toEqual([])
    expect(accepted.filter((title) => !used.has(title))).toEqual([])
  })

  const validator = new HtmlValidate({ root: true, extends: ['html-validate:recommended'], rules: RULES })
  it.each(NAMES)('is valid HTML (%s)', async (name) => {
    const { results } = await validator.validateString(mailOf(name))
    const problems = results.flatMap(({ messages }) =>
      messages.map(({ line, ruleId, message }) => `${line} ${ruleId}: ${message}`),
    )
    expect(problems).toEqual([])
  })

  it.each(NAMES)('says its language and direction, and leaves other directions to each text (%s)', (name) => {
    expect(mailOf(name)).toMatch(/<html lang="en" dir="ltr"/)
    // A mail of lines alone has no titles: what runs from right to left stands isolated in them.
    expect(/<h[12] class="t( [hlm])?" dir="auto"/.test(mailOf(name))).toBe(name !== 'titles')
  })
})

describe.skipIf(!hasChromium)('a mail on a screen', () => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await openChromium()
    page = await browser.newPage()
  })
  afterAll(() => browser?.close())

  const screens = NAMES.flatMap((name) =>
    WIDTHS.flatMap((width) => (['light', 'dark'] as const).map((colorScheme) => ({ name, width, colorScheme }))),
  )
  it.each(screens)('is accessible and fits: $name, $width px, $colorScheme', async ({ name, width, colorScheme }) => {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height: HEIGHT })
    await page.goto('about:blank')
    await page.setContent(mailOf(name))
    // What axe looks at depends on the width or on the colours, and next to nothing on both.
    if (isFull || width <= PHONE_MAX === (colorScheme === 'light')) {
      await page.evaluate(axe.source)
      expect(await page.evaluate<string[]>(VIOLATIONS)).toEqual([])
    }
    expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0)
    if (width <= PHONE_MAX) expect(await smallTargets(page)).toEqual([])
    const background = await page.evaluate('getComputedStyle(document.querySelector(".sheet > table")).backgroundColor')
    expect(background).toBe(colorScheme === 'dark' ? 'rgb(27, 25, 22)' : 'rgb(255, 254, 251)')
  })

  it('fits a narrow phone when its reader spaces letters and words, with a list of contents too', async () => {
    const places = Array.from({ length: LISTED }, (_, at) =>
      place(at + 1, { title: `${'Common Words '.repeat(2)}${at}` }),
    )
    const sheet = { date: '2026-03-05', kind: 'daily', incomplete: false, places } as const
    const pieces = await renderEdition(sheet, 'full', HOST, await loadTemplates())
    const selection = { papers: places.map(({ position }) => position), reasons: places.map(() => 0) }
    const { html } = joinDigest(preparePieces(pieces, 'utf8'), selection, SLOTS)
    await page.setViewportSize({ width: 320, height: HEIGHT })
    await page.setContent(html)
    await page.addStyleTag({ content: SPACED })
    expect(await page.isVisible('.c')).toBe(true)
    expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0)
  })
})

/**
 * Lists links lower than a finger, but for those within a sentence or a heading, where the line is
 * the target.
 */
function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll('a')]
    .filter((link) => !link.closest('h1, h2') && getComputedStyle(link).display !== 'inline')
    .filter((link) => link.getBoundingClientRect().height < ${TARGET_MIN})
    .map((link) => link.textContent.trim() + ' ' + link.getBoundingClientRect().height)`)
}
