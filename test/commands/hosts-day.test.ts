// A host's first day by the clock of a database: from an empty folder to the second evening, every
// line that they see. What happens between is the round itself, tick by tick; the transcript beside
// this file is what a host may read to know what to expect (vitest -u writes it anew).
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import PostalMime from 'postal-mime'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readConfig, readEnvFile } from '../../src/config.ts'
import { openRound, withContext } from '../../src/context.ts'
import { markReported } from '../../src/delivery/feedback/feedback.ts'
import { LaterError } from '../../src/errors.ts'
import { openAlarms } from '../../src/jobs/alarms.ts'
import { openMorning } from '../../src/jobs/morning.ts'
import { openPipeline } from '../../src/jobs/pipeline.ts'
import type { Handlers, Job } from '../../src/jobs/queue/job.ts'
import type { Round } from '../../src/jobs/round.ts'
import { openLogger } from '../../src/logger.ts'
import { markLeavingReason, markUnsubscribed } from '../../src/subscriber/store.ts'
import { HOUR_MS } from '../../src/time.ts'
import { openMetrics } from '../../src/web/operator/metrics.ts'
import { openTallies } from '../../src/web/operator/tallies.ts'
import { keepClock } from '../support/clock.ts'
import { callLine } from '../support/command.ts'
import { isFull } from '../support/full.ts'
import { ALARM_SECRET, openReceiver, type Receiver } from '../support/receiver.ts'
import { query } from '../support/servers.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

const HOST = 'host@papers.test'
const REPORT_HOUR = 8
const SAMPLE = fileURLToPath(new URL('../../src/source/sample', import.meta.url))
const LIST = `email,zone,hour,cadence
ada@readers.test,Europe/Berlin,7,daily
ben@readers.test,Europe/Berlin,7,daily
cleo@readers.test,UTC,7,daily
dan@readers.test,UTC,7,daily
eve@readers.test,UTC,7,working-days
fay@readers.test,America/New_York,7,daily
gus@readers.test,America/New_York,7,daily
hal@readers.test,UTC,7,weekly
ida@readers.test,Mars/Base,7,daily
nobody,UTC,7,daily
`
const COUNTS = { waiting: 0, active: 0, delayed: 0, failed: 0 }

let database: TestDatabase
let receiver: Receiver
let folder: string
let days: string
let env: NodeJS.ProcessEnv
let transcript: string[]
beforeEach(async () => {
  database = await openTestDatabase('either')
  receiver = await openReceiver()
  folder = await mkdtemp(join(tmpdir(), 'paper-round-day-'))
  days = join(folder, 'days')
  await mkdir(days)
  env = { DATABASE_URL: database.url, SOURCE: `file:${days}`, STATE_DIR: join(folder, 'state'), LOG_LEVEL: 'silent' }
  transcript = []
})
afterEach(async () => {
  await receiver.close()
  await database.close()
  await rm(folder, { recursive: true })
})

/** What is another on each run has the same name on all. */
function steady(text: string): string {
  return text
    .replaceAll(folder, 'FOLDER')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replace(/^Settings from \.env: .*\n/m, '')
}

const tell = (text: string) => transcript.push(steady(text).trimEnd())

/** Calls the program as the host does, in their folder. */
async function call(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await callLine(args, { folder, env })
  const words = args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg))
  tell(`$ paper-round ${words.join(' ')}\n${stderr}${stdout}${code === 0 ? '' : `(ends with ${code})`}`)
}

let now = ''
const setClock = (moment: string) => query(database.url, `update test_clock set at = timestamptz '${moment}'`)

async function at(moment: string): Promise<void> {
  now = moment
  await setClock(moment)
  tell(`\n--- ${moment.slice(0, 16)} UTC`)
}

const known = new Set<string>()

/** Tells what reached the host since the last call: emails, posts and heartbeats. */
async function hear(heard: { posts: number; beats: number }): Promise<void> {
  for (const { type, text } of receiver.posts.slice(heard.posts)) tell(`> ALARM_URL gets ${type}: ${text}`)
  if (receiver.beats > heard.beats) tell(`> HEARTBEAT_URL is asked`)
  Object.assign(heard, { posts: receiver.posts.length, beats: receiver.beats })
  const notices = join(folder, 'outbox', 'notices')
  for (const name of existsSync(notices) ? await readdir(notices) : []) {
    if (known.has(name)) continue
    known.add(name)
    const { to, subject, text } = await PostalMime.parse(await readFile(join(notices, name)))
    // A test mail is a digest, which its own tests show.
    const words = subject?.startsWith('[Test]') ? '  | …' : text?.trim().replace(/^/gm, '  | ')
    if (to?.[0]?.address === HOST) tell(`> an email, "${subject}"\n${words?.replace(/ +$/gm, '')}`)
  }
}

/** Two schedulers that take turns: neither tells what the other has told. */
function openSchedulers(round: Round) {
  const jobs: Job[] = []
  const queue = { put: async (list: readonly Job[]) => void jobs.push(...list) }
  const settings = readConfig('mail', {}, { ...readEnvFile(join(folder, '.env')), ...env }).alarms
  const schedulers = [1, 2].map(() => {
    const alarms = openAlarms({
      ...{ round, settings, sends: true, folders: [], morningHour: REPORT_HOUR },
      queue: { check: async () => {} },
    })
    const { operatorEmail } = settings
    return openPipeline(round, queue, [alarms, openMorning({ round, operatorEmail, sends: true, hour: REPORT_HOUR })])
  })
  async function tickOn(pipeline: Handlers): Promise<void> {
    await pipeline.tick({ name: 'tick' })
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await work(pipeline, job)
  }
  return {
    async tick() {
      for (const pipeline of schedulers) await tickOn(pipeline)
    },
    /** Lets the hours between go by, of which there is nothing to tell. */
    async until(moment: string) {
      let hour = new Date(`${now.replace(' ', 'T')}`)
      for (;;) {
        hour = new Date(hour.getTime() + HOUR_MS)
        if (hour >= new Date(moment.replace(' ', 'T'))) break
        await setClock(hour.toISOString())
        await tickOn(schedulers[hour.getUTCHours() % 2] as Handlers)
      }
      await at(moment)
    },
  }
}

/** What has to wait says so on its row: the next sweep finds it. */
async function work(pipeline: Handlers, job: Job): Promise<void> {
  try {
    await (pipeline[job.name] as (job: Job) => Promise<unknown>)(job)
  } catch (error) {
    if (!(error instanceof LaterError)) throw error
  }
}

async function addressed(round: Round, address: string): Promise<string> {
  const { public_id } = await round.db
    .selectFrom('subscribers')
    .select('public_id')
    .where('address', '=', address)
    .executeTakeFirstOrThrow()
  return public_id
}

async function bounce(round: Round, address: string): Promise<void> {
  const { public_id: delivery } = await round.db
    .selectFrom('deliveries as d')
    .innerJoin('subscribers as s', 's.id', 'd.subscriber_id')
    .select('d.public_id')
    .where('s.address', '=', address)
    .executeTakeFirstOrThrow()
  const facts = { delivery, notice: null, providerId: null, address: null, at: new Date('2025-08-08T07:50:00Z') }
  await markReported(round.db, { id: 'msg_1', type: 'hard-bounce', ...facts })
}

it.skipIf(!isFull)(
  'goes from an empty folder over a stop, two alarms and a morning report to the second evening',
  async () => {
    await keepClock(database.url, '2025-08-07 15:00Z')
    await copyFile(join(SAMPLE, '2025-08-07.json'), join(days, '2025-08-07.json'))
    await writeFile(join(folder, 'list.csv'), LIST)
    await at('2025-08-07 15:00Z')
    // What init asks and doctor says have tests of their own: both depend on the machine.
    const { code } = await callLine(
      [
        'init',
        '--provider',
        'outbox',
        '--public-url',
        'https://papers.test',
        '--mail-from',
        'Papers <papers@papers.test>',
        '--json',
      ],
      { folder, env: {} },
    )
    expect(code).toBe(0)
    await writeFile(
      join(folder, '.env'),
      `${await readFile(join(folder, '.env'), 'utf8')}OPERATOR_EMAIL=${HOST}\nALARM_URL=${receiver.url}/alarms\nALARM_SECRET=${ALARM_SECRET}\nHEARTBEAT_URL=${receiver.url}/beat\n`,
    )
    await call('status')
    await call('subscribers', 'import', 'list.csv')
    await call('subscribers', 'add', 'jo@readers.test', '--note', 'asked by phone')
    await call('subscribers', 'pause', 'dan@readers.test', '--days', '3')
    await call('test-mail', HOST)
    const config = readConfig(
      'mail',
      {},
      { ...readEnvFile(join(folder, '.env')), ...env, OUTBOX_DIR: join(folder, 'outbox') },
    )
    await withContext(config, openLogger('silent'), async (context) => {
      const round = await openRound(context)
      const { tick, until } = openSchedulers(round)
      const heard = { posts: 0, beats: 0 }
      await hear(heard)

      await tick()
      await hear(heard)
      await call('outlook')
      await call('explain', 'ada@readers.test')

      await until('2025-08-07 20:00Z')
      await call('stop', '--reason', 'a wrong link in the footer')
      const leaver = await addressed(round, 'jo@readers.test')
      await markUnsubscribed(round.db, leaver)
      await markLeavingReason(round.db, leaver, 'too-many')
      await tick()
      await hear(heard)
      await call('send', '--date', '2025-08-07', '--dry-run')

      await copyFile(join(SAMPLE, '2025-08-07-later.json'), join(days, '2025-08-07.json'))
      await until('2025-08-08 00:00Z')
      await tick()
      await at('2025-08-08 00:31Z')
      await tick()
      await call('status')

      await copyFile(join(SAMPLE, '2025-08-08.json'), join(days, '2025-08-08.json'))
      await until('2025-08-08 07:00Z')
      await tick()
      await call('status')
      expect(existsSync(join(folder, 'outbox', '2025-08-07-daily'))).toBe(false)

      await at('2025-08-08 07:20Z')
      await call('resume')
      await call('resume')
      await tick()
      await hear(heard)
      await at('2025-08-08 07:26Z')
      await tick()
      await hear(heard)
      await bounce(round, 'eve@readers.test')
      await call('status')

      await at('2025-08-08 08:00Z')
      await tick()
      await hear(heard)

      await until('2025-08-08 10:00Z')
      await rename(days, `${days}-gone`)
      await until('2025-08-08 13:00Z')
      await tick()
      await hear(heard)
      await call('status')
      await rename(`${days}-gone`, days)
      await at('2025-08-08 13:31Z')
      await tick()
      await at('2025-08-08 13:37Z')
      await tick()
      await hear(heard)

      await until('2025-08-08 20:00Z')
      await call('status')
      await call('subscribers', 'show', 'eve@readers.test')
      await call('subscribers', 'show', 'jo@readers.test')
      await call('explain', 'hal@readers.test')
      await call('outlook')
      const counts = async () => ({ round: COUNTS, dispatch: COUNTS })
      const scrape = openMetrics({
        ...{ db: round.db, queue: { counts, check: async () => {} }, logger: round.logger },
        ...{ tallies: openTallies(['scheduler']), providers: ['outbox'] },
      })
      const figures = (await scrape.read()).match(
        /^paper_round_(edition_(state|due|deliveries|fates)|readers|sent|harm|look_verdict)\{.*\} [1-9]\d*$/gm,
      )
      tell(`GET /metrics, what is not 0:\n${figures?.join('\n')}`)
    })
    await expect(`${transcript.join('\n').trim()}\n`).toMatchFileSnapshot('hosts-day.txt')
    expect(receiver.posts.map(({ type, name }) => `${type} ${name}`)).toEqual([
      'alarm.opened stopped',
      'alarm.ended stopped',
      'alarm.opened source',
      'alarm.ended source',
    ])
    // One a day, the day of the first start included.
    expect(receiver.beats).toBe(2)
  },
)
