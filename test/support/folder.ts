// Gives a run of the tests a temporary folder of its own, for all of its processes, and removes it
// with everything that they left in it: also what a worker kept open to its end, and what was
// killed.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'paper-round-tests-'))
  // PostgreSQL runs as another account below it.
  await chmod(folder, 0o711)
  process.env.TMPDIR = folder
  return () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
