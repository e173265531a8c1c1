// Gives a run of the tests a temporary folder of its own, for all of its processes, and removes it
// with everything that they left in it: also what a worker kept open to its end, and what was
// killed.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findMemory } from './memory.ts'
import { endIdleWorkers } from './shared-workers.ts'

export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(await findMemory(), 'paper-round-tests-'))
  // PostgreSQL runs as another account below it.
  await chmod(folder, 0o711)
  process.env.TMPDIR = folder
  return async () => {
    await endIdleWorkers()
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
