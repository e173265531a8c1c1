// Times `send` to a mail server beside what people write today, each as a process of its own, one
// after the other and again: the packed build with PostgreSQL and Redis; Handlebars with nodemailer
// and its pool, of the very same emails; and one prebuilt message again and again. Two lists, so
// that one email more is told from what a run takes anyway. `npx tsx test/bench/smtp.ts [--readers
// 6000] [--few 1500] [--rounds 5] [--pool 12] [--dkim rsa|ed25519] [--build DIRECTORY] [--json
// FILE]`; needs both stores on this machine, makes a database of its own there and drops it.
import { fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { simpleParser } from 'mailparser'
import { openDatabase } from '../../src/database/client.ts'
import { query, realPostgresUrl } from '../support/servers.ts'
import { addReaders, DATE, installPeers, PEERS, SETTINGS, startAfresh } from './beside.ts'
import { openCounting } from './counting.ts'
import { describeMachine, here, measureNode, median, openServerCpu, type Run } from './measured.ts'
import type { SmtpSinkReport } from './smtp-sink-process.ts'

const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '6000' },
    few: { type: 'string', default: '1500' },
    rounds: { type: 'string', default: '5' },
    pool: { type: 'string', default: '12' },
    dkim: { type: 'string' },
    build: { type: 'string', default: '.' },
    redis: { type: 'string', default: 'redis://127.0.0.1:6379/9' },
    json: { type: 'string' },
  },
})
const LISTS = { few: Number(values.few), many: Number(values.readers) }
const DATABASE = `paper_round_smtp_${process.pid}`
const print = (line: string) => process.stdout.write(`${line}\n`)
const build = resolve(values.build)

interface Way {
  name: string
  measure(emails: number): Promise<Run>
}
/** What the file of --json has of each way. */
interface Row {
  way: string
  perSecond: number
  bytesAMail: number
  cpuUs: number
  marginalUs: number
  serverUs: number | null
  peakMb: number
}

const server = await realPostgresUrl()
if (server === undefined) throw new Error('PostgreSQL does not answer on this machine')
const folder = await mkdtemp(join(tmpdir(), 'paper-round-smtp-'))
const sink = fork(here('smtp-sink-process.ts'), { execArgv: ['--import', 'tsx'] })
const told = () => new Promise<SmtpSinkReport>((done) => sink.once('message', (said) => done(said as SmtpSinkReport)))
const { port } = await told()
const askSink = async () => {
  sink.send('report')
  return told()
}
await query(server, `create database ${DATABASE}`)
const databaseUrl = Object.assign(new URL(server), { pathname: `/${DATABASE}` }).href
const environment = {
  PATH: process.env.PATH,
  ...SETTINGS,
  DATABASE_URL: databaseUrl,
  REDIS_URL: values.redis,
  DATA_DIR: join(folder, 'data'),
  MAIL_PROVIDER: 'smtp',
  SMTP_URL: `smtp://127.0.0.1:${port}?pool=${values.pool}`,
  SOURCE: `file:${join(build, 'dist/source/sample')}`,
  ...(values.dkim ? { DKIM_SELECTOR: 'papers', DKIM_PRIVATE_KEY: makeKey(values.dkim) } : {}),
}
const db = openDatabase(databaseUrl)
const serverCpu = await openServerCpu(db)
try {
  await installPeers()
  await product({}, 'migrate')
  await product({}, 'collect', '--date', DATE)
  await product({}, 'edition', '--date', DATE, '--freeze')
  await addReaders(db, LISTS.many)
  // Its usual email is what the others send.
  const statements = await countStatements()
  await keepMail((await askSink()).message)
  const ways: Way[] = [
    { name: 'paper-round send', measure: send },
    peer('raw-smtp', 'one prebuilt message'),
    peer('nodemailer', 'Handlebars + nodemailer'),
  ]
  await tell(await measureAll(ways), statements)
} finally {
  await db.destroy()
  sink.kill()
  await query(server, `drop database ${DATABASE} with (force)`)
  await rm(folder, { recursive: true })
}

/** One way after the other, few emails and many, and again. */
async function measureAll(ways: readonly Way[]): Promise<(Way & { few: Run[]; many: Run[]; bytes: number })[]> {
  const runs = ways.map((way) => ({ ...way, few: [] as Run[], many: [] as Run[], bytes: 0 }))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const each of runs) {
      for (const list of ['few', 'many'] as const) {
        const before = await askSink()
        each[list].push(await each.measure(LISTS[list]))
        const after = await askSink()
        const arrived = after.mails - before.mails
        if (arrived !== LISTS[list]) throw new Error(`${each.name}: ${arrived} of ${LISTS[list]} emails arrived`)
        each.bytes = (after.mails * after.bytesAMail - before.mails * before.bytesAMail || 0) / arrived
      }
    }
  }
  return runs
}

async function tell(runs: Awaited<ReturnType<typeof measureAll>>, statements: number): Promise<void> {
  const middle = (list: readonly Run[], read: (one: Run) => number) => median(list.map(read))
  const between = ({ few, many }: { few: Run[]; many: Run[] }, read: (one: Run) => number) =>
    ((middle(many, read) - middle(few, read)) * 1_000) / (LISTS.many - LISTS.few)
  const rows = runs.map((each): Row => {
    const { name, many, bytes } = each
    return {
      way: name,
      perSecond: LISTS.many / middle(many, ({ seconds }) => seconds),
      bytesAMail: bytes,
      cpuUs: (middle(many, ({ cpuMs }) => cpuMs) * 1_000) / LISTS.many,
      marginalUs: between(each, ({ cpuMs }) => cpuMs),
      serverUs:
        name === 'paper-round send' && many[0]?.serverMs !== null ? between(each, (one) => one.serverMs ?? 0) : null,
      peakMb: middle(many, ({ peakMb }) => peakMb),
    }
  })
  const machine = describeMachine()
  const about = { rounds: Number(values.rounds), pool: Number(values.pool), dkim: values.dkim ?? null, ...LISTS }
  print(`medians of ${about.rounds} runs, ${LISTS.few} and ${LISTS.many} emails, a pool of ${about.pool}`)
  print(`${machine.cpus} × ${machine.model}, Node ${machine.node}; ${statements.toFixed(1)} statements per 100 emails`)
  print('| way | emails/s | bytes an email | CPU µs an email | marginal | of ours | PostgreSQL µs | peak MB |')
  print('|---|---|---|---|---|---|---|---|')
  for (const row of rows) {
    const ofOurs = row.marginalUs / (rows[0] as Row).marginalUs
    const cells = [row.way, row.perSecond.toFixed(0), row.bytesAMail.toFixed(0), row.cpuUs.toFixed(0)]
    const rest = [row.marginalUs.toFixed(0), ofOurs.toFixed(1), row.serverUs?.toFixed(0) ?? '', row.peakMb.toFixed(0)]
    print(`| ${[...cells, ...rest].join(' | ')} |`)
  }
  if (values.json) await writeFile(values.json, `${JSON.stringify({ machine, ...about, statements, rows }, null, 2)}\n`)
}

function product(given: NodeJS.ProcessEnv, ...args: string[]): Promise<Run> {
  return measureNode([join(build, 'dist/cli.js'), ...args], { env: { ...environment, ...given }, folder, serverCpu })
}

async function send(emails: number): Promise<Run> {
  await prepareList(emails)
  return product({}, 'send', '--date', DATE, '--json')
}

/** Nobody has got it yet, and the others pause. */
async function prepareList(emails: number): Promise<void> {
  await startAfresh(db)
  await sql`
    update subscribers s set paused_until = case when n.place > ${emails} then date '9999-01-01' end
    from (select id, row_number() over (order by id) as place from subscribers) n where n.id = s.id`.execute(db)
}

/** Unmeasured otherwise. Returns the statements that a hundred emails more take. */
async function countStatements(): Promise<number> {
  const counting = await openCounting(databaseUrl)
  const count = async (emails: number) => {
    await prepareList(emails)
    const before = counting.statements()
    await product({ DATABASE_URL: counting.url }, 'send', '--date', DATE)
    return counting.statements() - before
  }
  const [few, many] = [await count(LISTS.few), await count(LISTS.many)]
  counting.close()
  return ((many - few) * 100) / (LISTS.many - LISTS.few)
}

/** Keeps an email for the other ways: as it came, and as it reads. */
async function keepMail(message: string): Promise<void> {
  await writeFile(join(folder, 'message'), message)
  const { from, subject, html, text, headerLines } = await simpleParser(message.replaceAll('\r\n..', '\r\n.'), {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipTextLinks: true,
  })
  const own = new Set(['from', 'to', 'subject', 'date', 'message-id', 'content-type', 'mime-version', 'dkim-signature'])
  const others = headerLines.filter(({ key }) => !own.has(key))
  const headers = Object.fromEntries(others.map(({ line }) => line.replace(/\r?\n\s+/g, ' ').split(/: (.*)/s, 2)))
  await writeFile(join(folder, 'body.json'), JSON.stringify([{ from: from?.text, subject, html, text, headers }]))
  await writeFile(join(folder, 'papers.json'), '[]')
}

function peer(way: string, name: string): Way {
  const files = { bodyFile: join(folder, 'body.json'), papersFile: join(folder, 'papers.json') }
  const settings = { port, pool: Number(values.pool), messageFile: join(folder, 'message'), ...files }
  const measure = (emails: number) =>
    measureNode([join(PEERS, 'process.mjs'), way, JSON.stringify({ ...settings, emails })], {
      env: { PATH: process.env.PATH },
      folder,
      serverCpu,
    })
  return { name, measure }
}

function makeKey(kind: string): string {
  const { privateKey } =
    kind === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
