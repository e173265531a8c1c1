// An attack on the sign-up of a running `start`: thousands of scripted posts from hundreds of
// networks that prove nothing, solve at no cost, wait as visitors without script do, or solve
// slowly, hour after hour. While it lasts, visitors sign up as a browser does, at the attacked
// host and elsewhere, and their confirmations are waited for: `npm run -s build && npx tsx
// test/bench/attack.ts [--posts 10000] [--networks 500] [--hours 24]`. PostgreSQL is one of its
// own; an hour passes by counters that end an hour earlier.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createChallenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import { sql } from 'kysely'
import { openDatabase } from '../../src/database/client.ts'
import { DEFAULT_RHYTHM } from '../../src/subscriber/preferences.ts'
import { mailboxOf } from '../../src/subscriber/subscriber.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { openFormKeys } from '../../src/web/visit/form-keys.ts'
import { TEST_SECRET } from '../support/round.ts'
import { findPort, openTemporaryPostgres } from '../support/servers.ts'

const { values } = parseArgs({
  options: {
    posts: { type: 'string', default: '10000' },
    networks: { type: 'string', default: '500' },
    hours: { type: 'string', default: '24' },
  },
})
const [posts, networks, hours] = [values.posts, values.networks, values.hours].map(Number) as [number, number, number]
const AT_ONCE = 50
const WAIT_MS = 21_000
const HASTE_MS = 3_000
/** Of an hour's share at a host that nobody confirmed at; the rest are sent from new networks. */
const A_PATIENT_HOUR = { unsolved: 35, solved: 40 }
const HOUR_MS = 3_600_000
const PATIENCE_MS = 60_000
interface Answer {
  status: number
  page: string
  waitS: number
}
const keys = openFormKeys(deriveLinkKeys([TEST_SECRET]))
let before = new Map<string, number>()
const mailed = new Map<string, string>()
const print = (line: string) => process.stdout.write(`${line}\n`)

const folder = await mkdtemp(join(tmpdir(), 'paper-round-attack-'))
const server = await openTemporaryPostgres()
if (server === undefined) throw new Error('PostgreSQL is not installed here')
const outbox = join(folder, 'outbox')
await mkdir(join(outbox, 'notices'), { recursive: true })
const port = await findPort()
const url = `http://127.0.0.1:${port}`
const environment = {
  ...{ PATH: process.env.PATH, DATA_DIR: join(folder, 'data'), OUTBOX_DIR: outbox, DATABASE_URL: server.url },
  ...{ LINK_SECRET: TEST_SECRET, PUBLIC_URL: url, PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'fatal' },
  ...{ MAIL_PROVIDER: 'outbox', MAIL_FROM: 'Papers <papers@round.example>', SOURCE: `file:${folder}` },
  // The attack's networks and the visitors' come from one machine.
  TRUSTED_PROXY: '127.0.0.1',
}
const program = spawn(process.execPath, ['dist/cli.js', 'start'], { env: environment, stdio: 'inherit' })
const db = openDatabase(server.url, { maxConnections: 2 })
try {
  await untilUp()
  const opened = /name="opened" value="([^"]*)"/.exec(await (await fetch(url)).text())?.[1] ?? ''
  // A form is open for a while, and a tick has counted what was refused before.
  await sleep(HASTE_MS)
  while ((await db.selectFrom('refusal_readings').selectAll().execute()).length === 0) await sleep(500)
  print(`${posts} posts from ${networks} networks, half at one mailbox and half at its host`)
  await attack('without solving', opened, () =>
    each(posts, (index) => post(opened, { address: victim(index) }, networkAt(index))),
  )
  await attack('solving', opened, () =>
    each(posts, async (index) =>
      post(opened, { address: victim(index), solution: await freeSolution() }, networkAt(index)),
    ),
  )
  await attack('waiting', opened, () => attackByWaiting(opened))
  await attackSlowly(opened)
} finally {
  await db.destroy()
  const ended = once(program, 'exit')
  program.kill()
  await ended
  await server.close()
  await rm(folder, { recursive: true })
}

/** Attacks, with visitors in the middle and after it, and prints what came of it. */
async function attack(name: string, opened: string, act: () => Promise<void>): Promise<void> {
  await begin()
  const label = name.replace(/\W/g, '-')
  const startedAt = performance.now()
  const under = act()
  await sleep(2_000)
  const meanwhile = await visitBoth(opened, `during-${label}`, 1)
  await under
  const seconds = (performance.now() - startedAt) / 1_000
  const afterwards = await visitBoth(opened, `after-${label}`, 2)
  print(
    `${name} (${seconds.toFixed(0)} s): ${await figures()}; visitors meanwhile ${meanwhile}, afterwards ${afterwards}`,
  )
  print(`  alarm: ${await untilAlarm()}`)
}

/** Each attack begins as if nobody had signed up before. */
async function begin(): Promise<void> {
  for (const table of ['rate_limits', 'notices', 'subscribers'] as const) {
    await sql`delete from ${sql.table(table)}`.execute(db)
  }
  before = await countAnswers()
  for (const file of mailed.keys()) await rm(join(outbox, 'notices', file))
  mailed.clear()
}

/** A day of hours, each with its share taken as soon as it begins, by networks that seem new. */
async function attackSlowly(opened: string): Promise<void> {
  await begin()
  let sent = 0
  const solve = async (count: number) => {
    await each(count, async (index) => {
      const given = { address: `s${sent + index}@victim.example`, solution: await freeSolution() }
      await post(opened, given, networkAt(sent + index))
    })
    sent += count
  }
  await solve(networks)
  const served: string[] = []
  for (let hour = 1; hour <= hours; hour++) {
    await sql`update rate_limits set expire = expire - ${HOUR_MS}`.execute(db)
    await each(A_PATIENT_HOUR.unsolved, (index) =>
      post(opened, { address: `u${hour}-${index}@victim.example` }, networkAt(sent + index)),
    )
    await solve(A_PATIENT_HOUR.solved)
    served.push(await visit(opened, `slowly-${hour}@victim.example`, `198.51.100.${hour}`))
  }
  print(`solving slowly (${hours} hours): ${await figures()}; a visitor in each hour ${served.join(' ')}`)
}

async function attackByWaiting(opened: string): Promise<void> {
  const tickets: { ticket: string; from: string; address: string }[] = []
  await each(posts, async (index) => {
    const [from, address] = [networkAt(index), victim(index)]
    const { ticket } = readAsked(await post(opened, { address }, from))
    if (ticket !== '') tickets.push({ ticket, from, address })
  })
  await sleep(WAIT_MS)
  await each(tickets.length, (index) => {
    const { from, ...given } = tickets[index] as (typeof tickets)[number]
    return post(opened, given, from)
  })
}

async function visitBoth(opened: string, name: string, network: number): Promise<string> {
  const attacked = visit(opened, `${name}@victim.example`, `203.0.113.${network}`)
  const elsewhere = visit(opened, `${name}@elsewhere.example`, `192.0.2.${network}`)
  return `${await attacked} at the attacked host, ${await elsewhere} elsewhere`
}

/** Signs up as a browser with script does; returns how long the email took, or the refusal. */
async function visit(opened: string, address: string, from: string): Promise<string> {
  const startedAt = performance.now()
  let busy = 0
  // As the page asks of whoever is told that the database is busy.
  const patiently = async (given: Record<string, string>): Promise<Answer> => {
    const answer = await post(opened, given, from)
    if (answer.status !== 503 || performance.now() - startedAt > PATIENCE_MS) return answer
    busy++
    await sleep(answer.waitS * 1_000)
    return patiently(given)
  }
  let answer = await patiently({ address })
  if (answer.status === 202) {
    const { challenge } = readAsked(answer)
    answer = await patiently({ address, solution: await solve(challenge) })
  }
  if (answer.status !== 200) return `refused (${answer.status})`
  while (![...(await readOutbox()).values()].includes(address)) {
    if (performance.now() - startedAt > PATIENCE_MS) return 'no email within a minute'
    await sleep(50)
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  return `${seconds} s${busy > 0 ? ` (${busy} times told to wait)` : ''}`
}

/** Whom each email in the outbox went to, by its file: each is read once. */
async function readOutbox(): Promise<Map<string, string>> {
  const notices = join(outbox, 'notices')
  for (const file of (await readdir(notices)).filter((each) => each.endsWith('.eml') && !mailed.has(each))) {
    mailed.set(file, /^To: <?([^>\r\n]*)/m.exec(await readFile(join(notices, file), 'utf8'))?.[1] ?? '')
  }
  return mailed
}

async function post(opened: string, given: Record<string, string>, from: string): Promise<Answer> {
  const rhythm = { ...DEFAULT_RHYTHM, weekday: '1', hour: '7' }
  const body = new URLSearchParams({ ...rhythm, opened, website: '', sure: given.address ?? '', ...given })
  const answer = await fetch(`${url}/subscribe`, { method: 'POST', body, headers: { 'X-Forwarded-For': from } })
  const waitS = Number(answer.headers.get('Retry-After') ?? 0)
  return { status: answer.status, page: await answer.text(), waitS }
}

function readAsked({ status, page }: Answer) {
  if (status !== 202) return { challenge: null, ticket: '' }
  const html = page.replaceAll('&quot;', '"').replaceAll('&#x3D;', '=')
  const challenge = JSON.parse(/data-challenge="(\{.*?\})" data-base/.exec(html)?.[1] ?? 'null')
  return { challenge, ticket: /name="ticket" value="([^"]*)"/.exec(html)?.[1] ?? '' }
}

async function solve(challenge: Parameters<typeof solveChallenge>[0]['challenge']): Promise<string> {
  const solution = await solveChallenge({ challenge, deriveKey, counterStart: 0, counterStep: 1 })
  return JSON.stringify({ challenge, solution: { counter: solution?.counter, derivedKey: solution?.derivedKey } })
}

/** A solution that costs the attacker nothing: the worst that could be. */
async function freeSolution(): Promise<string> {
  const secrets = { hmacSignatureSecret: keys.secretOf('challenge'), hmacKeySignatureSecret: keys.secretOf('solution') }
  const expiresAt = new Date(Date.now() + HOUR_MS)
  const cheap = { algorithm: 'PBKDF2/SHA-256', cost: 1, counter: 1, deriveKey, expiresAt, ...secrets }
  return solve(await createChallenge(cheap))
}

async function each(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

function victim(index: number): string {
  return index % 2 === 0 ? `victim+${index}@victim.example` : `v${index}@victim.example`
}

function networkAt(index: number): string {
  return `2001:db8:${(index % networks).toString(16)}:${(index % 7).toString(16)}::1`
}

/** What was answered, and what arrived once nothing waits any more. */
async function figures(): Promise<string> {
  for (let tries = 0; tries < 240; tries++) {
    const waiting = db.selectFrom('notices').select('id').where('state', 'in', ['planned', 'attempting'])
    if ((await waiting.execute()).length === 0) break
    await sleep(250)
  }
  const mailboxes = new Map<string, number>()
  const sent = [...(await readOutbox()).values()].filter((address) => address.endsWith('@victim.example'))
  for (const address of sent) mailboxes.set(mailboxOf(address), (mailboxes.get(mailboxOf(address)) ?? 0) + 1)
  const counted = [...(await countAnswers())].flatMap(([answer, count]) => {
    const own = count - (before.get(answer) ?? 0)
    return own > 0 ? [`${answer} ${own}`] : []
  })
  return `${counted.join(', ')}; ${sent.length} emails to the host, at most ${Math.max(0, ...mailboxes.values())} to a mailbox`
}

async function countAnswers(): Promise<Map<string, number>> {
  const answers = await db.selectFrom('sign_up_answers').selectAll().execute()
  return new Map(answers.map(({ answer, count }) => [answer, Number(count)]))
}

async function untilAlarm(): Promise<string> {
  for (let tries = 0; tries < 180; tries++) {
    const { rows } = await sql<{ sentence: string }>`
      select sentence from alarms where name = 'sign-ups'`.execute(db)
    if (rows[0]) return rows[0].sentence
    await sleep(500)
  }
  return 'none'
}

async function untilUp(): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await fetch(`${url}/healthz`).catch(() => undefined)) return
    await sleep(100)
  }
  throw new Error('the website did not come up')
}
