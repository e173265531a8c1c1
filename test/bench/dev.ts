// Shows how soon a change stands on the page while somebody works: milliseconds from writing a file
// to the first answer that shows it, for 20 edits of code, pages, styles and emails each. Works on
// a copy of this folder, with stores of its own. `npx tsx test/bench/dev.ts [--edits 20]`
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseModules, readFiles } from '../support/imports.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PORT = 3960
const GIVE_UP_MS = 60_000
/** Making the database and the first round. */
const START_MS = 300_000
const { values } = parseArgs({ options: { edits: { type: 'string', default: '20' } } })
const edits = Number(values.edits)

/** What an edit does to a file, and where its mark is then to be read. */
interface Kind {
  name: string
  files: string[]
  edit(text: string, mark: string): string
  read(): Promise<string>
}

const folder = mkdtempSync(join(tmpdir(), 'paper-round-dev-'))
const pages = `http://localhost:${PORT}`
const readText = async (path: string) => (await fetch(path)).text()
const at = (path: string) => join(folder, path)

const kinds: Kind[] = [
  {
    name: 'code',
    files: loadedFiles(),
    edit: (text, mark) => `${text}\n;(globalThis as { mark?: string }).mark = '${mark}'\n`,
    read: async () => (await fetch(`${pages}/`)).headers.get('X-Mark') ?? '',
  },
  {
    name: 'pages',
    files: ['templates/pages/front.hbs', 'templates/pages/site-foot.hbs'],
    edit: (text, mark) => `${text}<p>${mark}</p>\n`,
    read: () => readText(`${pages}/`),
  },
  {
    name: 'styles',
    files: ['templates/pages/style.css', 'templates/pages/forms.css'],
    edit: (text, mark) => `${text}\n.${mark} { color: inherit }\n`,
    read: () => readText(`${pages}/style.css`),
  },
  {
    name: 'emails',
    files: ['templates/digest.mjml'],
    edit: (text, mark) => text.replace('{{day}}</p>', `{{day}} ${mark}</p>`),
    read: () => readText(`http://localhost:${PORT + 1}/mail`),
  },
]

copy()
const child = spawn('npm', ['run', '--silent', 'dev'], {
  cwd: folder,
  detached: true,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, DATA_DIR: at('data'), OUTBOX_DIR: at('outbox'), PORT: String(PORT) },
})
try {
  await until(async () => (await fetch(`${pages}/editions/2025-08-08`)).ok, START_MS)
  // The first round goes on behind the page.
  await sleep(5_000)
  for (const kind of kinds) print(kind.name, await measure(kind))
} finally {
  process.kill(-(child.pid as number), 'SIGTERM')
  await new Promise((resolve) => child.once('exit', resolve))
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 })
}

async function measure({ name, files, edit, read }: Kind): Promise<number[]> {
  const took: number[] = []
  for (let count = 0; count < edits; count += 1) {
    const path = at(files[count % files.length] as string)
    const before = readFileSync(path, 'utf8')
    const mark = `mark-${name}-${count}`
    const startedAt = performance.now()
    const edited = edit(before, mark)
    if (edited === before) throw new Error(`${path} has no place for a mark any more`)
    writeFileSync(path, edited)
    await until(async () => (await read()).includes(mark))
    took.push(performance.now() - startedAt)
    writeFileSync(path, before)
    // Taken back; whatever that starts must not count for the next.
    await sleep(3_000)
  }
  return took
}

/** Every file that is followed by git, with the packages of this folder. */
function copy(): void {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  for (const path of listed.toString().trim().split('\n')) cpSync(join(ROOT, path), at(path))
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'))
  const app = at('src/web/app.ts')
  const text = readFileSync(app, 'utf8')
  const marking = text.replace(
    /const app = new Hono\(.*\)\n/,
    `$&  const { mark } = globalThis as { mark?: string }\n  app.use(async (c, next) => { await next(); c.header('X-Mark', mark) })\n`,
  )
  if (marking === text) throw new Error(`${app} makes its app in another way: let it be marked again`)
  writeFileSync(app, marking)
}

/** As many files as there are edits, spread over all that the website is made of. */
function loadedFiles(): string[] {
  const modules = new Map(parseModules(readFiles(ROOT, ['src'])).map((module) => [module.path, module]))
  const found = new Set(['src/web/app.ts'])
  for (const path of found) {
    const runs = modules.get(path)?.imports.filter(({ file }) => file !== undefined && modules.has(file)) ?? []
    for (const { file } of runs) found.add(file as string)
  }
  const code = [...found].filter((path) =>
    /\n(export )?(async )?function |\nexport const /.test(readFileSync(join(ROOT, path), 'utf8')),
  )
  return Array.from({ length: edits }, (_, index) => code[Math.floor((index * code.length) / edits)] as string)
}

async function until(holds: () => Promise<boolean>, patienceMs = GIVE_UP_MS): Promise<void> {
  const giveUpAt = Date.now() + patienceMs
  while (!(await holds().catch(() => false))) {
    if (Date.now() > giveUpAt) throw new Error(`nothing came of it within ${patienceMs / 1000} s`)
    await sleep(10)
  }
}

function print(name: string, took: readonly number[]): void {
  const sorted = took.toSorted((a, b) => a - b)
  const of = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN)
  process.stdout.write(
    `${name.padEnd(8)} ${took.length} edits: p50 ${of(0.5)} ms, p95 ${of(0.95)} ms, most ${of(1)} ms\n`,
  )
}
