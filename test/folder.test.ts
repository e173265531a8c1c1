import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { UsageError } from '../src/errors.ts'
import { makeFolder, tryFolder } from '../src/folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-folder-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('makes a folder and those above it, for its owner alone, by several at once', async () => {
  const path = join(folder, 'a', 'b', 'c')
  await Promise.all([path, path, join(folder, 'a', 'b')].map((each) => makeFolder('DATA_DIR', each)))
  expect((await stat(path)).mode & 0o777).toBe(0o700)
  await makeFolder('DATA_DIR', path)
})

it('takes a link to a folder for one', async () => {
  await mkdir(join(folder, 'real'))
  await symlink(join(folder, 'real'), join(folder, 'link'))
  await makeFolder('DATA_DIR', join(folder, 'link', 'below'))
  expect((await stat(join(folder, 'real', 'below'))).isDirectory()).toBe(true)
})

it.each([
  ['a file', 'file', 'file is a file;'],
  ['what would lie below a file', 'file/below', ': not a directory;'],
  ['a link to nothing', 'dangling', 'dangling is a link to what is not there;'],
  ['what would lie below a link to nothing', 'dangling/below', 'dangling is a link to what is not there;'],
])('names the setting and the place of %s, on one line', async (_, name, words) => {
  await writeFile(join(folder, 'file'), '')
  await symlink(join(folder, 'nowhere'), join(folder, 'dangling'))
  const problem = await makeFolder('DATA_DIR', join(folder, name)).catch((error) => error)
  expect(problem).toBeInstanceOf(UsageError)
  expect(problem.problems).toEqual([expect.stringContaining(words)])
  expect(problem.message).toMatch(/^DATA_DIR \/\S+ cannot be made or written: .*; name a folder that this account may/)
  const tried = tryFolder('DATA_DIR', join(folder, name))
  await expect(tried).rejects.toThrow(`DATA_DIR ${join(folder, name)} cannot be made or written: `)
  expect(await readdir(folder)).toHaveLength(2)
})

it('tries a folder, or where it would be made, and leaves all as it is', async () => {
  expect(await tryFolder('DATA_DIR', folder)).toBe(folder)
  expect(await tryFolder('DATA_DIR', join(folder, 'a', 'b'))).toBe(folder)
  expect(await readdir(folder)).toEqual([])
})

// Elsewhere there is no such folder, or it refuses at once.
it.runIf(process.platform === 'linux')('gives up at once where no folder can ever be made', async () => {
  for (const use of [makeFolder, tryFolder]) {
    await expect(use('DATA_DIR', '/proc/nope/below')).rejects.toThrow('DATA_DIR /proc/nope/below cannot be made')
  }
})
