// Times `send` beside what people write today, each as a process of its own, one after the other
// and again: the packed build with PostgreSQL and Redis; one prebuilt body again and again;
// Handlebars with the official client, of the very same emails; and what compiles for each reader,
// for as many emails as that can send in this time (peers/ says which page each follows).
// `npx tsx test/bench/sending.ts [--readers 12000] [--rounds 5] [--slow 400] [--sink parse|discard]
// [--length short|full] [--tls] [--heap MB] [--build DIRECTORY] [--against DIRECTORY] [--json
// FILE]`; needs both stores on this machine, makes a database of its own there and drops it.
// `--slow 0` leaves out those that compile; `--against` names another build of ours, with the same
// tables, that is measured beside.
import { fork } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openDatabase } from '../../src/database/client.ts'
import { makeCertificate } from '../support/certificate.ts'
import { query, realPostgresUrl } from '../support/servers.ts'
import { addReaders, DATE, installPeers, PEERS, SETTINGS, startAfresh } from './beside.ts'
import { describeMachine, here, measureNode, median, openServerCpu, type Run } from './measured.ts'
import type { SinkReport } from './sink-process.ts'

const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '12000' },
    rounds: { type: 'string', default: '5' },
    slow: { type: 'string', default: '400' },
    sink: { type: 'string', default: 'parse' },
    length: { type: 'string', default: 'short' },
    tls: { type: 'boolean', default: false },
    heap: { type: 'string' },
    build: { type: 'string', default: '.' },
    against: { type: 'string' },
    redis: { type: 'string', default: 'redis://127.0.0.1:6379/9' },
    json: { type: 'string' },
  },
})
const readers = Number(values.readers)
const slow = Number(values.slow)
const DATABASE = `paper_round_bench_${process.pid}`
const IN_A_MAIL = 10
const RAW = 'one prebuilt body'
const print = (line: string) => process.stdout.write(`${line}\n`)
const build = resolve(values.build)
const source = join(build, 'dist/source/sample')

interface Way {
  name: string
  emails: number
  /** Whether what PostgreSQL does meanwhile is its doing. */
  usesDatabase?: true
  measure(): Promise<Run>
  /** What it takes for nothing. */
  measureIdle(): Promise<Run>
}
/** What the file of --json has of each way. */
export interface Row {
  way: string
  emails: number
  perSecond: number
  ofRaw: number
  cpuUs: number
  marginalUs: number
  serverUs: number | null
  peakMb: number
}

const server = await realPostgresUrl()
if (server === undefined) throw new Error('PostgreSQL does not answer on this machine')
const folder = await mkdtemp(join(tmpdir(), 'paper-round-bench-'))
const ca = values.tls ? (await makeCertificate(folder)).certificate : undefined
const sink = fork(here('sink-process.ts'), [values.sink, ...(ca ? [folder] : [])], { execArgv: ['--import', 'tsx'] })
const told = () => new Promise<SinkReport>((done) => sink.once('message', (report) => done(report as SinkReport)))
const { url: sinkUrl } = await told()
const askSink = async () => {
  sink.send('report')
  return told()
}
await query(server, `create database ${DATABASE}`)
const databaseUrl = Object.assign(new URL(server), { pathname: `/${DATABASE}` }).href
const base = { PATH: process.env.PATH, ...(ca ? { NODE_EXTRA_CA_CERTS: ca } : {}) }
const environment = {
  ...base,
  ...(values.heap ? { NODE_OPTIONS: `--max-old-space-size=${values.heap} --max-semi-space-size=2` } : {}),
  DATABASE_URL: databaseUrl,
  REDIS_URL: values.redis,
  ...SETTINGS,
  DATA_DIR: join(folder, 'data'),
  MAIL_PROVIDER: 'resend',
  RESEND_API_KEY: 're_bench',
  RESEND_BASE_URL: sinkUrl,
  SEND_RATE: '10000',
  SOURCE: `file:${source}`,
}
const db = openDatabase(databaseUrl)
const serverCpu = await openServerCpu(db)
try {
  await installPeers()
  await product('migrate')
  await product('collect', '--date', DATE)
  await product('edition', '--date', DATE, '--freeze')
  await addReaders(db, readers, values.length === 'full' ? 'full' : 'short')
  // Unmeasured: its first request is what some of the others send.
  await product('send', '--date', DATE)
  await writeFile(join(folder, 'body.json'), (await askSink()).body)
  await writeFile(join(folder, 'papers.json'), JSON.stringify(await readPapers()))
  const ways: Way[] = [
    own('paper-round send', build),
    ...(values.against === undefined ? [] : [own(`the same of ${values.against}`, resolve(values.against))]),
    peer('raw', RAW, readers),
    peer('handlebars', 'Handlebars + `batch.send`', readers),
  ]
  if (slow > 0) {
    ways.push(peer('mjml', 'MJML an email + `batch.send`', slow))
    ways.push(peer('react-email', 'react-email + `batch.send`', slow))
    ways.push(peer('one-job', 'one job an email, MJML, `emails.send`', slow))
  }
  const runs = new Map(ways.map((way) => [way, { full: [] as Run[], idle: [] as Run[] }]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [way, { full, idle }] of runs) {
      const before = (await askSink()).mails
      full.push(await way.measure())
      const arrived = (await askSink()).mails - before
      if (arrived !== way.emails) throw new Error(`${way.name}: ${arrived} of ${way.emails} emails arrived`)
      idle.push(await way.measureIdle())
    }
  }
  await tell(runs)
} finally {
  await db.destroy()
  sink.kill()
  await query(server, `drop database ${DATABASE} with (force)`)
  await rm(folder, { recursive: true })
}

async function tell(runs: ReadonlyMap<Way, { full: Run[]; idle: Run[] }>): Promise<void> {
  const middle = (list: readonly Run[], read: (one: Run) => number) => median(list.map(read))
  const rates = [...runs].map(([{ emails }, { full }]) => emails / middle(full, ({ seconds }) => seconds))
  const raw = rates[[...runs.keys()].findIndex(({ name }) => name === RAW)] as number
  const rows = [...runs].map(([{ name, emails, usesDatabase }, { full, idle }], index): Row => {
    const cpuMs = middle(full, (one) => one.cpuMs)
    const idleMs = middle(idle, (one) => one.cpuMs)
    return {
      way: name,
      emails,
      perSecond: rates[index] as number,
      ofRaw: (rates[index] as number) / raw,
      cpuUs: (cpuMs * 1_000) / emails,
      marginalUs: ((cpuMs - idleMs) * 1_000) / emails,
      serverUs:
        usesDatabase && full[0]?.serverMs !== null ? (middle(full, (one) => one.serverMs ?? 0) * 1_000) / emails : null,
      peakMb: middle(full, ({ peakMb }) => peakMb),
    }
  })
  const { bytesAMail } = await askSink()
  const [ours] = [...runs.values()]
  const idleMs = middle(ours?.idle ?? [], (one) => one.cpuMs)
  const machine = describeMachine()
  const about = {
    sink: values.sink,
    length: values.length,
    tls: values.tls,
    heap: values.heap ?? null,
    rounds: Number(values.rounds),
  }
  print(
    `medians of ${about.rounds} runs, ${Math.round(bytesAMail)} bytes an email, sink: ${about.sink}${about.tls ? ' over TLS' : ''}`,
  )
  print(`${machine.cpus} × ${machine.model}, Node ${machine.node}; nothing to send: ${Math.round(idleMs)} ms of CPU`)
  print(
    '| way | emails | emails/s | of one prebuilt body | CPU µs an email | marginal | of ours | PostgreSQL µs | peak MB |',
  )
  print('|---|---|---|---|---|---|---|---|---|')
  for (const row of rows) {
    const ofOurs = row.marginalUs / (rows[0] as Row).marginalUs
    const cells = [row.way, row.emails, row.perSecond.toFixed(0), row.ofRaw.toFixed(2), row.cpuUs.toFixed(0)]
    const rest = [row.marginalUs.toFixed(0), ofOurs.toFixed(1), row.serverUs?.toFixed(0) ?? '', row.peakMb.toFixed(0)]
    print(`| ${[...cells, ...rest].join(' | ')} |`)
  }
  if (values.json)
    await writeFile(values.json, `${JSON.stringify({ machine, ...about, idleMs, bytesAMail, rows }, null, 2)}\n`)
}

function product(...args: string[]): Promise<Run> {
  return runBuild(build, args)
}

function runBuild(directory: string, args: readonly string[]): Promise<Run> {
  return measureNode([join(directory, 'dist/cli.js'), ...args], { env: environment, folder, serverCpu })
}

function own(name: string, directory: string): Way {
  const send = () => runBuild(directory, ['send', '--date', DATE, '--json'])
  return { name, emails: readers, usesDatabase: true, measure: () => startAfresh(db).then(send), measureIdle: send }
}

function peer(way: string, name: string, emails: number): Way {
  const files = { bodyFile: join(folder, 'body.json'), papersFile: join(folder, 'papers.json') }
  const settings = { url: sinkUrl, ca, ...files, redisUrl: values.redis, databaseUrl }
  const measure = (count: number) =>
    measureNode([join(PEERS, 'process.mjs'), way, JSON.stringify({ ...settings, emails: count })], {
      env: base,
      folder,
      serverCpu,
    })
  return { name, emails, measure: () => measure(emails), measureIdle: () => measure(0) }
}

/** The day's first papers, as a template of one's own would get them. */
async function readPapers() {
  const answer = JSON.parse(await readFile(join(source, `${DATE}.json`), 'utf8')) as {
    paper: { id: string; title: string; ai_summary: string; upvotes: number }
    numComments: number
  }[]
  return answer
    .toSorted((one, other) => other.paper.upvotes - one.paper.upvotes)
    .slice(0, IN_A_MAIL)
    .map(({ paper: { id, title, ai_summary: sentence, upvotes: votes }, numComments: comments }) => {
      return { id, title, sentence, votes, comments }
    })
}
