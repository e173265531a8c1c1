// What a personal page takes of the website's processor, asked one at a time of the built program:
// the links of an email, the preferences with 30 editions behind them, and a preview of choices
// that nobody asked for before. `npm run -s build && npx tsx test/bench/personal.ts [--rounds 5]
// [--asked 100]`; needs PostgreSQL on this machine, makes a database of its own there and drops it.
// Beside each figure stands what the same process takes for a page that is the same for everybody.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import type { Kysely } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import type { Place } from '../../src/edition/place.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'
import type { Subscriber } from '../../src/subscriber/subscriber.ts'
import { deriveLinkKeys, issueToken } from '../../src/subscriber/token.ts'
import { entryFrom } from '../../src/web/reader/preferences/entry.ts'
import { openFormKeys } from '../../src/web/visit/form-keys.ts'
import { addReader, freezeEdition, openTestRound, TEST_SECRET } from '../support/round.ts'
import { findPort, query, realPostgresUrl } from '../support/servers.ts'
import { inventDay } from './crowd.ts'
import { cpuOf, median } from './measured.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, asked: { type: 'string', default: '100' } },
})
const ROUNDS = Number(values.rounds)
const ASKED = Number(values.asked)
const EDITIONS = 30
/** As many as a reader's feed holds. */
const MAILED = 14
/** A reader may change so much in a minute, and previews count. */
const CHANGES = 10
const READERS = Math.ceil(((ROUNDS + 1) * ASKED) / CHANGES)
const LAST = Date.parse('2026-03-05')
const DAY_MS = 86_400_000
const DATABASE = `paper_round_personal_${process.pid}`
const keys = deriveLinkKeys([TEST_SECRET])
const run = promisify(execFile)
const print = (line: string) => process.stdout.write(`${line}\n`)

const postgres = await realPostgresUrl()
if (postgres === undefined) throw new Error('PostgreSQL does not answer on this machine')
const folder = await mkdtemp(join(tmpdir(), 'paper-round-personal-'))
await query(postgres, `create database ${DATABASE}`)
const databaseUrl = Object.assign(new URL(postgres), { pathname: `/${DATABASE}` }).href
const port = await findPort()
const url = `http://127.0.0.1:${port}`
const environment = {
  ...{ PATH: process.env.PATH, DATABASE_URL: databaseUrl, DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'error' },
  ...{ LINK_SECRET: TEST_SECRET, PUBLIC_URL: url, PORT: String(port), HOST: '127.0.0.1' },
  ...{ MAIL_PROVIDER: 'outbox', OUTBOX_DIR: join(folder, 'outbox'), MAIL_FROM: 'Papers <papers@round.example>' },
  SOURCE: `file:${folder}`,
}
let web: ReturnType<typeof spawn> | undefined
try {
  const round = await openTestRound(databaseUrl)
  const readers = await seed(round).finally(round.close)
  for (let daysBefore = MAILED - 1; daysBefore >= 0; daysBefore--) {
    await run(process.execPath, ['dist/cli.js', 'send', '--date', dateOf(daysBefore)], { env: environment })
  }
  const view = await readViewToken()
  web = spawn(process.execPath, ['dist/cli.js', 'start', '--roles', 'web'], { env: environment, stdio: 'inherit' })
  await untilUp()
  await compare(web.pid as number, listPages(readers, view))
} finally {
  if (web) {
    const ended = once(web, 'exit')
    web.kill()
    await ended
  }
  await query(postgres, `drop database ${DATABASE} with (force)`)
  await rm(folder, { recursive: true })
}

function dateOf(daysBefore: number): string {
  return new Date(LAST - daysBefore * DAY_MS).toISOString().slice(0, 10)
}

/** Thirty days of papers, some of which rise into the next, and readers with their own choices. */
async function seed(round: Parameters<typeof freezeEdition>[0] & { db: Kysely<Database> }): Promise<Subscriber[]> {
  const choices = { papers: 10, include: ['agents', 'vision'], mute: ['audio'], authors: ['Ada Lovelace'] }
  const readers: Subscriber[] = []
  for (let each = 0; each < READERS; each++) readers.push(await addReader(round.db, `reader-${each}`, { choices }))
  let before: Place[] = []
  for (let daysBefore = EDITIONS - 1; daysBefore >= 0; daysBefore--) {
    const places = inventDay(dateOf(daysBefore), before)
    await freezeEdition(round, dateOf(daysBefore), { places, hoursAgo: daysBefore * 24 + 1 })
    before = places
  }
  return readers
}

/** Of one of the emails that were written. */
async function readViewToken(): Promise<string> {
  const names = await readdir(environment.OUTBOX_DIR, { recursive: true })
  const email = names.find((name) => name.endsWith('.eml'))
  if (email === undefined) throw new Error('no email was written')
  const text = (await readFile(join(environment.OUTBOX_DIR, email), 'utf8')).replaceAll('=\r\n', '')
  const token = /\/view\/([\w-]+)/.exec(text.replaceAll('=3D', '='))?.[1]
  if (token === undefined) throw new Error('the email leads to no view')
  return token
}

type Page = [name: string, ask: (turn: number) => Promise<Response>]

function listPages(readers: readonly Subscriber[], view: string): Page[] {
  const now = new Date()
  const formKeys = openFormKeys(keys)
  const { onlyWithCode: _, ...fields } = entryFrom({ ...DEFAULT_RHYTHM, silence: 'silent', choices: parseChoices({}) })
  const readerOf = (turn: number) => readers[turn % readers.length] as Subscriber
  const tokenOf = (turn: number, purpose: 'session' | 'unsubscribe' | 'feed') =>
    issueToken(keys, purpose, readerOf(turn), now)
  const cookieOf = (turn: number) => ({ cookie: `paper-round=${tokenOf(turn, 'session')}` })
  // Each with words that no request had before.
  const preview = (turn: number) => {
    const form = formKeys.formToken(readerOf(turn))
    const include = `topic ${turn}, agents`
    const body = new URLSearchParams({ ...fields, include, form, action: 'preview', part: 'look-back' })
    return fetch(`${url}/preferences`, { method: 'POST', body, headers: cookieOf(turn) })
  }
  return [
    ['the front page, the same for everybody', () => fetch(url)],
    ['an email in the browser', () => fetch(`${url}/view/${view}`)],
    ['its frame', () => fetch(`${url}/view/${view}/mail`)],
    ['leaving, asked', (turn) => fetch(`${url}/unsubscribe/${tokenOf(turn, 'unsubscribe')}`)],
    ['the own feed', (turn) => fetch(`${url}/feed/${tokenOf(turn, 'feed')}`)],
    [`the preferences, with ${EDITIONS} editions`, (turn) => fetch(`${url}/preferences`, { headers: cookieOf(turn) })],
    [`a preview of ${EDITIONS} editions`, preview],
  ]
}

async function compare(pid: number, pages: readonly Page[]): Promise<void> {
  const figures = new Map(pages.map(([name]) => [name, [] as { cpuMs: number; ms: number }[]]))
  let turn = 0
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, ask] of pages) {
      const before = await cpuOf(pid)
      const began = performance.now()
      for (let asked = 0; asked < ASKED; asked++) {
        const answer = await ask(turn++)
        if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${await answer.text()}`)
        await answer.arrayBuffer()
      }
      const ms = (performance.now() - began) / ASKED
      // The first round warms up.
      if (round > 0) figures.get(name)?.push({ cpuMs: ((await cpuOf(pid)) - before) / 1_000 / ASKED, ms })
    }
  }
  print('| page | CPU ms | answered in ms |\n|---|---|---|')
  for (const [name, each] of figures) {
    const cpuMs = median(each.map((figure) => figure.cpuMs))
    print(`| ${name} | ${cpuMs.toFixed(2)} | ${median(each.map(({ ms }) => ms)).toFixed(1)} |`)
  }
}

async function untilUp(): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await fetch(`${url}/healthz`).catch(() => undefined)) return
    await sleep(100)
  }
  throw new Error('the website did not come up')
}
