// Runs a command inside the test's process, on a database of the test's own: what it prints, and
// what it throws.
import { vi } from 'vitest'
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
  const called: Called = { stdout: '', stderr: '' }
  const settings = { DATABASE_URL: databaseUrl, LINK_SECRET: TEST_SECRET, LOG_LEVEL: 'warn', ...env }
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value)
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
