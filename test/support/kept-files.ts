// The files of embedded databases, kept beside the packages: making them takes seconds, copying
// them a moment. No test framework in here: the crash harness runs without.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type * as embedding from '../../src/database/embedded/embedded.ts'
import { openLogger } from '../../src/logger.ts'
import { importBuilt } from './program.ts'
import { answers, KEPT, makeFolder } from './servers.ts'
import { type Migrated, migrateEmpty } from './template.ts'

/** What a migrated database is made from: any change of it makes another. */
const MADE_FROM = ['src/database/migrate.ts', 'test/support/template.ts', 'package-lock.json']

/** Copies a database that was just made. */
export async function copyFreshFiles(folder: string): Promise<void> {
  const kept = await keep('fresh', 'package-lock.json')
  await copy(kept, folder)
}

/** Copies a database with today's tables, and tells what it was like. */
export async function copyMigratedFiles(folder: string): Promise<Migrated> {
  const kept = await keepMigrated()
  await copy(kept, folder)
  return JSON.parse(await readFile(join(kept, 'migrated.json'), 'utf8')) as Migrated
}

/** Makes today's, unless it is there; returns its folder. */
export async function keepMigrated(): Promise<string> {
  const folder = 'src/database/migrations'
  const names = await readdir(fileURLToPath(new URL(`../../${folder}`, import.meta.url)))
  return keep('migrated', ...MADE_FROM, ...names.sort().map((name) => `${folder}/${name}`))
}

/** Node's own copy of a folder takes many times as long. */
async function copy(kept: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await promisify(execFile)('cp', ['-R', join(kept, 'postgres'), join(folder, 'postgres')])
}

async function keep(kind: 'fresh' | 'migrated', ...madeFrom: string[]): Promise<string> {
  const hash = createHash('sha1')
  for (const path of madeFrom) hash.update(await readFile(new URL(`../../${path}`, import.meta.url)))
  const name = `${kind}-${hash.digest('hex').slice(0, 12)}`
  const kept = join(KEPT, name)
  if (await answers(() => readdir(kept))) return kept
  const making = await makeFolder('making')
  const { openEmbedded } = await importBuilt<typeof embedding>('src/database/embedded/embedded.ts')
  const database = await openEmbedded(making, { logger: openLogger('silent') })
  if (kind === 'migrated') {
    await writeFile(join(making, 'migrated.json'), JSON.stringify(await migrateEmpty(database.url)))
  }
  await database.close()
  await mkdir(KEPT, { recursive: true })
  await rm(join(making, 'owner'), { recursive: true })
  const beside = `${kept}.${process.pid}`
  await cp(making, beside, { recursive: true })
  // Another test file may have been faster.
  await rename(beside, kept).catch(() => rm(beside, { recursive: true }))
  await rm(making, { recursive: true })
  const whole = new RegExp(`^${kind}-[0-9a-f]+$`)
  for (const other of await readdir(KEPT)) {
    // Of earlier sources; what has more to its name is being made by somebody.
    if (whole.test(other) && other !== name) await rm(join(KEPT, other), { recursive: true, force: true })
  }
  return kept
}
