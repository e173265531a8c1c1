// The commands as people and scripts call them, judged by exit code, stdout and stderr. One of each
// kind of end is a real process; the others run in here, where loading the program is done already.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../src/database/client.ts'
import type * as embedding from '../src/database/embedded/embedded.ts'
import type { Database } from '../src/database/schema.ts'
import { findEdition } from '../src/edition/store.ts'
import { openLogger } from '../src/logger.ts'
import { VERSION } from '../src/version.ts'
import { callLine, callProcess, type Ended, spawnCommand } from './support/command.ts'
import { isFull } from './support/full.ts'
import { builtFile, importBuilt } from './support/program.ts'
import { addReader } from './support/round.ts'
import { copyFreshFiles } from './support/stores.ts'

const DATE = '2026-03-05'
/** What status says of so few, in both its windows. */
const GOOD_NAME = [7, 30]
  .map((days) => `Within ${days} days: 3 emails sent, 0 complaints, 0 hard bounces. Fewer than 1,000 are not judged.\n`)
  .join('')
const LINK_SECRET = '0123456789abcdef'.repeat(2)
/** A process loads the whole program: a busy machine takes seconds for it. */
const MANY_PROCESSES_MS = 180_000

let folder: string
let sourceSetting: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-cli-'))
  const source = join(folder, 'source')
  await mkdir(source)
  const row = (number: number, title: string, upvotes: number, date = DATE) => ({
    paper: {
      id: `2603.0000${number}`,
      title,
      summary: `What paper ${number} found. And more.`,
      authors: [{ name: 'Ada Lovelace' }],
      upvotes,
      publishedAt: '2026-03-04T18:00:00.000Z',
      submittedOnDailyAt: `${date}T0${number}:00:00.000Z`,
    },
    numComments: number,
  })
  const rows = [
    row(1, 'The first', 3),
    row(2, 'The "second" & $& more', 30),
    { paper: { id: 'broken' } },
    row(3, 'The third', 30),
    row(4, 'The fourth', 8),
  ]
  await writeFile(join(source, `${DATE}.json`), JSON.stringify(rows))
  await writeFile(join(source, '2026-03-09.json'), '<html>busy</html>')
  const latex = row(5, 'On $O(n^2)$ of \\textbf{transformers}', 1, '2026-03-10')
  await writeFile(join(source, '2026-03-10.json'), JSON.stringify([latex]))
  sourceSetting = `file:${source}`
})
afterAll(() => rm(folder, { recursive: true }))

const call = (args: string[], env: NodeJS.ProcessEnv = {}) => callLine(args, { folder, env })
const start = (args: string[], env: NodeJS.ProcessEnv = {}) => callProcess(args, { folder, env })

/** Returns the object that a command printed: nothing but that, on one line. */
function objectOf({ code, stdout, stderr }: Ended) {
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\{.*\}\n$/)
  return JSON.parse(stdout)
}

describe('wrong use', () => {
  const cases: [args: string[], env: NodeJS.ProcessEnv, line: RegExp][] = [
    [['status', '--jsn'], {}, /unknown option '--jsn' \(Did you mean --json\?\)/],
    [['edition', '--date', '2026-02-30', '--json'], {}, /--date 2026-02-30 is not a date/],
    [
      ['edition', '--date', DATE, '--source', 'nowhere'],
      {},
      /--source is neither an https:\/\/ address nor file:DIRECTORY: nowhere/,
    ],
    [['start', '--roles', 'web,cook'], { LINK_SECRET }, /--roles cook is not a role/],
    [
      ['start', '--roles', 'web,wrker,schedler'],
      { LINK_SECRET },
      /--roles wrker, schedler are no roles: choose from web/,
    ],
    [['subscribers'], {}, /subscribers wants to know what to do: see .* subscribers --help/],
    [['subscribers', 'help', 'nope'], {}, /there is no command nope: see .* subscribers --help/],
    [['help', 'sned'], {}, /there is no command sned: see .* --help/],
    [
      ['demo', '--date', '2025-01-01', '--exit'],
      {},
      /--date 2025-01-01: the sample has 2025-08-07 and 2025-08-08 alone/,
    ],
    [['resolve', '--date', DATE, '--as', 'guess'], {}, /--as guess: say found .* or drop/],
  ]

  it('ends with 2, one clear line on stderr and nothing on stdout, before any store is opened', {
    tags: 'long',
    timeout: MANY_PROCESSES_MS,
  }, async () => {
    await Promise.all(
      cases.map(async ([args, env, line], index) => {
        const { code, stdout, stderr } = await (index === 0 ? start : call)(args, env)
        expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' })
        expect(stderr).toMatch(/^paper-round: [^\n]+\n$/)
        expect(stderr).toMatch(line)
      }),
    )
    expect(existsSync(join(folder, 'unused'))).toBe(false)
  })

  it('says every problem of the settings, one a line', {
    timeout: MANY_PROCESSES_MS,
  }, async () => {
    const env = { PORT: 'http', REDIS_URL: 'redis://127.0.0.1' }
    const { code, stderr } = await call(['start'], env)
    expect(code).toBe(2)
    const lines = stderr.trimEnd().split('\n')
    expect(lines.map((line) => line.split(' ').slice(0, 2).join(' ')).sort()).toEqual([
      'paper-round: LINK_SECRET',
      'paper-round: PORT',
      'paper-round: REDIS_URL',
    ])
  })
})

it('reads the settings of the working directory and says so, except for the demo', {
  tags: 'long',
  timeout: MANY_PROCESSES_MS,
}, async () => {
  const file = join(folder, '.env')
  await writeFile(file, 'PORT=http\n')
  const [status, demo] = await Promise.all([start(['status']), start(['demo', '--date', 'today', '--exit'])])
  await rm(file)
  expect(status).toMatchObject({ code: 2, stdout: '' })
  expect(status.stderr).toMatch(/^Settings from .env: PORT\npaper-round: PORT is not a port number\n$/)
  expect(demo.stderr).not.toContain('PORT')
})

describe('a full disk', () => {
  it.skipIf(!existsSync('/dev/full'))(
    'under the output is one line and a failure, and under what is said besides is nothing',
    {
      timeout: MANY_PROCESSES_MS,
    },
    async () => {
      const program = [process.execPath, await builtFile('src/cli.ts')]
      const callOn = (full: string, ...args: string[]) =>
        promisify(execFile)('sh', ['-c', `"$0" "$@" ${full} /dev/full`, ...program, ...args], { cwd: folder }).catch(
          ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
        )
      const [output, besides] = await Promise.all([callOn('>', 'status', '--help'), callOn('2>', 'status', '--jsn')])
      const stderr = 'paper-round: the output cannot be written: no space left on device\n'
      expect(output).toEqual({ code: 1, stdout: '', stderr })
      expect(besides).toEqual({ code: 2, stdout: '', stderr: '' })
    },
  )
})

describe('help', () => {
  it('names every command in its group, with calls that work, and each command has some of its own', {
    timeout: MANY_PROCESSES_MS,
  }, async () => {
    const [version, all, add, help] = await Promise.all([
      start(['--version']),
      call(['--help']),
      call(['subscribers', 'add', '--help']),
      call(['subscribers', 'help', 'add']),
    ])
    expect(version).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' })
    const groups = [...all.stdout.matchAll(/^(\S.*):\n((?: {2}.*\n)+)/gm)].map(([, name = '', lines = '']) => [
      name,
      [...lines.matchAll(/^ {2}([\w-]+)/gm)].map(([, command]) => command),
    ])
    expect(Object.fromEntries(groups)).toMatchObject({
      'To look at it': ['demo', 'preview'],
      'To run it': ['init', 'start', 'migrate', 'doctor', 'healthcheck', 'bounces'],
      'An edition by hand': ['collect', 'edition', 'send', 'stop', 'resume', 'resolve', 'test-mail'],
      'To know what happened': ['status', 'outlook', 'explain'],
      'Who gets it': ['subscribers'],
    })
    expect(all.stdout).not.toContain('\nCommands:')
    expect(all.stdout).toMatch(/^Examples:\n {2}.* demo$/m)
    expect(add.stdout).toMatch(/^Examples:\n {2}.* subscribers add ada@example\.org$/m)
    expect(help.stdout).toBe(add.stdout)
  })
})

describe('edition --source', () => {
  it('ranks a file in memory, with reasons, and leaves no trace', { timeout: MANY_PROCESSES_MS }, async () => {
    const [daily, refused] = await Promise.all([
      call(['edition', '--date', DATE, '--source', sourceSetting, '--json']),
      call(['edition', '--date', '2026-03-09', '--source', sourceSetting, '--json']),
    ])
    const printed = objectOf(daily)
    expect(printed).toMatchObject({ date: DATE, kind: 'daily', state: 'open', verdict: 'complete', reason: null })
    expect(printed.papers).toEqual([
      {
        id: '2603.00003',
        title: 'The third',
        rank: 1,
        upvotes: 30,
        comments: 3,
        reason: '1st of 4 by votes, 2 tied at 30: by comments',
        lateRiser: false,
      },
      expect.objectContaining({ id: '2603.00002', title: 'The "second" & $& more', rank: 2 }),
      expect.objectContaining({ id: '2603.00004', rank: 3 }),
      expect.objectContaining({ id: '2603.00001', rank: 4 }),
    ])
    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr: 'paper-round: the answer for 2026-03-09 was refused: The answer is an HTML page, not JSON\n',
    })
    expect(existsSync(join(folder, 'unused'))).toBe(false)
  })

  it('prints titles as a mail does', async () => {
    const { code, stdout } = await call(['edition', '--date', '2026-03-10', '--source', sourceSetting])
    expect(code).toBe(0)
    expect(stdout).toContain('  On O(n²) of transformers\n')
  })
})

/**
 * Stores of one describe's own, as a running start owns them: the commands find it. `name` is their
 * folder and that of the outbox.
 */
function keepStores(name: string) {
  let database: embedding.EmbeddedDatabase
  const kept = {
    db: undefined as unknown as Kysely<Database>,
    env: {} as NodeJS.ProcessEnv,
    round: (...args: string[]) => call(args, kept.env),
    outbox: async () => (await readdir(join(folder, `${name}-outbox`, `${DATE}-daily`)).catch(() => [])).sort(),
  }
  beforeAll(async () => {
    const dataDir = join(folder, name)
    await copyFreshFiles(dataDir)
    const { openEmbedded } = await importBuilt<typeof embedding>('src/database/embedded/embedded.ts')
    database = await openEmbedded(dataDir, { logger: openLogger('silent') })
    kept.db = openDatabase(database.url)
    const outbox = join(folder, `${name}-outbox`)
    kept.env = { DATA_DIR: dataDir, OUTBOX_DIR: outbox, LINK_SECRET, SOURCE: sourceSetting }
  })
  afterAll(async () => {
    await kept.db.destroy()
    await database.close()
  })
  return kept
}

describe('one round by hand', () => {
  const stores = keepStores('data')
  const { round, outbox } = stores

  it('collects, freezes, adds, sends once, adds up and shows it', { timeout: MANY_PROCESSES_MS }, async () => {
    const [unknown, collected] = await Promise.all([
      start(['send', '--date', '2026-01-05'], stores.env),
      round('collect', '--date', `2026-03-04..${DATE}`, '--json'),
    ])
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/: nothing is known of/) })
    expect(objectOf(collected).collected).toEqual([
      {
        date: '2026-03-04',
        state: 'open',
        verdict: 'held',
        reason: expect.stringMatching(/^No papers/),
        listed: 0,
        setAside: 0,
      },
      { date: DATE, state: 'open', verdict: 'complete', reason: null, listed: 4, setAside: 1 },
    ])

    const add = (...args: string[]) => round('subscribers', 'add', ...args)
    const [frozen, ada, mars, short, grace] = await Promise.all([
      round('edition', '--date', DATE, '--freeze', '--json'),
      add('Ada@Example.org', '--zone', 'Asia/Tokyo', '--length', 'full', '--json'),
      add('mars@example.org', '--zone', 'Mars/Base'),
      add('short@example.org', '--author', 'X'),
      add(
        'grace@example.net',
        '--include',
        'LLM, agents',
        '--mute',
        'GAN',
        '--author',
        'He, Kaiming',
        '--only',
        '--cadence',
        'weekly',
      ),
    ])
    expect(objectOf(frozen)).toMatchObject({ state: 'frozen', incomplete: false })
    expect(objectOf(frozen).papers).toHaveLength(4)
    expect(objectOf(frozen).setAside).toEqual([{ index: 2, reason: expect.any(String) }])
    expect(objectOf(ada)).toEqual({ address: 'ada@example.org', result: 'added' })
    expect(mars).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^paper-round: --zone Mars\/Base is no known time zone[^\n]+\n$/),
    })
    expect(short).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^paper-round: --author: at most 30 phrases of 2 to 80 characters each\n$/),
    })
    expect(grace.stdout).toBe(
      'Added grace@example.net: weekly:mon 07:00 UTC, 10 papers, short, only LLM, agents, by He, Kaiming, never GAN.\n',
    )
    await addReader(stores.db, 'bob', { choices: { papers: 2 } })
    await addReader(stores.db, 'eve', { cadence: 'weekly' })

    const sent = { due: 2, submitted: 2, withheld: {}, rejected: 0, unknown: 0, waiting: 0 }
    expect(objectOf(await round('send', '--date', DATE, '--json'))).toEqual({
      date: DATE,
      kind: 'daily',
      state: 'frozen',
      ...sent,
      submittedNow: 2,
    })
    const mails = await outbox()
    expect(mails).toHaveLength(2)
    expect(await readFile(join(stores.env.OUTBOX_DIR ?? '', `${DATE}-daily`, mails[0] as string), 'utf8')).toMatch(
      /^To: (ada|bob)@example\.org\r?$/m,
    )
    expect(objectOf(await round('send', '--date', DATE, '--json'))).toMatchObject({ ...sent, submittedNow: 0 })
    expect(await outbox()).toEqual(mails)

    // Whoever comes later gets the same edition; until then a rehearsal only says so.
    await addReader(stores.db, 'dan')
    await addReader(stores.db, 'fay')
    const [rehearsed, nobody] = await Promise.all([
      round('send', '--date', DATE, '--dry-run', '--json'),
      round('send', '--date', DATE, '--dry-run', '--only', 'nobody@example.org'),
    ])
    expect(objectOf(rehearsed)).toMatchObject({ due: 4, submitted: 2, waiting: 2, submittedNow: 0 })
    expect(nobody).toMatchObject({ code: 1, stderr: 'paper-round: nobody@example.org is not a subscriber\n' })
    expect(objectOf(await round('status', '--json'))).toMatchObject({ date: DATE, state: 'frozen', ...sent })
    expect(await outbox()).toEqual(mails)
    expect(objectOf(await round('send', '--date', DATE, '--only', 'Dan@example.org', '--json'))).toMatchObject({
      due: 3,
      submitted: 3,
      submittedNow: 1,
    })
    expect(await outbox()).toHaveLength(3)
    const list = await round('subscribers', 'list', '--json')
    const subscribers: { address: string }[] = objectOf(list).subscribers
    subscribers.sort((one, other) => (one.address < other.address ? -1 : 1))
    expect(subscribers.map(({ address }) => address.split('@')[0])).toEqual([
      'ada',
      'bob',
      'dan',
      'eve',
      'fay',
      'grace',
    ])
    expect(subscribers[0]).toMatchObject({
      consent: 'confirmed',
      zone: 'Asia/Tokyo',
      hour: 7,
      length: 'full',
      papers: 10,
    })
  })

  it('previews what a subscriber would get, without a delivery', { timeout: MANY_PROCESSES_MS }, async () => {
    const preview = objectOf(await round('preview', '--date', DATE, '--subscriber', 'bob@example.org', '--json'))
    expect(preview).toMatchObject({ date: DATE, kind: 'daily', headers: { To: 'bob@example.org' } })
    expect(preview.subject).toContain('The third')
    // Bob wants two papers.
    expect(preview.subject).toMatch(/ · and 1 more · Thu 5 Mar$/)
    expect(await outbox()).toHaveLength(3)
  })

  it('explains a digest paper by paper, and a missing one by its reason', { timeout: MANY_PROCESSES_MS }, async () => {
    const [ada, nobody] = await Promise.all([
      round('explain', 'ada@example.org', '--date', DATE, '--json'),
      round('explain', 'fay@example.org', '--date', '2026-03-04'),
    ])
    const explained = objectOf(ada)
    expect(explained).toMatchObject({ outcome: 'mail', reason: null, choicesChanged: false, leftOut: [] })
    expect(explained.papers).toHaveLength(4)
    expect(explained.papers[0].reason).toMatch(/^1st of 4 by votes/)
    expect(nobody).toMatchObject({ code: 0, stderr: '' })
    expect(nobody.stdout).toMatch(/^No email: The edition of Wed 4 March (is held back|has not come out)/m)
  })

  it('says in words how an edition stands, and resumes one that is stopped', {
    timeout: MANY_PROCESSES_MS,
  }, async () => {
    await sql`update editions set stopped_reason = 'the key was refused' where date = ${DATE}`.execute(stores.db)
    expect(await round('status', '--date', DATE)).toEqual({
      code: 0,
      stdout: `the edition of ${DATE}: frozen, stopped: the key was refused\n  1 row could not be read and was set aside\n  due        3\n  submitted  3\n${GOOD_NAME}`,
      stderr: '',
    })
    expect(objectOf(await round('resume', '--date', DATE, '--json')).lifted).toBe('the key was refused')
    expect(await findEdition(stores.db, DATE, 'daily')).toMatchObject({ state: 'frozen', stoppedReason: null })
  })

  it('lifts a suppression by hand', { timeout: MANY_PROCESSES_MS }, async () => {
    await sql`insert into suppressions (address_hash, reason)
      select address_hash, 'bounce' from subscribers where address = 'bob@example.org'`.execute(stores.db)
    const lift = () => round('subscribers', 'lift', 'Bob@example.org', '--json')
    expect(objectOf(await lift())).toEqual({ address: 'bob@example.org', lifted: 'bounce' })
    expect(objectOf(await lift())).toEqual({ address: 'bob@example.org', lifted: null })
  })
})

describe('a round of which something stays unknown', () => {
  const stores = keepStores('unknown')
  const { round } = stores
  beforeAll(async () => void (await round('migrate')), MANY_PROCESSES_MS)

  it('shows what was reported and what is unknown, and resolves that by the word of the operator', {
    tags: 'long',
    timeout: MANY_PROCESSES_MS,
  }, async () => {
    const { db } = stores
    await addReader(db, 'ada')
    await addReader(db, 'bob')
    await round('collect', '--date', DATE)
    await round('send', '--date', DATE)
    await addReader(db, 'dan')
    await round('send', '--date', DATE, '--only', 'dan@example.org')
    await addReader(db, 'fay')
    await sql`update deliveries set fate = 'delivered'`.execute(db)
    // One batch as a cut connection leaves it when its provider replays nothing.
    await sql`update batches set state = 'unknown', next_attempt_at = 'infinity' where id = (select max(id) from batches)`.execute(
      db,
    )
    await sql`update deliveries set state = 'planned', fate = 'none' where batch_id = (select max(id) from batches)`.execute(
      db,
    )
    const [words, fields, unasked] = await Promise.all([
      round('status', '--date', DATE),
      round('status', '--date', DATE, '--json'),
      round('resolve', '--date', DATE, '--as', 'again'),
    ])
    expect(words.stdout).toMatch(
      /unknown {4}1\nOf the submitted, by the provider's reports: 2 delivered.\n1 unknown may or may not .* decide with "resolve".\nWithin 7 days: 2 emails sent, /,
    )
    expect(objectOf(fields)).toMatchObject({
      submitted: 2,
      unknown: 1,
      unresolved: 1,
      fates: { delivered: 2, bounced: 0 },
    })
    expect(unasked).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('say --yes') })
    const again = objectOf(await round('resolve', '--date', DATE, '--as', 'again', '--yes', '--json'))
    expect(again).toEqual({ date: DATE, kind: 'daily', as: 'again', found: 0, resolved: 1 })
    const [dropped, sent] = await Promise.all([
      round('resolve', '--date', DATE, '--as', 'drop'),
      round('send', '--date', DATE, '--json'),
    ])
    expect(dropped.stdout).toBe(`Nothing of the edition of ${DATE} is permanently unknown.\n`)
    expect(objectOf(sent)).toMatchObject({ submitted: 4, unknown: 0, waiting: 0 })
  })

  it('ends quietly when whoever reads a list has enough', { tags: 'long', timeout: MANY_PROCESSES_MS }, async () => {
    const { db, env } = stores
    await addReader(db, 'eve', { cadence: 'weekly' })
    await sql`
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
      select 'many' || i || '@example.org', sha256(i::text::bytea), 'unsubscribed', 'test', (select min(id) from preferences),
        'daily', 7, 'UTC' from generate_series(1, 9000) i`.execute(db)
    const child = await spawnCommand(['subscribers', 'export'], { folder, env })
    child.stdout.once('data', () => child.stdout.destroy())
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')])
    expect({ code: child.exitCode, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('demo', () => {
  // Two demos take half a minute; every run of CI follows them as a newcomer would.
  it.runIf(isFull)(
    'runs one whole round on stores of its own, and a second time sends nothing',
    {
      timeout: MANY_PROCESSES_MS,
    },
    async () => {
      const dataDir = join(folder, 'demo-data')
      await mkdir(join(dataDir, 'demo'), { recursive: true })
      await copyFreshFiles(join(dataDir, 'demo'))
      const env = { DATA_DIR: dataDir, OUTBOX_DIR: join(folder, 'demo-outbox') }
      const all = { due: 21, submitted: 19, withheld: { filtered: 2 }, rejected: 0, unknown: 0, waiting: 0 }
      const first = objectOf(await start(['demo', '--exit', '--json'], env))
      expect(first).toMatchObject({ ...all, submittedNow: 19, url: null, outbox: env.OUTBOX_DIR })
      const mails = await readdir(env.OUTBOX_DIR, { recursive: true })
      expect(mails.filter((name) => name.endsWith('.eml'))).toHaveLength(19)
      expect(objectOf(await start(['demo', '--exit', '--json'], env))).toMatchObject({ ...all, submittedNow: 0 })
      expect(await readdir(env.OUTBOX_DIR, { recursive: true })).toHaveLength(mails.length)
      // And what stands beside its stores: nothing of the host's own.
      expect((await readdir(dataDir)).sort()).toEqual(['demo', 'demo-state'])
    },
  )
})
