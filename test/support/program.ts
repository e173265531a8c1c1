// The program as JavaScript, for whatever a test starts as a process: from sources each would cost
// four times as much, and half of the rest is loading packages of hundreds of files, so that these
// are one file each. Kept beside the packages, so that the others are found and only what has
// changed since the last run is made anew. No test framework in here: the crash harness runs
// without.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import lock from '../../package-lock.json' with { type: 'json' }

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BUILT = join(ROOT, 'node_modules', '.cache', 'paper-round', 'program')
/** Found where they are: nothing in them is compiled. */
const AS_THEY_ARE = ['package.json', 'templates', 'src/source/sample']
/** Found before the same names further up, by every file of the program: what each exports. */
const PACKAGES = {
  bullmq: `export * from 'bullmq'`,
  handlebars: `export { default } from 'handlebars'`,
  ioredis: `export { Redis } from 'ioredis'`,
  kysely: `export * from 'kysely'`,
  luxon: `export * from 'luxon'`,
  mjml: `export { default } from 'mjml'`,
  pg: `export { default } from 'pg'`,
  resend: `export { Resend } from 'resend'`,
  zod: `export * from 'zod'`,
}

type Package = keyof typeof PACKAGES

/**
 * What a source does first when a test starts it. Compiling PostgreSQL's WebAssembly a second time,
 * for speed, takes a processor longer than all that a test asks of it.
 */
const FIRST: Readonly<Record<string, string>> = {
  'src/database/embedded-server.ts': `import { setFlagsFromString } from 'node:v8'; setFlagsFromString('--liftoff-only')\n`,
}

let building: Promise<void> | undefined

/**
 * Returns the compiled file of a source (`src/cli.ts`), as that source and all others were when
 * this process first asked.
 */
export async function builtFile(source: string): Promise<string> {
  building ??= isBuilt() ? Promise.resolve() : build()
  await building
  return builtPath(source)
}

/** Imports a compiled source as this process: what it starts in turn is compiled as well. */
export async function importBuilt<Module>(source: string): Promise<Module> {
  return import(pathToFileURL(await builtFile(source)).href)
}

/**
 * Has those packages that are hundreds of files as one file each for the workers of a run as well;
 * each would be a quarter of a second of every worker.
 */
export async function bundleForWorkers(): Promise<{ find: RegExp; replacement: string }[]> {
  const names = ['bullmq', 'ioredis', 'kysely', 'zod'] as const
  return Promise.all(names.map(async (name) => ({ find: new RegExp(`^${name}$`), replacement: await bundle(name) })))
}

/**
 * Before the tests of a run: its workers find nothing left to do, nor to look for, unless sources
 * change while it watches them.
 */
export async function setup({ vitest }: TestProject): Promise<void> {
  // Projects share it.
  if (isBuilt()) return
  await build()
  if (!vitest.config.watch) process.env.TEST_PROGRAM = 'built'
}

function isBuilt(): boolean {
  return process.env.TEST_PROGRAM === 'built'
}

async function build(): Promise<void> {
  const sources = [...(await listSources('src')), ...(await listSources('test'))]
  for (const source of sources) {
    const text = (FIRST[source] ?? '') + (await readFile(join(ROOT, source), 'utf8'))
    const mark = `//# ${createHash('sha1').update(text).digest('hex')}\n`
    const target = builtPath(source)
    const found = await readFile(target, 'utf8').catch(() => '')
    if (!found.endsWith(mark)) await write(target, (await compile(text)) + mark)
  }
  await removeStrays(new Set(sources.map(builtPath)))
  await pack()
  for (const name of Object.keys(PACKAGES)) await bundle(name as Package)
  for (const each of AS_THEY_ARE) {
    if (!existsSync(join(BUILT, each))) await symlink(join(ROOT, each), join(BUILT, each)).catch(ignoreFaster)
  }
}

async function listSources(folder: string): Promise<string[]> {
  const found = await readdir(join(ROOT, folder), { recursive: true })
  return found.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts')).map((name) => join(folder, name))
}

/**
 * What has moved must not be found at its old place. Links are not followed: what is behind them
 * is the repository's own.
 */
async function removeStrays(wanted: ReadonlySet<string>): Promise<void> {
  for (const folder of ['src', 'test']) {
    const found = await readdir(join(BUILT, folder), { recursive: true, withFileTypes: true })
    for (const entry of found) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && path.endsWith('.js') && !wanted.has(path)) await rm(path, { force: true })
    }
  }
}

function builtPath(source: string): string {
  return join(BUILT, source.replace(/\.ts$/, '.js'))
}

/** Types go, and what imports a source imports what has been made of it. */
async function compile(text: string): Promise<string> {
  const { transform } = await import('esbuild')
  const { code } = await transform(text, {
    loader: 'ts',
    format: 'esm',
    target: 'node20.19',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  })
  return code.replace(/(from |import |import\()"(\.[^"]*)\.ts"/g, '$1"$2.js"')
}

/** Has a fresh database beside the program, as the build leaves one. */
async function pack(): Promise<void> {
  const found = await readdir(join(BUILT, 'src', 'database'))
  const { version } = lock.packages['node_modules/@electric-sql/pglite']
  if (found.includes(`embedded-${version}.tar.br`)) return
  await promisify(execFile)(process.execPath, [builtPath('src/database/packing.ts')])
}

/** Makes one file of a package and of all that it imports, unless this version has been made. */
async function bundle(name: Package): Promise<string> {
  const folder = join(BUILT, 'node_modules', name)
  const { version } = lock.packages[`node_modules/${name}`]
  const description = JSON.stringify({ name, version, type: 'module', exports: { '.': './index.js' } })
  const file = join(folder, 'index.js')
  if ((await readFile(join(folder, 'package.json'), 'utf8').catch(() => '')) === description) return file
  const { build: bundleFiles } = await import('esbuild')
  const { outputFiles } = await bundleFiles({
    stdin: { contents: PACKAGES[name], resolveDir: ROOT },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    target: 'node20',
    // Some of what they import is CommonJS.
    banner: {
      js: `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)`,
    },
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

function ignoreFaster(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
