// The stores of a drill: what a backup is on each of them, and a copy that was restored from it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cp, lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServerMessage } from '../../../src/database/embedded/address.ts'
import { type Dump, makeDump, restoreDump } from '../../support/dump.ts'
import { copyMigratedFiles } from '../../support/kept-files.ts'
import { builtFile } from '../../support/program.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

export interface DrillStores {
  /** Of an empty, migrated database. */
  url: string
  /** Makes the backup while others work. */
  backUp(): Promise<void>
  /** Ends the database, and starts the copy. Returns its URL. */
  restore(): Promise<string>
  close(): Promise<void>
}

/** A dump, and its restore into a new database. */
export async function openDumpedStores(): Promise<DrillStores> {
  const database = (await openTestDatabase('real')) as TestDatabase
  let dump: Dump | undefined
  let copy: TestDatabase | undefined
  return {
    url: database.url,
    async backUp() {
      dump = await makeDump(database.url)
    },
    async restore() {
      if (!dump) throw new Error('no dump was made')
      copy = (await openTestDatabase('real')) as TestDatabase
      await restoreDump(copy.url, dump)
      return copy.url
    },
    async close() {
      await copy?.close()
      await database.close()
    },
  }
}

/**
 * The embedded database, and a copy of its whole folder. It stands still meanwhile, as a snapshot
 * of the disk sees it: somewhere amid its writes.
 */
export async function openCopiedStores(folder: string): Promise<DrillStores> {
  const [live, copy] = [join(folder, 'live'), join(folder, 'copy')]
  await copyMigratedFiles(live)
  let server = await startServer(live)
  return {
    url: server.url,
    async backUp() {
      server.process.kill('SIGSTOP')
      await cp(live, copy, { recursive: true, filter: async (path) => !(await lstat(path)).isSocket() })
      server.process.kill('SIGCONT')
    },
    async restore() {
      await server.end()
      server = await startServer(copy)
      return server.url
    },
    close: () => server.end(),
  }
}

async function startServer(folder: string) {
  const process = fork(await builtFile('src/database/embedded/server.ts'), [folder], { execArgv: [] })
  let said: ServerMessage
  do [said] = (await once(process, 'message')) as [ServerMessage]
  while (said.kind === 'opening')
  if (said.kind !== 'ready') throw new Error(`the embedded database did not start: ${JSON.stringify(said)}`)
  return {
    url: said.url,
    process,
    async end() {
      const ended = once(process, 'exit')
      process.disconnect()
      await ended
    },
  }
}
