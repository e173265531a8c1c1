// A disk that is soon full: a tmpfs of a given size, where this account may mount one.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Mounts a disk of its own, `megabytes` large. Returns undefined where that is not allowed. */
export async function mountDisk(folder: string, megabytes: number): Promise<(() => Promise<void>) | undefined> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=1777`, 'tmpfs', folder])
  } catch {
    return undefined
  }
  return async () => {
    await run('umount', [folder])
  }
}
