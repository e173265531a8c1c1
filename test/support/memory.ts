// Where a run of the tests keeps what it writes. No test framework in here: the crash harness runs
// without.
import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'

/** Memory, where Linux offers it as files. */
const MEMORY = '/dev/shm'
/** A run takes about one; a container may have next to nothing. */
const ROOM_GIB = 4

/** Databases write much that nobody reads again: a fifth of what an embedded one does on a disk. */
export async function findMemory(): Promise<string> {
  if (process.env.TMPDIR !== undefined) return process.env.TMPDIR
  const memory = await statfs(MEMORY).catch(() => undefined)
  return memory && memory.bavail * memory.bsize > ROOM_GIB * 1024 ** 3 ? MEMORY : tmpdir()
}
