// Gives a run of the tests a temporary folder of its own, for all of its processes, and removes it
// with everything that they left in it: also what a worker kept open to its end, and what was
// killed.
import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endIdleWorkers } from './shared-workers.ts'

/** Memory, where Linux offers it as files. */
const MEMORY = '/dev/shm'
/** A run takes about one; a container may have next to nothing. */
const ROOM_GIB = 4

export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(await findParent(), 'paper-round-tests-'))
  // PostgreSQL runs as another account below it.
  await chmod(folder, 0o711)
  process.env.TMPDIR = folder
  return async () => {
    await endIdleWorkers()
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

/** Databases write much that nobody reads again: a fifth of what an embedded one does on a disk. */
async function findParent(): Promise<string> {
  if (process.env.TMPDIR !== undefined) return process.env.TMPDIR
  const memory = await statfs(MEMORY).catch(() => undefined)
  return memory && memory.bavail * memory.bsize > ROOM_GIB * 1024 ** 3 ? MEMORY : tmpdir()
}
