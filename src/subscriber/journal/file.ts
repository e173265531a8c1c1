// The journal in files: one a process and day under STATE_DIR, appended to and forced to the disk
// before anybody is answered. Lines that come together share a write.
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, tryFolder } from '../../folder.ts'
import { DAY_MS } from '../../time.ts'
import { readWish, WISH_KEPT_MS, type Wish, type WishPlace, writeWish } from './wish.ts'

const NAME = /^wishes-(\d{4}-\d{2}-\d{2})-[0-9a-f]{16}\.jsonl$/

/** Opens the folder; a file is made with the first wish of a day. */
export function openWishFiles(folder: string): WishPlace {
  const name = 'STATE_DIR'
  const own = randomBytes(8).toString('hex')
  let day = ''
  let file: FileHandle | undefined
  let gathered: string[] = []
  let waiting: Promise<void> | undefined
  let writing: Promise<unknown> = Promise.resolve()

  async function write(): Promise<void> {
    waiting = undefined
    const lines = gathered
    gathered = []
    const today = new Date().toISOString().slice(0, 10)
    if (file === undefined || today !== day) {
      await file?.close()
      file = undefined
      file = await begin(folder, `wishes-${today}-${own}.jsonl`)
      day = today
    }
    // A line that was cut short by a full disk must not take the next one with it.
    await file.appendFile(lines.map((line) => `\n${line}\n`).join(''))
    await file.sync()
  }

  return {
    name,
    keep(wish) {
      gathered.push(writeWish(wish))
      waiting ??= writing.then(write)
      writing = waiting.catch(() => {})
      return waiting
    },
    async check() {
      await tryFolder(name, folder)
    },
    async list() {
      const wishes: Wish[] = []
      for (const each of await listNames(folder)) {
        const path = join(folder, each)
        const ageMs = Date.now() - Date.parse(NAME.exec(each)?.[1] ?? '')
        if (ageMs > WISH_KEPT_MS + DAY_MS) await rm(path, { force: true })
        else wishes.push(...(await readFile(path, 'utf8')).split('\n').flatMap((line) => readWish(line) ?? []))
      }
      return wishes
    },
    async close() {
      await writing
      await file?.close()
    },
  }
}

/** The folder is forced as well: a file without its name would be lost. */
async function begin(folder: string, name: string): Promise<FileHandle> {
  await makeFolder('STATE_DIR', folder)
  const file = await open(join(folder, name), 'a', 0o600)
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
  return file
}

async function listNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => NAME.test(name)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
