// Real processes against one Redis and one PostgreSQL, with a stand-in for Resend as the referee of
// what was sent.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Edition } from '../../src/edition/edition.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, insertSubscribers } from '../../src/subscriber/store.ts'
import type { Subscriber } from '../../src/subscriber/subscriber.ts'
import { issueToken } from '../../src/subscriber/token.ts'
import { entryFrom } from '../../src/web/reader/preferences/entry.ts'
import { isFull } from '../support/full.ts'
import { builtFile } from '../support/program.ts'
import { openResendStandIn } from '../support/resend-stand-in.ts'
import { freezeEdition, openTestRound, readAccounts, TEST_SECRET, type TestRound } from '../support/round.ts'
import { hasServers } from '../support/servers.ts'
import {
  openTemporaryPooler,
  openTemporaryRedis,
  openTestDatabase,
  realPostgresUrl,
  type TemporaryServer,
  type TestDatabase,
} from '../support/stores.ts'

const isPossible = (await hasServers()) && (await realPostgresUrl()) !== undefined

/** In batches of a hundred. */
const READERS = isFull ? 2_000 : 600

const cli = await builtFile('src/cli.ts')

describe.skipIf(!isPossible)('worker processes', () => {
  let database: TestDatabase
  let redis: TemporaryServer
  let standIn: Awaited<ReturnType<typeof openResendStandIn>>
  let round: TestRound
  let folder: string
  let processes: ChildProcess[]

  beforeEach(async () => {
    database = (await openTestDatabase('real')) as TestDatabase
    redis = (await openTemporaryRedis()) as TemporaryServer
    standIn = await openResendStandIn({ requestsPerSecond: 1_000, keepBodies: false })
    round = await openTestRound(database.url)
    folder = await mkdtemp(join(tmpdir(), 'paper-round-processes-'))
    processes = []
  })
  afterEach(async () => {
    for (const child of processes) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await round.close()
    await standIn.close()
    await redis.close()
    await database.close()
    await rm(folder, { recursive: true })
  })

  function startProcess(roles: string, sendRate: number, databaseUrl = database.url): ChildProcess {
    const stdio = ['ignore', 'ignore', roles === 'web' ? 'pipe' : 'inherit'] as const
    return run(['start', '--roles', roles], sendRate, databaseUrl, roles === 'web' ? 'info' : 'error', stdio)
  }

  function run(
    args: readonly string[],
    sendRate: number,
    databaseUrl: string,
    logLevel: string,
    stdio: readonly ['ignore', 'ignore', 'pipe' | 'inherit'],
  ): ChildProcess {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl,
        REDIS_URL: redis.url,
        MAIL_PROVIDER: 'resend',
        RESEND_API_KEY: 're_test',
        RESEND_BASE_URL: standIn.url,
        MAIL_FROM: 'Daily Papers <papers@papers.example>',
        PUBLIC_URL: 'https://papers.example',
        LINK_SECRET: TEST_SECRET,
        SEND_RATE: String(sendRate),
        SOURCE: `file:${folder}`,
        PORT: '0',
        HOST: '127.0.0.1',
        LOG_LEVEL: logLevel,
      },
      stdio: [...stdio],
    })
    processes.push(child)
    return child
  }

  /** Starts a website and returns where it listens. */
  async function startWebsite(databaseUrl: string): Promise<string> {
    let said = ''
    for await (const text of startProcess('web', 10, databaseUrl).stderr as Readable) {
      said += text
      const url = /"url":"([^"]+)"/.exec(said)?.[1]
      if (url !== undefined) return url
    }
    throw new Error(`the website ended: ${said}`)
  }

  /** Everyone's hour has just come, for one frozen edition. */
  async function makeDueRound(readers: number): Promise<Edition> {
    const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 3 })
    const list = Array.from({ length: readers }, (_, index) => ({
      address: `reader-${index}@example.net`,
      cadence: 'daily' as const,
      weekday: 1,
      hour: new Date().getUTCHours(),
      zone: 'UTC',
      choices: parseChoices({ papers: 1 + (index % 5) }),
      consentSource: 'test',
    }))
    await insertSubscribers(round.db, list)
    await sql`update reader_clocks set waiting_since = now() - interval '1 day', next_due_at = now()`.execute(round.db)
    return edition
  }

  async function stopAll(): Promise<(number | null)[]> {
    return Promise.all(
      processes.map(async (child) => {
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        return ((await ended) as [number | null])[0]
      }),
    )
  }

  it('share a round: four workers, every mail once, one request a batch', {
    tags: 'long',
    timeout: 120_000,
  }, async () => {
    const edition = await makeDueRound(READERS)
    for (let worker = 0; worker < 4; worker++) startProcess('worker', 10)
    startProcess('scheduler', 10)
    await vi.waitFor(async () => expect((await readAccounts(round.db, edition.id)).submitted).toBe(READERS), {
      timeout: 100_000,
      interval: 200,
    })
    expect(standIn.summary()).toMatchObject({ accepted: READERS, duplicates: 0 })
    expect(standIn.requests).toHaveLength(READERS / 100)
    expect(await round.db.selectFrom('heartbeats').select('roles').execute()).toHaveLength(5)
    expect(await stopAll()).toEqual([0, 0, 0, 0, 0])
    expect(await round.db.selectFrom('heartbeats').selectAll().execute()).toEqual([])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      due: READERS,
      submitted: READERS,
      waiting: 0,
      unknown: 0,
    })
  })

  it('of a send end when told to, with what was under way settled and the rest for the next one', {
    tags: 'long',
    timeout: 120_000,
  }, async () => {
    const readers = 2_000
    const edition = await makeDueRound(readers)
    const send = async (onRequest: (child: ChildProcess) => void) => {
      const before = standIn.requests.length
      const child = run(['send', '--date', edition.date], 3, database.url, 'error', ['ignore', 'ignore', 'pipe'])
      const said = text(child.stderr as Readable)
      const ended = once(child, 'exit')
      await vi.waitFor(() => expect(standIn.requests.length).toBeGreaterThan(before), { timeout: 60_000, interval: 5 })
      onRequest(child)
      return { code: ((await ended) as [number | null])[0], said: await said }
    }
    const { code, said } = await send((child) => child.kill('SIGTERM'))
    expect(said).toContain('ended before all of the edition of 2026-03-05 was sent: the next "send" goes on')
    expect(code).toBe(1)
    const { accepted } = standIn.summary()
    expect(accepted).toBeLessThan(readers)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: accepted, unknown: 0 })
    const { rows } = await sql`select from batches where state in ('attempting', 'unknown')`.execute(round.db)
    expect(rows).toEqual([])
    expect(await round.db.selectFrom('heartbeats').selectAll().execute()).toEqual([])
    expect((await send(() => {})).code).toBe(0)
    expect(standIn.summary()).toMatchObject({ accepted: readers, duplicates: 0 })
  })

  it.runIf(isFull)(
    'plan, send and settle a round through PgBouncer in transaction mode, and serve its readers meanwhile',
    { timeout: 180_000 },
    async ({ skip }) => {
      const pooler = await openTemporaryPooler(database.url)
      if (!pooler) return skip('PgBouncer is not installed here')
      try {
        const edition = await makeDueRound(1_000)
        const website = await startWebsite(pooler.url)
        const readers = await round.db.selectFrom('subscribers').selectAll().orderBy('id').execute()
        const [chooser, ...leavers] = readers.slice(0, 25)
        const path = (purpose: 'unsubscribe' | 'preferences', { public_id, token_epoch }: (typeof readers)[number]) =>
          `${website}/${purpose}/${issueToken(round.linkKeys, purpose, { publicId: public_id, tokenEpoch: token_epoch }, new Date())}`
        const leave = async (reader: (typeof readers)[number]) => {
          const body = new URLSearchParams({ 'List-Unsubscribe': 'One-Click' })
          const answer = await fetch(path('unsubscribe', reader), { method: 'POST', body })
          expect(answer.status).toBe(200)
          return answer.text()
        }
        const choose = async (papers: number) => {
          const opened = await fetch(path('preferences', chooser as (typeof readers)[number]), { redirect: 'manual' })
          const cookie = opened.headers.get('Set-Cookie')?.split(';')[0] ?? ''
          const page = await (await fetch(`${website}/preferences`, { headers: { cookie } })).text()
          const form = /name="form" value="([^"]+)"/.exec(page)?.[1] ?? ''
          const entry = entryFrom((await findSubscriberByAddress(round.db, chooser?.address ?? '')) as Subscriber)
          const { onlyWithCode: _, ...fields } = { ...entry, papers: String(papers), form, action: 'save' }
          const saving = { method: 'POST', body: new URLSearchParams(fields), headers: { cookie } }
          return (await fetch(`${website}/preferences`, saving)).text()
        }
        expect(await choose(3)).toContain('It holds at most 3 papers; it held 1.')
        expect(new Set(await Promise.all(leavers.map(leave)))).toEqual(new Set(['Unsubscribed.']))
        startProcess('worker', 10, pooler.url)
        startProcess('worker', 10, pooler.url)
        startProcess('scheduler', 10, pooler.url)
        await vi.waitFor(() => expect(standIn.requests.length).toBeGreaterThan(0), { timeout: 100_000, interval: 20 })
        // Amid the round, and once it is over.
        expect(await choose(4)).toContain('It holds at most 4 papers; it held 3.')
        await vi.waitFor(async () => expect((await readAccounts(round.db, edition.id)).waiting).toBe(0), {
          timeout: 100_000,
          interval: 200,
        })
        expect(await leave(readers[500] as (typeof readers)[number])).toMatch(/^Unsubscribed\./)
        expect(standIn.summary()).toMatchObject({ accepted: 976, duplicates: 0 })
        expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 976, submitted: 976, unknown: 0 })
        const { rows } = await sql<{ papers: number }>`
          select cardinality(s.papers) as papers from deliveries d
          join selections s on s.edition_id = d.edition_id and s.id = d.selection_id
          where d.subscriber_id = ${chooser?.id}`.execute(round.db)
        expect(rows).toEqual([{ papers: 3 }])
        expect(await stopAll()).toEqual([0, 0, 0, 0])
      } finally {
        await pooler.close()
      }
    },
  )

  // Takes the minute that it is about: the sweep and the scheduler have to find out by themselves.
  it.runIf(isFull)(
    'lose no mail and double none when Redis is emptied in the middle',
    { timeout: 180_000 },
    async () => {
      const edition = await makeDueRound(3_000)
      startProcess('worker', 5)
      startProcess('worker', 5)
      startProcess('scheduler', 5)
      await vi.waitFor(() => expect(standIn.requests.length).toBeGreaterThan(5), { timeout: 90_000, interval: 50 })
      const client = new Redis(redis.url)
      await client.flushall()
      client.disconnect()
      const before = standIn.requests.length
      expect(before).toBeLessThan(30)
      await vi.waitFor(async () => expect((await readAccounts(round.db, edition.id)).submitted).toBe(3_000), {
        timeout: 150_000,
        interval: 200,
      })
      expect(standIn.summary()).toMatchObject({ accepted: 3_000, duplicates: 0 })
      expect(standIn.requests).toHaveLength(30)
      expect(await stopAll()).toEqual([0, 0, 0])
    },
  )
})
