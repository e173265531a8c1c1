// Makes the program that runs elsewhere: `npm run build`. What a command needs is a few files
// instead of hundreds, so that asking for the status does not take a second of opening them. Types
// are checked by `npm run types`, not here.
import { execFileSync } from 'node:child_process'
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = join(ROOT, 'src')
/** What is started as a process. */
const ENTRIES = ['cli.ts', 'database/embedded/server.ts', 'database/embedded/packing.ts']
/** Stay packages: one finds its WebAssembly beside itself, the other is served to browsers. */
const UNTOUCHED = ['@electric-sql/pglite', 'altcha-lib']

/**
 * What the program stands on: bundled, so that whoever installs it need not have them. All else in
 * package.json is for whoever works on it.
 */
export const BUNDLED = [
  '@clack/prompts',
  '@hono/node-server',
  'bullmq',
  'cheerio',
  'commander',
  'csv-parse',
  'csv-stringify',
  'handlebars',
  'hono',
  'imapflow',
  'ioredis',
  'kysely',
  'luxon',
  'mailparser',
  'mjml',
  'nodemailer',
  'pg',
  'pino',
  'postal-mime',
  'prom-client',
  'rate-limiter-flexible',
  'resend',
  'standardwebhooks',
  'unicodeit',
  'zod',
]

/** Every source finds what lies beside it as if it had stayed a file of its own. */
const places: Plugin = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!path.startsWith(SOURCES)) return undefined
      const place = `./${relative(SOURCES, path).replace(/\.ts$/, '.js')}`
      const text = await readFile(path, 'utf8')
      return { contents: text.replaceAll('import.meta.url', `new URL('${place}', import.meta.url).href`), loader: 'ts' }
    })
  },
}

/**
 * The parser of commands loads what starts processes at once, a tenth of what `--help` takes beside
 * Node itself. It is for commands that are programs of their own, and ours are none.
 */
const lateProcesses: Plugin = {
  name: 'late processes',
  setup({ onLoad }) {
    onLoad({ filter: /node_modules[\\/]commander[\\/]lib[\\/]command\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text.replace(
        `const childProcess = require('node:child_process');`,
        `const childProcess = { spawn: (...call) => require('node:child_process').spawn(...call) };`,
      )
      if (contents === text) throw new Error(`${path} loads what starts processes in another way now`)
      return { contents, loader: 'js' }
    })
  },
}

/** Some of the packages are CommonJS: what a file that holds one begins with. */
export const REQUIRING = `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)`

/** Bundles the sources and the packages that they use into a folder beside the templates. */
export async function bundleProgram(folder: string): Promise<Metafile> {
  const metafile = await bundle(folder, { base: SOURCES, entries: ENTRIES, plugin: places })
  await writeFile(join(folder, 'licenses.txt'), await readLicenses(metafile))
  return metafile
}

/** Bundles `entries`, each at its own place below `base`, as the program is bundled. */
export async function bundle(
  folder: string,
  { base, entries, plugin }: { base: string; entries: readonly string[]; plugin: Plugin },
): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: entries.map((entry) => join(base, entry)),
    outdir: folder,
    outbase: base,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    mainFields: ['module', 'main'],
    external: UNTOUCHED,
    plugins: [plugin, lateProcesses],
    metafile: true,
    // What is not there need not be read at every start; names stay, for whoever reads a trace.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 200,
    // PostgreSQL's driver otherwise loads all of fetch to find out where it runs.
    define: { navigator: JSON.stringify({ userAgent: 'Node.js' }) },
    banner: { js: REQUIRING },
  })
  return metafile
}

/** Returns the licences of everything that was bundled, each under the package's name. */
async function readLicenses({ inputs }: Metafile): Promise<string> {
  const folders = new Set(
    Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  )
  const texts = [...folders].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8'))
    const file = (await readdir(join(ROOT, folder))).find((each) => /^licen[cs]e/i.test(each))
    const text = file === undefined ? license : await readFile(join(ROOT, folder, file), 'utf8')
    return `${name} ${version}\n\n${text.trim()}\n`
  })
  return (await Promise.all(texts)).join(`\n${'-'.repeat(72)}\n\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(ROOT, 'dist')
  await rm(folder, { recursive: true, force: true })
  await bundleProgram(folder)
  await cp(join(SOURCES, 'source/sample'), join(folder, 'source/sample'), { recursive: true })
  execFileSync(process.execPath, [join(folder, 'database/embedded/packing.js')], { stdio: 'inherit' })
}
