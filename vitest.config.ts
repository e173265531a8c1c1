// The suite in projects, so that `npx vitest --project unit` and an editor can ask for a part.
// Which tests are `unit` is read from their imports: whoever opens no store and starts no process.
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { COMPILE_LATE } from './src/engine.ts'
import Order from './test/support/order.ts'
import { bundleForWorkers } from './test/support/program.ts'
import { SHARED_WORKERS } from './test/support/shared-workers.ts'

const root = fileURLToPath(new URL('.', import.meta.url))
const ROOMS = ['web', 'browser', 'crash'] as const
/** Reads what all the others did: runs last. */
const LAST = 'test/statements.test.ts'
const OPENS = /from '(node:child_process|[./]*(support\/)?(stores|kept-round|servers|program|round)\.ts)'/

/**
 * Of V8. Tests make much that is soon garbage: room for it, and no threads that help collecting it
 * where each core has a worker already, save a fifth of the run. Next to nothing runs often enough
 * to earn what optimizing it costs: compiling all of it plainly, and little of it well and late,
 * saves another fifth of what workers compute.
 */
const ENGINE = [
  '--min-semi-space-size=32',
  '--max-semi-space-size=64',
  '--single-threaded-gc',
  '--sparkplug',
  COMPILE_LATE,
]

/** What `npm test` leaves to `npm run test:all`. */
const LONG = {
  name: 'long',
  description: 'takes more than a second: processes, browsers, mail servers, whole histories',
}

const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`)
const inRoom = (path: string) => ROOMS.some((room) => path.startsWith(`test/${room}/`))
const unit = tests.filter((path) => !inRoom(path) && !OPENS.test(readFileSync(join(root, path), 'utf8')))

const PACKAGES = await bundleForWorkers()

function project(mode: string, name: string, include: string[], exclude: string[] = []) {
  return {
    root,
    resolve: { alias: [{ find: /^mjml$/, replacement: join(root, 'test/support/kept-mjml.ts') }, ...PACKAGES] },
    test: {
      name,
      // A project does not inherit it; test/support/full.ts reads it.
      env: { MODE: mode },
      include,
      exclude,
      // Loading the modules anew for each file would be half of the run. No test may change what
      // others see of a module.
      isolate: false,
      pool: SHARED_WORKERS,
      execArgv: ENGINE,
      globalSetup: name === 'unit' ? [] : ['test/support/template.ts', 'test/support/program.ts'],
      // Patience, which costs a sound suite nothing: a busy machine takes many times as long.
      testTimeout: 120_000,
      hookTimeout: 180_000,
      expect: { poll: { timeout: 90_000 } },
    },
  }
}

/**
 * After those that wait for leases, kills and browsers: tests that mostly compute, by no more
 * workers than there are cores. Each one more would load the program and read the captured days
 * once more, five seconds of a processor.
 */
function computing({ test, ...rest }: ReturnType<typeof project>) {
  return { ...rest, test: { ...test, maxWorkers: availableParallelism(), sequence: { groupOrder: 1 } } }
}

function last({ test, ...rest }: ReturnType<typeof project>) {
  const globalSetup = [...test.globalSetup, 'test/support/statements/whole.ts']
  return { ...rest, test: { ...test, globalSetup, sequence: { groupOrder: 2 } } }
}

export default defineConfig(({ mode }) => ({
  root,
  test: {
    projects: [
      computing(project(mode, 'unit', unit)),
      project(mode, 'stores', ['test/**/*.test.ts'], [...unit, LAST, ...ROOMS.map((room) => `test/${room}/**`)]),
      ...ROOMS.map((room) => {
        const own = project(mode, room, [`test/${room}/**/*.test.ts`])
        return room === 'web' ? computing(own) : own
      }),
      last(project(mode, 'statements', [LAST])),
    ],
    tags: [LONG],
    // Kills and browsers mostly wait, so that more files are at work than there are cores. Each
    // worker more loads the program once more.
    maxWorkers: availableParallelism() + 3,
    sequence: { sequencer: Order },
    // What was compiled for one project or run serves the others.
    experimental: { fsModuleCache: true },
    globalSetup: 'test/support/folder.ts',
  },
}))
