// The program as JavaScript, for whatever a test starts as a process: bundled as the build bundles
// it, since from sources a process would cost four times as much, and from a compiled file for each
// source still half as much again. Kept beside the packages, so that only a change of the sources
// makes it anew. No test framework in here: the crash harness runs without.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Plugin } from 'esbuild'
import type { TestProject } from 'vitest/node'
import lock from '../../package-lock.json' with { type: 'json' }

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CACHE = join(ROOT, 'node_modules', '.cache', 'paper-round')
/** One folder below for each state of the sources. */
const PROGRAMS = join(CACHE, 'programs')
/** Of those, so many stay: others may be running them. */
const KEPT_PROGRAMS = 3

/** What tests start, or import as those processes would. */
const ENTRIES = [
  'src/cli.ts',
  'src/database/embedded/embedded.ts',
  'src/database/embedded/server.ts',
  'src/database/embedded/packing.ts',
  'src/logger.ts',
  'test/bench/paced-process.ts',
  'test/crash/referee.ts',
  'test/crash/smtp-worker.ts',
  'test/crash/worker.ts',
  'test/database/embedded/embedded-process.ts',
  'test/database/migrate-process.ts',
  'test/database/embedded/owner-process.ts',
  'test/delivery/planning/planner-process.ts',
  'test/support/resend-stand-in.ts',
] as const
export type Entry = (typeof ENTRIES)[number]

/** What each exports, of the packages that workers of the tests find as one file. */
const PACKAGES = {
  bullmq: `export * from 'bullmq'`,
  ioredis: `export { Redis } from 'ioredis'`,
  kysely: `export * from 'kysely'`,
  zod: `export * from 'zod'`,
}
type Package = keyof typeof PACKAGES

/** Found where they are: nothing in them is compiled. */
const AS_THEY_ARE = ['package.json', 'templates', 'src/source/sample']

/**
 * What a source does first when a test starts it. Compiling PostgreSQL's WebAssembly a second time,
 * for speed, takes a processor longer than all that a test asks of it; nor does JavaScript run
 * often enough there.
 */
const FIRST: Readonly<Record<string, string>> = {
  'src/database/embedded/server.ts': `import { setFlagsFromString } from 'node:v8'
    import { compileLate } from '../../engine.ts'
    setFlagsFromString('--liftoff-only')
    compileLate()\n`,
}

let building: Promise<string> | undefined

/**
 * Returns the compiled file of a source, as that source and all others were when this process
 * first asked.
 */
export async function builtFile(source: Entry): Promise<string> {
  building ??= process.env.TEST_PROGRAM ? Promise.resolve(process.env.TEST_PROGRAM) : build()
  return builtPath(await building, source)
}

/** Imports a compiled source as this process: what it starts in turn is compiled as well. */
export async function importBuilt<Module>(source: Entry): Promise<Module> {
  return import(pathToFileURL(await builtFile(source)).href)
}

/**
 * Before the tests of a run: its workers find nothing left to do, nor to look for, unless sources
 * change while it watches them.
 */
export async function setup({ vitest }: TestProject): Promise<void> {
  // Projects share it.
  if (process.env.TEST_PROGRAM) return
  const folder = await build()
  if (!vitest.config.watch) process.env.TEST_PROGRAM = folder
}

/** Returns the folder of the program as the sources are now. */
async function build(): Promise<string> {
  const made = createHash('sha1')
  const sources = (await Promise.all(['dev', 'src', 'test'].map(listSources))).flat()
  for (const path of [...sources.sort(), 'package-lock.json']) made.update(await readFile(join(ROOT, path)))
  const folder = join(PROGRAMS, made.digest('hex').slice(0, 12))
  if (await isThere(folder)) {
    await pack(folder)
    return folder
  }
  const making = `${folder}.${randomBytes(4).toString('hex')}`
  const { bundle } = await import('../../dev/build.ts')
  await bundle(making, { base: ROOT, entries: ENTRIES, plugin: inPlace(folder) })
  for (const each of AS_THEY_ARE) {
    await mkdir(dirname(join(making, each)), { recursive: true })
    await symlink(join(ROOT, each), join(making, each))
  }
  // Another run may have been faster.
  await rename(making, folder).catch(() => rm(making, { recursive: true }))
  await pack(folder)
  await removeOld()
  return folder
}

async function listSources(folder: string): Promise<string[]> {
  const found = await readdir(join(ROOT, folder), { recursive: true })
  return found.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts')).map((name) => join(folder, name))
}

function builtPath(folder: string, source: string): string {
  return join(folder, source.replace(/\.ts$/, '.js'))
}

/** Every source finds what lies beside it as if it were a file of its own in the built folder. */
function inPlace(folder: string): Plugin {
  return {
    name: 'in place',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const source = relative(ROOT, path)
        if (source.startsWith('node_modules')) return undefined
        const text = (FIRST[source] ?? '') + (await readFile(path, 'utf8'))
        const place = JSON.stringify(pathToFileURL(builtPath(folder, source)).href)
        return { contents: text.replaceAll('import.meta.url', place), loader: 'ts' }
      })
    },
  }
}

/** Has a fresh database beside the program, as the build leaves one: made once a version. */
async function pack(folder: string): Promise<void> {
  const { version } = lock.packages['node_modules/@electric-sql/pglite']
  const name = `embedded-${version}.tar.br`
  const packed = join(folder, 'src', 'database', name)
  const kept = join(CACHE, name)
  if (await isThere(packed)) return
  if (await isThere(kept)) {
    await copyWhole(kept, packed)
  } else {
    await promisify(execFile)(process.execPath, [builtPath(folder, 'src/database/embedded/packing.ts')])
    await copyWhole(packed, kept)
  }
}

async function removeOld(): Promise<void> {
  const names = await readdir(PROGRAMS)
  const found = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(PROGRAMS, name))).mtimeMs })))
  for (const { name } of found.sort((one, other) => other.at - one.at).slice(KEPT_PROGRAMS)) {
    await rm(join(PROGRAMS, name), { recursive: true, force: true })
  }
}

/**
 * Has those packages that are hundreds of files as one file each for the workers of a run: each
 * would be a quarter of a second of every worker.
 */
export async function bundleForWorkers(): Promise<{ find: RegExp; replacement: string }[]> {
  const names = Object.keys(PACKAGES) as Package[]
  const files: { find: RegExp; replacement: string }[] = []
  // One after the other: not every loader of this file waits for a module that is being loaded.
  for (const name of names) files.push({ find: new RegExp(`^${name}$`), replacement: await bundlePackage(name) })
  return files
}

/** Makes one file of a package and of all that it imports, unless this version has been made. */
async function bundlePackage(name: Package): Promise<string> {
  const folder = join(CACHE, 'packages', name)
  const { version } = lock.packages[`node_modules/${name}`]
  const description = JSON.stringify({ name, version, type: 'module', exports: { '.': './index.js' } })
  const file = join(folder, 'index.js')
  if ((await readFile(join(folder, 'package.json'), 'utf8').catch(() => '')) === description) return file
  const { build: bundleFiles } = await import('esbuild')
  const { REQUIRING } = await import('../../dev/build.ts')
  const { outputFiles } = await bundleFiles({
    stdin: { contents: PACKAGES[name], resolveDir: ROOT },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    target: 'node20',
    banner: { js: REQUIRING },
  })
  await write(file, outputFiles[0]?.text ?? '')
  await write(join(folder, 'package.json'), description)
  return file
}

/** Whole or not at all: another run may be reading it. */
async function write(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomBytes(4).toString('hex')}`
  await mkdir(dirname(path), { recursive: true })
  await writeFile(beside, text)
  await rename(beside, path)
}

async function copyWhole(from: string, to: string): Promise<void> {
  const beside = `${to}.${randomBytes(4).toString('hex')}`
  await copyFile(from, beside)
  await rename(beside, to)
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
