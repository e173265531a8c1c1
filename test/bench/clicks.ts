// Times one-click unsubscribing and saving preferences through the built website, first while
// nothing else happens, then while a planner lays out everybody's digest: `npm run -s build && npx
// tsx test/bench/clicks.ts [--readers 500000] [--personal 0.05] [--sets 5000] [--embedded]
// [--rate 20] [--seconds 30]`. Requests begin at their own times, answered or not, so that none
// waits unseen; beside each figure stand how often a page waited for a row, and the machine's load.
// PostgreSQL is one of its own, with fsync; with `--embedded` one process is everything, as
// `start` runs it. All sending is stopped.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { openDatabase } from '../../src/database/client.ts'
import { openEmbedded } from '../../src/database/embedded/embedded.ts'
import type { Database } from '../../src/database/schema.ts'
import { SLICE_SIZES } from '../../src/jobs/round.ts'
import { openLogger } from '../../src/logger.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'
import { deriveLinkKeys, issueToken } from '../../src/subscriber/token.ts'
import { entryFrom } from '../../src/web/reader/preferences/entry.ts'
import { openFormKeys } from '../../src/web/visit/form-keys.ts'
import { freezeEdition, openTestRound, readAccounts, TEST_SECRET } from '../support/round.ts'
import { findPort, openTemporaryPostgres } from '../support/servers.ts'
import { addCrowd, inventDay } from './crowd.ts'

const { values } = parseArgs({
  options: {
    readers: { type: 'string' },
    personal: { type: 'string', default: '0.05' },
    sets: { type: 'string', default: '5000' },
    embedded: { type: 'boolean', default: false },
    rate: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '30' },
  },
})
const readers = Number(values.readers ?? (values.embedded ? 10_000 : 500_000))
const slice = values.embedded ? SLICE_SIZES.embedded : SLICE_SIZES.server
// A plan of one slice is over before it could be seen.
if (readers <= slice) throw new Error(`--readers must be more than a slice, ${slice}`)
const EVERY_MS = 1_000 / Number(values.rate)
const IDLE_MS = Number(values.seconds) * 1_000
/** A planner that never begins, or never ends. */
const PATIENCE_MS = 900_000
const LOOK_EVERY_MS = 100
const DATE = '2026-03-05'
const run = promisify(execFile)
const print = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
const keys = deriveLinkKeys([TEST_SECRET])
const formKeys = openFormKeys(keys)

type Kind = 'one click' | 'preferences'
interface Asked {
  kind: Kind
  at: number
  ms: number
  status: number
  /** Left by the journal, as the database did not take it within a second. */
  isKept: boolean
}
interface Reader {
  publicId: string
  tokenEpoch: number
}

const folder = await mkdtemp(join(tmpdir(), 'paper-round-clicks-'))
const server = values.embedded ? undefined : await openTemporaryPostgres({ fsync: true })
if (!values.embedded && server === undefined) throw new Error('PostgreSQL is not installed here')
const port = await findPort()
const url = `http://127.0.0.1:${port}`
const environment = {
  ...{ PATH: process.env.PATH, DATA_DIR: join(folder, 'data'), OUTBOX_DIR: join(folder, 'outbox') },
  ...(server === undefined ? {} : { DATABASE_URL: server.url }),
  ...{ LINK_SECRET: TEST_SECRET, PUBLIC_URL: url, PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'error' },
  ...{ MAIL_PROVIDER: 'outbox', MAIL_FROM: 'Papers <papers@round.example>', SOURCE: `file:${folder}` },
}
const start = (roles: string) =>
  spawn(process.execPath, ['dist/cli.js', 'start', '--roles', roles], { env: environment, stdio: 'inherit' })
const processes: ReturnType<typeof start>[] = []
try {
  const owner = values.embedded ? await openEmbedded(environment.DATA_DIR, { logger: openLogger('silent') }) : undefined
  await seed(owner?.url ?? (server?.url as string))
  await owner?.close()
  await run(process.execPath, ['dist/cli.js', 'stop', '--reason', 'a bench'], { env: environment })
  processes.push(start(values.embedded ? 'web,worker,scheduler' : 'web'))
  await untilUp()
  const found = values.embedded ? await openEmbedded(environment.DATA_DIR, { logger: openLogger('silent') }) : undefined
  const db = openDatabase(found?.url ?? (server?.url as string), { maxConnections: 2 })
  try {
    await measure(db)
  } finally {
    await db.destroy()
    await found?.close()
  }
} finally {
  for (const child of processes) {
    const ended = once(child, 'exit')
    child.kill()
    await ended
  }
  await server?.close()
  await rm(folder, { recursive: true })
}

/** Readers whose hour comes when they are told, and the edition that waits for it. */
async function seed(databaseUrl: string): Promise<void> {
  const round = await openTestRound(databaseUrl)
  try {
    await addCrowd(round.db, { readers, personal: Number(values.personal), sets: Number(values.sets) })
    await freezeEdition(round, DATE, { hoursAgo: 6, places: inventDay(DATE) })
    await sql`update subscribers set hour = extract(hour from now() at time zone 'UTC')`.execute(round.db)
    await sql`vacuum analyze`.execute(round.db)
    print(`${readers} readers`)
  } finally {
    await round.close()
  }
}

async function untilUp(): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await fetch(`${url}/healthz`).catch(() => undefined)) return
    await sleep(100)
  }
  throw new Error('the website did not come up')
}

async function measure(db: Kysely<Database>): Promise<void> {
  const asking = await openAsking(db)
  await sleep(IDLE_MS)
  const idle = asking.take()
  report('idle', idle, await asking.takeWaits())
  await sql`update reader_clocks set next_due_at = date_trunc('hour', now())`.execute(db)
  if (!values.embedded) processes.push(start('worker,scheduler'))
  const isPlanning = async () =>
    (await db.selectFrom('ticks').select('at').where('name', '=', 'planning').execute()).length > 0
  await until(isPlanning)
  asking.take()
  await asking.takeWaits()
  const began = performance.now()
  await until(async () => !(await isPlanning()))
  const seconds = (performance.now() - began) / 1_000
  const busy = asking.take()
  report(`while ${readers} are planned in ${seconds.toFixed(1)} s`, busy, await asking.takeWaits())
  await asking.stop()
  for (const kind of ['one click', 'preferences'] as const) {
    print(`${kind}: p99 ${(p99Of(busy, kind) / p99Of(idle, kind)).toFixed(1)} times that of idle`)
  }
  // The scheduler has made others.
  const edition = await db.selectFrom('editions').select('id').where('date', '=', DATE).executeTakeFirstOrThrow()
  print(`accounts: ${JSON.stringify(await readAccounts(db, edition.id))}`)
}

/** Begins to ask, each time as another reader, anywhere in the list. */
async function openAsking(db: Kysely<Database>) {
  const { rows } = await sql<Reader>`
    select public_id as "publicId", token_epoch as "tokenEpoch" from subscribers
    where preferences_id = (select min(id) from preferences) order by md5(id::text) limit 20000`.execute(db)
  let asked: Asked[] = []
  let waits = { looks: 0, waiting: 0 }
  let isStopped = false
  const open = new Set<Promise<void>>()
  const asking = (async () => {
    for (let next = performance.now(), turn = 0; !isStopped; next += EVERY_MS, turn++) {
      await sleep(Math.max(0, next - performance.now()))
      const one = ask(rows.pop() as Reader, turn % 2 === 0 ? 'one click' : 'preferences', next).then((each) => {
        asked.push(each)
        open.delete(one)
      })
      open.add(one)
    }
  })()
  // Embedded there is one session, which waits for no row.
  const looking = (async () => {
    while (!isStopped && !values.embedded) {
      const { rows: found } = await sql<{ count: number }>`
        select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock'`.execute(db)
      waits.looks += 1
      waits.waiting += found[0]?.count ?? 0
      await sleep(LOOK_EVERY_MS)
    }
  })()
  return {
    take() {
      const taken = asked
      asked = []
      return taken
    },
    async takeWaits() {
      const taken = waits
      waits = { looks: 0, waiting: 0 }
      return taken
    },
    async stop() {
      isStopped = true
      await Promise.all([asking, looking, ...open])
    },
  }
}

async function ask(reader: Reader, kind: Kind, at: number): Promise<Asked> {
  // A connection that is cut counts as no answer.
  const { status, text } = await (kind === 'one click' ? leave(reader) : save(reader))
    .then(async (answer) => ({ status: answer.status, text: await answer.text() }))
    .catch(() => ({ status: 0, text: '' }))
  return { kind, at, ms: performance.now() - at, status, isKept: text.includes('may still arrive') }
}

function leave(reader: Reader): Promise<Response> {
  const path = `/unsubscribe/${issueToken(keys, 'unsubscribe', reader, new Date())}`
  return fetch(url + path, { method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }) })
}

function save(reader: Reader): Promise<Response> {
  const session = issueToken(keys, 'session', reader, new Date())
  const { onlyWithCode: _, ...fields } = entryFrom({
    ...DEFAULT_RHYTHM,
    silence: 'silent',
    choices: parseChoices({ papers: 7 }),
  })
  const body = new URLSearchParams({ ...fields, form: formKeys.formToken(reader), action: 'save' })
  return fetch(`${url}/preferences`, { method: 'POST', body, headers: { cookie: `paper-round=${session}` } })
}

function report(when: string, asked: readonly Asked[], waits: { looks: number; waiting: number }): void {
  const load = loadavg()[0]?.toFixed(1)
  const seen = values.embedded ? '' : `, ${waits.waiting} waits for a row seen in ${waits.looks} looks`
  print(`${when} (load ${load}${seen}):`)
  for (const kind of ['one click', 'preferences'] as const) {
    const ours = asked.filter((each) => each.kind === kind)
    const failed = ours.filter(({ status }) => status !== 200).length
    const kept = ours.filter(({ isKept }) => isKept).length
    const [p50, p95, p99, worst] = [0.5, 0.95, 0.99, 1].map((share) => percentile(ours, share).toFixed(0))
    print(
      `  ${kind}: ${ours.length} requests, p50 ${p50}, p95 ${p95}, p99 ${p99}, worst ${worst} ms; ${failed} not 200, ${kept} by the journal`,
    )
  }
}

function p99Of(asked: readonly Asked[], kind: Kind): number {
  return percentile(
    asked.filter((each) => each.kind === kind),
    0.99,
  )
}

function percentile(asked: readonly Asked[], share: number): number {
  const sorted = asked.map(({ ms }) => ms).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

async function until(is: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS
  while (!(await is())) {
    if (Date.now() > giveUpAt) throw new Error('the planner did not come to it')
    await sleep(LOOK_EVERY_MS)
  }
}
