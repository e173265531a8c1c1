// The witness in files: one a process under STATE_DIR, written in place with every mark and forced
// to the disk once a second. A killed process loses nothing of it; a power cut, a second.
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { makeFolder, tryFolder } from '../../folder.ts'
import { DAY_MS, SECOND_MS } from '../../time.ts'
import { type Height, isAbove, type Mark, type Witness } from './witness.ts'

const NAME = /^witness-[0-9a-f]{16}\.json$/
/** So long that a larger number never leaves the end of a smaller one behind. */
const RECORD_BYTES = 160
const FSYNC_EVERY_MS = SECOND_MS
/** A living process touches its file with every look: one this old is nobody's any more. */
const ABANDONED_MS = 2 * DAY_MS

const record = z.object({ database: z.string(), branch: z.int(), number: z.int() })

/** Opens the folder, which is made with the first mark. */
export function openFileWitness(folder: string): Witness {
  const name = 'STATE_DIR'
  const path = join(folder, `witness-${randomBytes(8).toString('hex')}.json`)
  let file: FileHandle | undefined
  let dirty = false
  let forcing: Promise<void> = Promise.resolve()
  let failed: unknown

  async function begin(): Promise<FileHandle> {
    await makeFolder(name, folder)
    return open(path, 'w', 0o600)
  }

  const force = async () => {
    if (!dirty || file === undefined) return
    dirty = false
    try {
      await file.sync()
      failed = undefined
    } catch (error) {
      failed = error
    }
  }
  const timer = setInterval(() => {
    forcing = forcing.then(force)
  }, FSYNC_EVERY_MS)
  timer.unref()

  return {
    name,
    async read(databaseId) {
      const all = await readAll(folder)
      const heights = all.filter(({ database }) => database === databaseId)
      const [first, ...others] = heights
      if (first === undefined) return undefined
      const highest = others.reduce<Height>((high, each) => (isAbove(each, high) ? each : high), first)
      if (file !== undefined) await utimes(path, new Date(), new Date())
      // Only what says less than another, so that nothing is forgotten.
      const abandoned = heights.filter((each) => each.ageMs > ABANDONED_MS && isAbove(highest, each))
      for (const each of abandoned) await rm(each.path, { force: true })
      return { branch: highest.branch, number: highest.number }
    },
    async raise({ databaseId, branch, number }: Mark) {
      if (failed !== undefined) await file?.sync()
      failed = undefined
      const fresh = file === undefined
      file ??= await begin()
      const text = JSON.stringify({ database: databaseId, branch, number })
      await file.write(`${text.padEnd(RECORD_BYTES - 1)}\n`, 0)
      dirty = true
      if (fresh) await file.sync()
    },
    async check() {
      await tryFolder(name, folder)
    },
    async close() {
      clearInterval(timer)
      await forcing
      await force()
      await file?.close()
    },
  }
}

async function readAll(folder: string) {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const found = await Promise.all(
    names
      .filter((name) => NAME.test(name))
      .map(async (name) => {
        const path = join(folder, name)
        try {
          const read = record.safeParse(JSON.parse(await readFile(path, 'utf8')))
          const { mtimeMs } = await stat(path)
          return read.success ? [{ ...read.data, path, ageMs: Date.now() - mtimeMs }] : []
        } catch (error) {
          // One that is just begun or cleared away by another process says nothing.
          if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return []
          throw error
        }
      }),
  )
  return found.flat()
}
