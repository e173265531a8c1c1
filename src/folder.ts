// Folders that settings name, made when they are first needed.
import { access, constants, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError, UsageError } from './errors.ts'

/** Addresses of subscribers, and what stands for them, are for this account alone. */
const OWNERS_MODE = 0o700

/**
 * Makes the folder of a setting, with those above it, where it is not there. Throws a UsageError
 * that names the setting when that fails, or nothing may be written there.
 */
export async function makeFolder(setting: string, path: string): Promise<void> {
  try {
    await makeEach(path)
    await access(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new UsageError(
      `${setting} ${path} cannot be made or written: ${describeError(error)}; name a folder that this account may write`,
    )
  }
}

/** Node's own way makes folders in /proc for ever, and says of a file only that it is there. */
async function makeEach(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: OWNERS_MODE })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return checkFolder(path)
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeEach(dirname(path))
    await mkdir(path, { mode: OWNERS_MODE }).catch((second: NodeJS.ErrnoException) => {
      // Another process may have been faster.
      if (second.code !== 'EEXIST') throw second
    })
  }
}

async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) throw new Error(`${path} is a link to what is not there`)
  if (!found.isDirectory()) throw new Error(`${path} is a file`)
}
