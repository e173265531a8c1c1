// What whoever installs the package gets: the compiled program, templates, sample days and the
// settings that its messages refer to, and only the packages that run it. CI installs it for real,
// in an empty folder.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Metafile } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleProgram } from '../dev/build.ts'
import packageJson from '../package.json' with { type: 'json' }
import lock from '../package-lock.json' with { type: 'json' }

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** What a folder that somebody works in also holds. */
const AROUND = [
  ...['.env', '.data/postgres/base', 'outbox/notices/one.eml', 'src/cli.ts', 'test/cli.test.ts', 'docs/a.md'],
]
const BUILT = ['dist/cli.js', 'dist/database/embedded-0.5.14.tar.br', 'dist/source/sample/2025-08-07.json']

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-package-'))
  for (const name of ['package.json', 'README.md', 'LICENSE', '.env.example', 'templates']) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true })
  }
  for (const path of [...AROUND, ...BUILT]) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), '')
  }
})
afterAll(() => rm(folder, { recursive: true }))

it('holds dist/, templates, sample days and the settings explained, and nothing of what lies around', {
  tags: 'long',
}, async () => {
  const call = promisify(execFile)
  const { stdout } = await call('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'], {
    cwd: folder,
  })
  const answer: Record<string, { files: { path: string }[] }> = JSON.parse(stdout)
  const paths = Object.values(answer)[0]?.files.map(({ path }) => path)
  const templates = await readdir(join(ROOT, 'templates'), { recursive: true, withFileTypes: true })
  const files = templates.filter((entry) => entry.isFile())
  expect(files.length).toBeGreaterThan(20)
  expect(paths?.sort()).toEqual(
    [
      ...['package.json', 'README.md', 'LICENSE', '.env.example', ...BUILT],
      ...files.map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length)),
    ].sort(),
  )
})

it('starts what it names, and is built before it is packed', () => {
  expect(packageJson.bin['paper-round']).toBe('dist/cli.js')
  expect(packageJson.scripts.prepack).toBe('npm run build')
})

it('opens few files for a command, and no compiler of MJML, queue or provider before they are needed', {
  tags: 'long',
  timeout: 180_000,
}, async () => {
  const built = join(folder, 'built')
  const bundle = await bundleProgram(join(built, 'dist'))
  for (const command of ['status', 'send']) {
    const files = filesAtOnce(bundle, `src/commands/${command}.ts`)
    expect(files.length, command).toBeLessThan(90)
    const sources = files.flatMap(({ inputs }) => Object.keys(inputs))
    const packages = sources.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [])
    expect(packages, command).toContain('kysely')
    const later = ['mjml', 'bullmq', 'resend', 'postal-mime']
    expect(
      later.filter((name) => packages.includes(name)),
      command,
    ).toEqual([])
  }
  const sourcesOf = (path: string) => filesAtOnce(bundle, path).flatMap(({ inputs }) => Object.keys(inputs))
  expect(sourcesOf('src/commands/send.ts').filter((path) => /zod.*locales\/(?!en\.)/.test(path))).toEqual([])
  expect(sourcesOf('src/delivery/providers.ts').filter((path) => /smtp-(pool|connection)/.test(path))).toEqual([])
  expect(filesAtOnce(bundle, 'src/cli.ts').length).toBeLessThan(10)
  await cp(join(ROOT, 'package.json'), join(built, 'package.json'))
  const { stdout } = await promisify(execFile)(process.execPath, [join(built, 'dist/cli.js'), '--version'])
  expect(stdout).toBe(`${packageJson.version}\n`)
})

it('is installed with what is not bundled, and nothing else', () => {
  const packages = lock.packages as Record<string, { dev?: boolean }>
  const names = Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
  expect(names.sort()).toEqual(['@electric-sql/pglite', 'altcha-lib', 'hono'])
  expect(lock.version).toBe(packageJson.version)
})

/** Lists the files that must be there before any line of a source runs. */
function filesAtOnce({ outputs }: Metafile, source: string): Metafile['outputs'][string][] {
  const [first] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === source) ?? []
  if (first === undefined) throw new Error(`${source} is no entry of the bundle`)
  const paths = new Set([first])
  for (const path of paths) {
    for (const each of outputs[path]?.imports ?? []) {
      if (each.kind === 'import-statement' && !each.external) paths.add(each.path)
    }
  }
  return [...paths].map((path) => outputs[path] as Metafile['outputs'][string])
}
