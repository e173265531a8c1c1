import { chromium } from 'playwright-core'
import { it } from 'vitest'
import { walk } from './walk.ts'

it('walks', async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  try {
    const context = await browser.newContext({
      viewport: { width: Number(process.env.W ?? 375), height: 812 },
      colorScheme: (process.env.C ?? 'light') as 'light',
      javaScriptEnabled: process.env.S !== '0',
      timezoneId: 'Europe/Paris',
    })
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    const v = `${process.env.W ?? 375}-${process.env.C ?? 'light'}`
    await walk({
      url: 'http://localhost:3907',
      outbox: '/tmp/reader-demo/outbox',
      page,
      script: process.env.S !== '0',
      address: `ada.${Date.now()}@example.org`,
      look: async (p, name) => {
        await p.screenshot({ path: `/tmp/reader-shots/${name}-${v}.png`, fullPage: true })
      },
    })
  } finally {
    await browser.close()
  }
}, 200_000)
