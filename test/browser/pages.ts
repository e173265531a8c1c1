// Takes pictures of every page of a running demo, narrow and wide, light and dark, and reports what
// a picture does not show: refused resources, sideways scrolling, targets too small for a finger.
// Run: npx tsx test/browser/pages.ts URL DIRECTORY
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { openChromium } from './chromium.ts'
import { measure } from './measure.ts'

const WIDTHS = [320, 375, 1000]
const HEIGHT = 900

const [url = 'http://127.0.0.1:3000', directory = 'shots'] = process.argv.slice(2)
const problems: string[] = []
await mkdir(directory, { recursive: true })
const browser = await openChromium()
try {
  const paths = await findPaths(browser)
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of WIDTHS) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: HEIGHT } })
      const page = await context.newPage()
      page.on('console', (message) => {
        // A page that is looked at because it is not found says so in the console too.
        if (message.type() === 'error' && !message.text().includes('404'))
          problems.push(`${page.url()}: ${message.text()}`)
      })
      for (const [name, path] of paths) await shoot(page, name, path, `${width}-${colorScheme}`)
      await context.close()
    }
  }
} finally {
  await browser.close()
}
process.stdout.write(problems.length === 0 ? 'no problems\n' : `${[...new Set(problems)].join('\n')}\n`)

async function shoot(page: Page, name: string, path: string, variant: string): Promise<void> {
  await page.goto(new URL(path, url).href, { waitUntil: 'networkidle' })
  await picture(page, name, variant)
  if (name !== 'mail') return
  for (const as of ['Phone', 'Text', 'Headers']) {
    const choice = page.locator('.tabs label', { hasText: as })
    // On a phone every mail is as narrow as one.
    if (!(await choice.isVisible())) continue
    await choice.click()
    await picture(page, `mail-${as.toLowerCase()}`, variant)
  }
}

async function picture(page: Page, name: string, variant: string): Promise<void> {
  await page.screenshot({ path: join(directory, `web-${name}-${variant}.png`) })
  const found = await measure(page)
  if (found.overflow > 0) problems.push(`${name} ${variant}: ${found.overflow} px wider than the window`)
  if (found.small.length > 0) problems.push(`${name} ${variant}: too small: ${found.small.join(' | ')}`)
}

/** Follows the links of the first mail, as a reader would. */
async function findPaths(from: Browser): Promise<[name: string, path: string][]> {
  const page = await from.newPage()
  await page.goto(`${url}/outbox`)
  const mail = (await page.locator('.mails h2 a').first().getAttribute('href')) ?? '/'
  await page.goto(new URL(`${mail}/html`, url).href)
  const linked = async (text: string) =>
    new URL((await page.getByText(text, { exact: true }).first().getAttribute('href')) ?? '/', url).pathname
  const paths: [string, string][] = [
    ['front', '/'],
    ['outbox', '/outbox'],
    ['mail', mail],
    ['view', await linked('View in browser')],
    ['unsubscribe', await linked('Unsubscribe')],
    ['missing', '/view/nothing'],
  ]
  await page.close()
  return paths
}
