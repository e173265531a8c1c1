// Commands and command lines inside the test's process, where loading the program is done already:
// what they print, and how they end.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { vi } from 'vitest'
import { runCommand } from '../../src/cli.ts'
import { builtFile } from './program.ts'
import { TEST_SECRET } from './round.ts'

export interface Called {
  stdout: string
  stderr: string
}

/** Runs `command` with the stores of `databaseUrl`; `env` holds further settings. */
export async function callOn(
  databaseUrl: string,
  command: () => Promise<void>,
  env: Record<string, string> = {},
): Promise<Called> {
  // Copies of one database have one id: what another marked, also in a run before, is not ours.
  const stateDir = join(tmpdir(), `state-${randomUUID()}`)
  const own = { DATABASE_URL: databaseUrl, STATE_DIR: stateDir, LINK_SECRET: TEST_SECRET, LOG_LEVEL: 'warn' }
  const settings = { ...own, ...env }
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value)
  try {
    return await capture(command)
  } finally {
    vi.unstubAllEnvs()
  }
}

/** The same, for the one object of --json. */
export async function readJson(
  databaseUrl: string,
  command: () => Promise<void>,
  env: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  return JSON.parse((await callOn(databaseUrl, command, env)).stdout)
}

export interface Ended extends Called {
  code: number | null
}

/** Where a command line runs: nothing of this machine's settings reaches it. */
export interface Surroundings {
  /** Its working directory, and its home: not where this is developed. */
  folder: string
  /** What is set besides DATA_DIR, a folder below that nobody has made. */
  env?: NodeJS.ProcessEnv
}

/** Starts a command line as a process of its own. */
export async function spawnCommand(args: readonly string[], surroundings: Surroundings) {
  return spawn(process.execPath, [await builtFile('src/cli.ts'), ...args], {
    cwd: surroundings.folder,
    env: settingsIn(surroundings),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs a command line as a process of its own, where how that ends is the question. */
export async function callProcess(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  const child = await spawnCommand(args, surroundings)
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

let last: Promise<unknown> = Promise.resolve()

/**
 * Runs a command line in this process, as the process would run it. One after the other, whoever
 * calls several at once: directory, settings and output belong to the process.
 */
export function callLine(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  const ended = last.then(() => runHere(args, surroundings))
  last = ended.catch(() => {})
  return ended
}

async function runHere(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  const before = { env: process.env, folder: process.cwd(), code: process.exitCode }
  process.env = settingsIn(surroundings)
  process.chdir(surroundings.folder)
  process.exitCode = undefined
  try {
    const called = await capture(() => runCommand(args))
    return { ...called, code: Number(process.exitCode ?? 0) }
  } finally {
    process.exitCode = before.code
    process.chdir(before.folder)
    process.env = before.env
  }
}

function settingsIn({ folder, env }: Surroundings): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env
  return { PATH, TMPDIR, HOME: folder, DATA_DIR: join(folder, 'unused'), ...env }
}

async function capture(command: () => Promise<void>): Promise<Called> {
  const called: Called = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      called[stream] += String(text)
      return true
    }),
  )
  try {
    await command()
    return called
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}
