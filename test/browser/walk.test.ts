// The whole life of a reader on the real server: the demo as it is started by hand, on embedded
// stores of its own. With SHOTS=DIRECTORY every page on the way is kept as a picture.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isFull } from '../support/full.ts'
import { copyFreshFiles } from '../support/kept-files.ts'
import { builtFile } from '../support/program.ts'
import { hasChromium, openChromium } from './chromium.ts'
import { walk } from './walk.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const shots = process.env.SHOTS
const START_MS = 180_000
const WALK_MS = 300_000
const STEP_MS = 60_000

const ALL = [375, 700].flatMap((width) =>
  (['light', 'dark'] as const).flatMap((colorScheme) =>
    [true, false].map((script) => ({ width, colorScheme, script, with: script ? 'with' : 'without' })),
  ),
)
/**
 * A walk's address is asked once a day: each has its own. A network is asked to wait after a few
 * sign-ups, and told to come back later after some more: four walks share one.
 */
const WALKS = isFull ? ALL : ALL.slice(0, 1)

describe.skipIf(!hasChromium)('a reader’s life', () => {
  let browser: Browser
  let demo: ChildProcess
  let folder: string
  let url: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'paper-round-walk-'))
    await copyFreshFiles(join(folder, 'demo'))
    const port = await findPort()
    url = `http://localhost:${port}`
    demo = spawn(process.execPath, [await builtFile('src/cli.ts'), 'demo', '--subscribers', '1', '--json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...SETTINGS, DATA_DIR: folder, OUTBOX_DIR: join(folder, 'outbox'), PORT: `${port}` },
    })
    // Its summary comes once the round is over.
    await Promise.race([once(demo.stdout as NodeJS.ReadableStream, 'data'), ended(demo)])
    browser = await openChromium()
  }, START_MS)
  afterAll(async () => {
    await browser?.close()
    if (demo.exitCode === null) {
      demo.kill('SIGINT')
      await once(demo, 'exit')
    }
    await rm(folder, { recursive: true })
  }, STEP_MS)

  it.each(WALKS)(
    'from the form to the erasure, $width px, $colorScheme, $with script',
    async ({ width, colorScheme, script }) => {
      const screen = { viewport: { width, height: 812 }, colorScheme, timezoneId: 'Europe/Paris' }
      const extraHTTPHeaders = { 'X-Forwarded-For': width < 500 ? '192.0.2.1' : '198.51.100.1' }
      const context = await browser.newContext({ ...screen, javaScriptEnabled: script, extraHTTPHeaders })
      const judging = await browser.newContext({ ...screen, bypassCSP: true })
      try {
        const page = await context.newPage()
        page.setDefaultTimeout(STEP_MS)
        const complaints: string[] = []
        // A page that is looked at because it is refused says so in the console too.
        page.on('console', (message) => {
          if (message.type() === 'error' && !/40[34]|410|422/.test(message.text())) complaints.push(message.text())
        })
        const variant = `${width}-${colorScheme}${script ? '' : '-plain'}`
        const seen = await walk({
          url,
          outbox: join(folder, 'outbox'),
          page,
          script,
          judge: await judging.newPage(),
          address: `walker-${variant}@example.org`,
          ...(shots !== undefined && {
            look: async (shown, name) => {
              await shown.screenshot({ path: join(shots, `${name}-${variant}.png`), fullPage: true })
            },
          }),
        })
        expect(seen.length).toBeGreaterThan(20)
        expect(complaints).toEqual([])
      } finally {
        await context.close()
        await judging.close()
      }
    },
    WALK_MS,
  )
})

/** Nothing of the machine's own settings reaches it. */
const SETTINGS = {
  TRUSTED_PROXY: '1',
  DATABASE_URL: '',
  REDIS_URL: '',
  PUBLIC_URL: '',
  MAIL_PROVIDER: '',
  SOURCE: '',
  LINK_SECRET: '',
}

async function ended(demo: ChildProcess): Promise<never> {
  const [code] = await once(demo, 'exit')
  throw new Error(`the demo ended with ${code}`)
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('No port is free')
  return address.port
}
