// Folders that settings name, made when they are first needed.
import { randomBytes } from 'node:crypto'
import { access, constants, lstat, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeError, UsageError } from './errors.ts'

/** Addresses of subscribers, and what stands for them, are for this account alone. */
const OWNERS_MODE = 0o700
const OWNERS_FILE_MODE = 0o600

/**
 * Makes the folder of a setting, with those above it, where it is not there. Throws a UsageError
 * that names the setting when that fails, or nothing may be written there.
 */
export async function makeFolder(setting: string, path: string): Promise<void> {
  return naming(setting, path, async () => {
    await makeEach(path)
    await access(path, constants.W_OK | constants.X_OK)
  })
}

/**
 * Tries to write in the folder of a setting, or where it would be made, and leaves nothing behind.
 * Returns the folder that was tried. Throws as makeFolder does.
 */
export async function tryFolder(setting: string, path: string): Promise<string> {
  return naming(setting, path, async () => {
    const place = await findPlace(path)
    await checkFolder(place)
    const trial = join(place, `.${randomBytes(8).toString('hex')}.trial`)
    try {
      await writeFile(trial, 'written', { flag: 'wx', flush: true, mode: OWNERS_FILE_MODE })
    } finally {
      await rm(trial, { force: true })
    }
    return place
  })
}

async function naming<T>(setting: string, path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    throw new UsageError(
      `${setting} ${path} cannot be made or written: ${describeError(error)}; name a folder that this account may write`,
    )
  }
}

/** Returns what is there, or the nearest above that is. */
async function findPlace(path: string): Promise<string> {
  try {
    await lstat(path)
    return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if ((code !== 'ENOENT' && code !== 'ENOTDIR') || dirname(path) === path) throw error
    return findPlace(dirname(path))
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
