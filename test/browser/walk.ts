// A reader's whole life in a real browser, from the form on the front page to the erasure, by the
// links of the mails alone. Every page on the way is looked at: valid, accessible, no wider than
// the window, nothing too small for a finger.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import axe from 'axe-core'
import { type ParsedMail, simpleParser } from 'mailparser'
import type { Page, Response } from 'playwright-core'
import { expect } from 'vitest'
import { isFull } from '../support/full.ts'
import { measure } from './measure.ts'
import { listFaults } from './validity.ts'

export interface Walk {
  /** Of a running demo. */
  url: string
  /** Where it writes its mails. */
  outbox: string
  page: Page
  /** Nobody else's on this server. */
  address: string
  /** Whether the page runs scripts. */
  script: boolean
  /** A page that runs scripts in any case: what judges pages is one. */
  judge: Page
  /** Is told each page, for pictures. */
  look?: (page: Page, name: string) => Promise<void>
}

/** The form's own minimum, and a little. */
const READING_MS = 2_200
const MAIL_MS = 40_000
const PAUSE_MS = 200

const VIOLATIONS =
  'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))'

/** Walks the whole life. Returns the names of the pages that were looked at. */
export async function walk(given: Walk): Promise<string[]> {
  const { url, page, address, script } = given
  const seen: string[] = []
  const judged = new Set<string>()
  let answer: Response | undefined
  page.on('response', (response) => {
    const isPage = response.headers()['content-type']?.startsWith('text/html')
    if (isPage && response.request().isNavigationRequest() && response.frame() === page.mainFrame()) answer = response
  })
  const look = async (name: string) => {
    seen.push(name)
    await given.look?.(page, name)
    expect(await listFaults((await answer?.text()) ?? ''), name).toEqual([])
    await inspect(script ? page : await copy(given), name, judged)
  }
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const heading = () => page.getByRole('heading', { level: 1 }).textContent()

  await page.goto(url)
  const zone = await page.locator('#zone').inputValue()
  expect(zone).toBe(script ? 'Europe/Paris' : 'UTC')
  await look('front')
  await sleep(READING_MS)
  const [local = '', host = ''] = address.split('@')
  await page.getByLabel('Email address').fill(`${local}@gmial.com`)
  await press('Subscribe')
  expect(await page.locator('#address-problem').textContent()).toContain(`Did you mean ${local}@gmail.com?`)
  await look('spelling')
  await page.getByLabel('Email address').fill(`${local}@${host}`)
  await press('Subscribe')
  if ((await heading()) === 'One moment') {
    // Several walks from one network: a script proves itself, whoever has none waits and goes on.
    await look('one-moment')
    if (!script) await press('Go on')
  }
  await page.getByRole('heading', { name: 'Check your inbox' }).waitFor()
  await look('asked')

  const asked = await findMail(given, 'notices', 'Confirm your subscription')
  await page.goto(linkIn(asked, 'confirm'))
  expect(await heading()).toBe('Confirm your subscription?')
  await look('confirm')
  await press('Confirm')
  expect(await heading()).toBe("You're subscribed")
  await look('confirmed')
  await page.goto(linkIn(asked, 'confirm'))
  expect(await heading()).toBe("You're subscribed")
  await look('confirmed-already')

  const digest = await findMail(given, /^\d{4}-\d{2}-\d{2}-daily$/, '')
  await page.goto(linkIn(digest, 'view'))
  await look('view')
  await page.goto(linkIn(digest, 'preferences'))
  expect(new URL(page.url()).pathname).toBe('/preferences')
  await look('preferences')
  const before = await page.locator('#look-back').textContent()
  await page.getByLabel('Papers, at most').fill('2')
  await page.getByLabel('Topics', { exact: true }).fill('video\nlanguage models')
  await page.getByLabel('Only these').check()
  if (script) {
    await expect.poll(() => page.locator('#look-back').textContent()).not.toBe(before)
  } else {
    await press('Preview')
    expect(await page.locator('.told').textContent()).toContain('nothing is saved')
  }
  await look('previewed')
  await press('Save')
  const told = page.locator('.told')
  expect(await told.textContent()).toContain('It holds at most 2 papers; it held 10.')
  expect(await told.textContent()).toContain('Topics you include: video, language models.')
  await look('saved')
  await told.getByRole('link', { name: 'Undo' }).click()
  await look('undo')
  await press('Undo')
  expect(await heading()).toBe('Undone')
  await look('undone')
  await page.goto(`${url}/preferences`)
  expect(await page.getByLabel('Papers, at most').inputValue()).toBe('10')
  await page.getByLabel('Papers, at most').fill('900')
  await page.evaluate('document.querySelector("form.choices").noValidate = true')
  await press('Save')
  expect(await page.locator('#papers-problem').textContent()).toContain('from 1 to 50')
  await look('mistaken')
  await page.goto(`${url}/preferences`)
  await press('Snooze for two weeks')
  expect(await told.textContent()).toContain('You get nothing through')
  await look('snoozed')
  await press('Resume now')
  expect(await told.textContent()).toContain('Digests come again')
  for (const step of ['weekly', 'pause', 'fewer']) {
    await page.goto(`${linkIn(digest, 'preferences')}?step=${step}`)
    await look(`step-${step}`)
  }
  await press('Fewer papers')
  expect(await told.textContent()).toContain('It holds at most 5 papers')

  await page.goto(linkIn(digest, 'unsubscribe'))
  await look('unsubscribe')
  const leaving = await fetch(oneClickOf(digest), {
    method: 'POST',
    redirect: 'error',
    body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }),
  })
  expect([leaving.status, await leaving.text()]).toEqual([200, 'Unsubscribed.'])
  await page.goto(linkIn(digest, 'unsubscribe'))
  expect(await heading()).toBe('Already unsubscribed')
  await look('goodbye')
  await press('Subscribe again')
  expect(await heading()).toBe('Welcome back')
  await look('back')

  await page.goto(linkIn(digest, 'preferences'))
  await press('Export my data')
  expect(await told.textContent()).toContain('We emailed a link to export your data')
  await page.goto(linkIn(await findMail(given, 'notices', 'data'), 'export'))
  await look('export')
  const link = page.url()
  const [download] = await Promise.all([page.waitForEvent('download'), press('Download')])
  const data = JSON.parse(await readFile(await download.path(), 'utf8'))
  expect(data.subscriber.address).toBe(address)
  expect(data.digests).toHaveLength(1)
  await page.goto(link)
  expect(await heading()).toBe('This link was used')
  await look('used')
  await page.goto(`${url}/preferences`)
  await press('Erase me')
  await page.goto(linkIn(await findMail(given, 'notices', 'Delete everything'), 'erase'))
  await look('erase')
  await press('Erase me')
  expect(await heading()).toBe('Your data is erased')
  await look('erased')
  for (const purpose of ['preferences', 'view'] as const) {
    expect((await page.goto(linkIn(digest, purpose)))?.status()).toBe(404)
  }
  await look('missing')
  return seen
}

/**
 * Shows the judge what the page shows, at the same address, so that the same stylesheet applies.
 */
async function copy({ page, judge }: Walk): Promise<Page> {
  const body = await page.content()
  const isPage = (address: URL) => address.href === page.url()
  await judge.route(isPage, (route) => route.fulfill({ body, contentType: 'text/html; charset=utf-8' }))
  await judge.goto(page.url())
  await judge.unroute(isPage)
  return judge
}

/** Lists the kinds of elements of a page: runs in it. */
const KINDS = `[...new Set([...document.body.querySelectorAll('*')].map((each) => [each.localName, each.type, ...each.classList].join('.')))]`

/**
 * A page of kinds of elements that were all judged on earlier pages is not judged again, unless in
 * full: `judged` keeps them.
 */
async function inspect(page: Page, name: string, judged: Set<string>): Promise<void> {
  const found = await measure(page)
  expect(found.overflow, `${name} is wider than the window`).toBeLessThanOrEqual(0)
  expect(found.small, name).toEqual([])
  const kinds = await page.evaluate<string[]>(KINDS)
  if (!isFull && kinds.every((kind) => judged.has(kind))) return
  for (const kind of kinds) judged.add(kind)
  await page.evaluate(axe.source)
  expect(await page.evaluate<string[]>(VIOLATIONS), name).toEqual([])
}

/** Waits for a mail to the walker whose subject holds some words. The newest is returned. */
async function findMail({ outbox, address }: Walk, folder: string | RegExp, words: string): Promise<ParsedMail> {
  for (let waitedMs = 0; waitedMs < MAIL_MS; waitedMs += PAUSE_MS) {
    const folders = await readdir(outbox)
    const names = folders.filter((each) => (typeof folder === 'string' ? each === folder : folder.test(each)))
    for (const name of names) {
      for (const file of await readdir(join(outbox, name))) {
        if (!file.endsWith('.eml')) continue
        const bytes = await readFile(join(outbox, name, file))
        if (!bytes.includes(address)) continue
        const mail = await simpleParser(bytes)
        if (mail.subject?.includes(words)) return mail
      }
    }
    await sleep(PAUSE_MS)
  }
  throw new Error(`no mail with "${words}" in its subject came`)
}

/** Returns the mail's own link of a purpose, as a reader would press it. */
function linkIn(mail: ParsedMail, purpose: string): string {
  const link = new RegExp(`https?://[^\\s"<>]+/${purpose}/[\\w-]+`).exec(mail.html || '')?.[0]
  if (link === undefined) throw new Error(`the mail has no link to ${purpose}`)
  return link
}

function oneClickOf(mail: ParsedMail): string {
  const line = mail.headerLines.find(({ key }) => key === 'list-unsubscribe')?.line ?? ''
  return /<(https?:[^>]+)>/.exec(line)?.[1] ?? ''
}
