// Times an import of generated lines into a database of its own on the local PostgreSQL, dropped
// afterwards, and tells the most memory that the process ever held. `npx tsx
// test/bench/importing.ts [--lines 1000000] [--server postgres://…]`
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { importList } from '../../src/commands/subscribers/import.ts'
import { openTerminal } from '../../src/commands/terminal.ts'
import { openDatabase } from '../../src/database/client.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    server: { type: 'string', default: 'postgres://postgres@127.0.0.1:5432/postgres' },
  },
})
const lines = Number(values.lines)
/** One line in so many is refused, one in so many is known already. */
const BROKEN_EVERY = 1_000
const REPEATED_EVERY = 500
const ZONES = ['UTC', 'Europe/Paris', 'Asia/Kolkata', 'America/New_York']

const name = `bench_import_${process.pid}`
const server = openDatabase(values.server)
await sql`create database ${sql.id(name)}`.execute(server)
const folder = await mkdtemp(join(tmpdir(), 'paper-round-import-'))
const url = new URL(values.server)
url.pathname = `/${name}`
const db = openDatabase(url.href)
try {
  await migrate(db, migrations)
  const file = join(folder, 'list.csv')
  await pipeline(Readable.from(generate()), createWriteStream(file))
  const before = performance.now()
  let mostMemory = 0
  const watch = setInterval(() => {
    mostMemory = Math.max(mostMemory, process.memoryUsage().rss)
  }, 100)
  let refusals = 0
  const counts = await importList(db, createReadStream(file), openTerminal({ json: true }), {
    refuse: () => refusals++,
  })
  clearInterval(watch)
  const seconds = (performance.now() - before) / 1000
  const size = Math.round((await stat(file)).size / 1e6)
  process.stdout.write(
    `${JSON.stringify(counts)}, ${refusals} told: ${size} MB in ${seconds.toFixed(1)} s (${((seconds / lines) * 1e6).toFixed(0)} µs a line), process at most ${Math.round(mostMemory / 1e6)} MB\n`,
  )
} finally {
  await db.destroy()
  await sql`drop database ${sql.id(name)}`.execute(server)
  await server.destroy()
  await rm(folder, { recursive: true })
}

function* generate(): Generator<string> {
  yield 'Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,TIMEZONE,NOTES\n'
  for (let n = 1; n <= lines; n++) {
    const number = n % REPEATED_EVERY === 0 ? n - 1 : n
    const address = n % BROKEN_EVERY === 1 ? 'nobody' : `reader-${number}@example.net`
    yield `${address},"Reader, the ${n}th",Näme,2,2021-03-05 14:02:11,2021-03-05 14:05:00,${ZONES[n % ZONES.length]},"said ""yes"""\n`
  }
}
