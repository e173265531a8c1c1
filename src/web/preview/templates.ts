// The templates as they are at this moment, those of a host's directory first: compiled again when
// their content changes, never before, and whoever listens hears of it.
import { createHash } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadTemplates, type Templates } from '../../digest/rendering.ts'
import { TEMPLATES_DIR } from '../../digest/template/files.ts'
import { UsageError } from '../../errors.ts'

export interface TemplateFolder {
  /** Where its files are looked for, in that order. */
  directories: readonly string[]
  /** Names the content of all files: equal revisions give equal mails. */
  getRevision(): Promise<string>
  /** Throws whatever the templates of this moment are refused for. */
  load(): Promise<Templates>
  /** Calls `listener` with each new revision. Returns what ends that. */
  follow(listener: (revision: string) => void): () => void
  close(): void
}

/** Editors save in several steps; one reload is enough for all of them. */
const QUIET_MS = 80
const REVISION_CHARACTERS = 16

/**
 * Watches the files in the host's `directory` and the project's own, which stand in for what is not
 * there; mails include no others. Throws a UsageError when there is no such directory.
 */
export function openTemplateFolder(directory?: string): TemplateFolder {
  const directories = [...new Set([directory ?? TEMPLATES_DIR, TEMPLATES_DIR])]
  const listeners = new Set<(revision: string) => void>()
  let known: { revision: string; templates: Promise<Templates> } | undefined
  let announced: string | undefined
  let waiting: NodeJS.Timeout | undefined

  async function announce() {
    const revision = await getRevision(directories)
    // Saving without a change, or a file that comes and goes, is no news.
    if (revision === announced) return
    announced = revision
    for (const listener of listeners) listener(revision)
  }

  const watchers = directories.map((folder) =>
    watchFolder(folder, () => {
      clearTimeout(waiting)
      waiting = setTimeout(() => void announce().catch(() => {}), QUIET_MS)
    }),
  )

  return {
    directories,
    getRevision: () => getRevision(directories),
    async load() {
      const revision = await getRevision(directories)
      if (known?.revision !== revision) known = { revision, templates: loadTemplates(directory) }
      return known.templates
    },
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      clearTimeout(waiting)
      for (const watcher of watchers) watcher.close()
    },
  }
}

function watchFolder(directory: string, onEvent: () => void): FSWatcher {
  try {
    const watcher = watch(directory, onEvent)
    // A folder that goes away cannot be watched any more; the next request says what is missing.
    return watcher.on('error', () => watcher.close())
  } catch {
    throw new UsageError(`TEMPLATES_DIR names a directory that cannot be watched: ${directory}`)
  }
}

async function getRevision(directories: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const directory of directories) {
    for (const name of await listTemplates(directory)) {
      // One that is just being replaced counts as missing: its return is the next change.
      const content = await readFile(join(directory, name)).catch(() => '')
      hash.update(`${directory}\0${name}\0${content.length}\0`).update(content)
    }
  }
  return hash.digest('hex').slice(0, REVISION_CHARACTERS)
}

/** Leaves out what editors write beside a file while it is open. */
async function listTemplates(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isFile() && /^[^.].*[^~]$/.test(entry.name)).map(({ name }) => name)
  return names.sort()
}
