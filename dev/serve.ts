// The demo and the live preview while somebody works on them: `npm run dev`. Each change of a
// source or template is shown at once, and open pages reload by themselves. This process stays: it
// owns the embedded database and both ports. Vite loads anew what changed and what imports it;
// packages and all other modules stay loaded. Never part of the package.
import { watch } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer, createServerModuleRunner } from 'vite'
import type * as Demo from '../src/commands/demo.ts'
import type * as Preview from '../src/commands/preview.ts'
import { demoDirectory } from '../src/commands/session.ts'
import { untilSignal } from '../src/commands/signal.ts'
import { readConfig } from '../src/config.ts'
import { untilAborted } from '../src/context.ts'
import { openEmbedded } from '../src/database/embedded/embedded.ts'
import { describeError } from '../src/errors.ts'
import { openLogger } from '../src/logger.ts'
import type { listen } from '../src/web/server.ts'
import { type FrontDoor, openFrontDoor } from './front-door.ts'

/** What runs until it is ended, and puts its app behind the door when told to. */
interface Running {
  show(): void
  end(): void
}
type Command = (around: { signal: AbortSignal; listen: typeof listen }) => Promise<void>

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** Editors save in several steps. */
const QUIET_MS = 50
const SILENT = { say() {}, print() {}, follow: () => ({ update() {}, end() {} }) }

const config = readConfig('stores', { PUBLIC_URL: 'http://localhost:3000' })
const dataDir = demoDirectory(config)
const signal = untilSignal()
const say = (line: string) => process.stderr.write(`${line}\n`)
process.on('unhandledRejection', (error) => say(describeError(error)))

const stores = config.databaseUrl ? undefined : await openEmbedded(dataDir, { logger: openLogger('warn') })
const vite = await createServer({
  root: ROOT,
  configFile: false,
  appType: 'custom',
  logLevel: 'warn',
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, ws: false, hmr: false, watch: null },
})
const runner = createServerModuleRunner(vite.environments.ssr, { hmr: false })
const pages = await openFrontDoor(config.port)
const mails = await openFrontDoor(config.port + 1)

const runDemo: Command = async (around) => {
  const { demoCommand } = await runner.import<typeof Demo>(join(ROOT, 'src/commands/demo.ts'))
  await demoCommand({}, { ...around, terminal: SILENT })
}
const runPreview: Command = async (around) => {
  const { previewCommand } = await runner.import<typeof Preview>(join(ROOT, 'src/commands/preview.ts'))
  await previewCommand({}, { ...around, settings: { dataDir }, terminal: SILENT })
}

const changed = new Set<string>()
/** What has not closed its connections yet: the database ends after them. */
const ending = new Set<Promise<void>>()
const running: { demo?: Running; preview?: Running } = {}
let showing = show()
let quiet: NodeJS.Timeout | undefined
const watchers = ['src', 'templates'].map((folder) =>
  watch(join(ROOT, folder), { recursive: true }, (_, name) => {
    if (name === null || name.endsWith('~')) return
    changed.add(join(ROOT, folder, name))
    clearTimeout(quiet)
    quiet = setTimeout(() => {
      showing = showing.then(show)
    }, QUIET_MS)
  }),
)
say(`Pages at ${pages.url}, emails at ${pages.url}/outbox, the preview at ${mails.url}. Ctrl-C ends it.`)

await untilAborted(signal)
for (const watcher of watchers) watcher.close()
await showing
for (const each of [running.demo, running.preview]) each?.end()
await Promise.all([pages.close(), mails.close(), ...ending])
await runner.close()
await vite.close()
await stores?.close()
process.exit()

/**
 * Starts what the changed files are part of, and ends what ran before once the new answers. What
 * does not start is told, and what ran goes on.
 */
async function show(): Promise<void> {
  const startedAt = performance.now()
  const files = [...changed]
  changed.clear()
  for (const file of files) forget(file)
  // The preview follows the templates by itself.
  const isCode = files.length === 0 || files.some((file) => file.startsWith(join(ROOT, 'src')))
  const names = isCode ? (['demo', 'preview'] as const) : (['demo'] as const)
  for (const name of names) {
    try {
      const next = await open(name === 'demo' ? runDemo : runPreview, name === 'demo' ? pages : mails)
      next.show()
      running[name]?.end()
      running[name] = next
    } catch (error) {
      say(`The ${name} goes on as it was: ${describeError(error)}`)
    }
  }
  const what = files.map((file) => relative(ROOT, file)).join(', ')
  say(`Shown after ${Math.round(performance.now() - startedAt)} ms${what && `: ${what}`}`)
}

/** Resolves when the command would listen; rejects when it ends before that. */
function open(command: Command, door: FrontDoor): Promise<Running> {
  const end = new AbortController()
  return new Promise((resolve, reject) => {
    const take: typeof listen = async (app) => {
      resolve({ show: () => door.show(app), end: () => end.abort() })
      return { url: door.url, close: async () => {} }
    }
    const ended = command({ signal: end.signal, listen: take }).catch((error) => {
      // After it had listened, this is news of its own.
      say(describeError(error))
      reject(error)
    })
    ending.add(ended)
    void ended.then(() => ending.delete(ended))
  })
}

/** Has a file, and whatever imports it, loaded again when it is next asked for. */
function forget(file: string): void {
  vite.environments.ssr.moduleGraph.onFileChange(file)
  const seen = new Set<unknown>()
  const waiting = [...(runner.evaluatedModules.getModulesByFile(file) ?? [])]
  for (const module of waiting) {
    if (seen.has(module)) continue
    seen.add(module)
    for (const id of module.importers) {
      const importer = runner.evaluatedModules.getModuleById(id)
      if (importer) waiting.push(importer)
    }
    runner.evaluatedModules.invalidateModule(module)
  }
}
