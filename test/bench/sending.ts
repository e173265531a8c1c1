// Times `send` beside what else could fill the wire, each as a process of its own, one after the
// other and again: the packed build with PostgreSQL and Redis, one prebuilt body sent again and
// again, and precompiled Handlebars with the official client, of the very same emails. `npm run
// bench -- [--readers 12000] [--rounds 5] [--sink parse|discard] [--build DIRECTORY]`; needs both
// stores on this machine, makes a database of its own there and drops it.
import { execFile, fork } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { openDatabase } from '../../src/database/client.ts'
import type { Database } from '../../src/database/schema.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../src/subscriber/store.ts'
import { query, realPostgresUrl } from '../support/servers.ts'
import type { SinkReport } from './sink-process.ts'

const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '12000' },
    rounds: { type: 'string', default: '5' },
    sink: { type: 'string', default: 'parse' },
    build: { type: 'string', default: '.' },
    redis: { type: 'string', default: 'redis://127.0.0.1:6379/9' },
  },
})
const readers = Number(values.readers)
const DATE = '2025-08-07'
const DATABASE = `paper_round_bench_${process.pid}`
const BATCH = 100
/** Of Linux. */
const TICK_MS = 10
const SESSIONS_END_MS = 200
const run = promisify(execFile)
const print = (line: string) => process.stdout.write(`${line}\n`)
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const build = resolve(values.build)

interface Run {
  seconds: number
  cpuMs: number
  /** Of PostgreSQL, null where it is not on this machine. Others that use it count in. */
  serverMs: number | null
  peakMb: number
}

const server = await realPostgresUrl()
if (server === undefined) throw new Error('PostgreSQL does not answer on this machine')
const folder = await mkdtemp(join(tmpdir(), 'paper-round-bench-'))
const sink = fork(here('sink-process.ts'), [values.sink], { execArgv: ['--import', 'tsx'] })
const told = () => new Promise<SinkReport>((done) => sink.once('message', (report) => done(report as SinkReport)))
const { url: sinkUrl } = await told()
const askSink = async () => {
  sink.send('report')
  return told()
}
await query(server, `create database ${DATABASE}`)
const databaseUrl = Object.assign(new URL(server), { pathname: `/${DATABASE}` }).href
const environment = {
  PATH: process.env.PATH,
  DATABASE_URL: databaseUrl,
  REDIS_URL: values.redis,
  DATA_DIR: join(folder, 'data'),
  LINK_SECRET: 'a secret for measurements that is long enough to be one',
  MAIL_FROM: 'Papers <papers@round.example>',
  PUBLIC_URL: 'https://papers.example',
  POSTAL_ADDRESS: '1 Street',
  MAIL_PROVIDER: 'resend',
  RESEND_API_KEY: 're_bench',
  RESEND_BASE_URL: sinkUrl,
  SEND_RATE: '10000',
  SOURCE: `file:${join(build, 'dist/source/sample')}`,
  LOG_LEVEL: 'error',
}
const db = openDatabase(databaseUrl)
const serverCpu = await openServerCpu(db)
try {
  await product('migrate')
  await product('collect', '--date', DATE)
  await product('edition', '--date', DATE, '--freeze')
  await addReaders(db)
  const ways: [string, () => Promise<Run>][] = [
    ['paper-round send', () => product('send', '--date', DATE, '--json')],
    ['one prebuilt body', () => peer('raw')],
    ['Handlebars + batch.send', () => peer('handlebars')],
  ]
  // Unmeasured: its last request is what the others send.
  await product('send', '--date', DATE)
  await writeFile(join(folder, 'body.json'), (await askSink()).body)
  const runs = ways.map((): Run[] => [])
  const idle: Run[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [index, [name, measure]] of ways.entries()) {
      if (index === 0) await startAfresh(db)
      const before = (await askSink()).mails
      const measured = await measure()
      const arrived = (await askSink()).mails - before
      if (arrived !== readers) throw new Error(`${name}: ${arrived} of ${readers} emails arrived`)
      runs[index]?.push(measured)
    }
    idle.push(await product('send', '--date', DATE, '--json'))
  }
  const idleMs = median(idle.map(({ cpuMs }) => cpuMs))
  const [cpu] = cpus()
  print(
    `${readers} emails of ${Math.round((await askSink()).bytesAMail)} bytes, sink: ${values.sink}, medians of ${values.rounds}`,
  )
  print(`${cpus().length} × ${cpu?.model}, Node ${process.version}`)
  print(`nothing to send: ${Math.round(idleMs)} ms of CPU`)
  const rates = runs.map((each) => readers / median(each.map(({ seconds }) => seconds)))
  print('| way | emails/s | of raw | CPU µs an email | beyond start-up | PostgreSQL µs | peak MB |')
  print('|---|---|---|---|---|---|---|')
  for (const [index, [name]] of ways.entries()) {
    const each = runs[index] as Run[]
    const rate = rates[index] as number
    const cpuMs = median(each.map((one) => one.cpuMs))
    const beyond = index === 0 ? Math.round(((cpuMs - idleMs) * 1_000) / readers) : ''
    const peak = median(each.map(({ peakMb }) => peakMb))
    const serverMs = each.map((one) => one.serverMs).filter((ms) => ms !== null)
    const ofServer = index === 0 && serverMs.length > 0 ? Math.round((median(serverMs) * 1_000) / readers) : ''
    const share = (rate / (rates[1] as number)).toFixed(2)
    print(
      `| ${name} | ${Math.round(rate)} | ${share} | ${Math.round((cpuMs * 1_000) / readers)} | ${beyond} | ${ofServer} | ${Math.round(peak)} |`,
    )
  }
} finally {
  await db.destroy()
  sink.kill()
  await query(server, `drop database ${DATABASE} with (force)`)
  await rm(folder, { recursive: true })
}

function product(...args: string[]): Promise<Run> {
  return measureNode([join(build, 'dist/cli.js'), ...args], environment)
}

function peer(way: string): Promise<Run> {
  const given = [way, sinkUrl, String(readers), join(folder, 'body.json')]
  return measureNode([here('peer-process.mjs'), ...given], { PATH: process.env.PATH })
}

/** Runs a program of Node and reads what it used, by its own account at its end. */
async function measureNode(args: string[], env: NodeJS.ProcessEnv): Promise<Run> {
  const file = join(folder, 'usage.json')
  const serverBefore = await serverCpu()
  const began = performance.now()
  await run(process.execPath, ['--import', here('usage-process.mjs'), ...args], {
    env: { ...env, USAGE_FILE: file },
    maxBuffer: 1e8,
  })
  const seconds = (performance.now() - began) / 1_000
  const { cpuMs, peakMb } = JSON.parse(await readFile(file, 'utf8')) as Omit<Run, 'seconds'>
  // Its sessions end behind it.
  await sleep(SESSIONS_END_MS)
  const serverAfter = await serverCpu()
  const serverMs = serverBefore === null || serverAfter === null ? null : serverAfter - serverBefore
  return { seconds, cpuMs, serverMs, peakMb }
}

/**
 * Returns how to read what a server on this machine has used with the sessions that have ended, in
 * milliseconds.
 */
async function openServerCpu(db: Kysely<Database>): Promise<() => Promise<number | null>> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  const readStat = async (pid: number) => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  try {
    const parent = Number((await readStat(rows[0]?.pid ?? 0))[1])
    // Its own time and that of its children that it has waited for, in ticks.
    return async () => (await readStat(parent)).slice(11, 15).reduce((sum, each) => sum + Number(each), 0) * TICK_MS
  } catch {
    return async () => null
  }
}

async function addReaders(db: Kysely<Database>): Promise<void> {
  const choices = [{}, { papers: 5 }, { papers: 15 }, { length: 'titles' as const }].map((each) => parseChoices(each))
  const list = Array.from({ length: readers }, (_, index) => ({
    ...DEFAULT_RHYTHM,
    address: `reader-${index}@papers.example`,
    choices: choices[index % 20] ?? parseChoices({}),
    consentSource: 'bench',
  }))
  for (let at = 0; at < list.length; at += BATCH * 10) await insertSubscribers(db, list.slice(at, at + BATCH * 10))
  await sql`vacuum analyze`.execute(db)
}

async function startAfresh(db: Kysely<Database>): Promise<void> {
  await sql`truncate deliveries, batches cascade`.execute(db)
  await sql`update editions set due = 0`.execute(db)
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}
