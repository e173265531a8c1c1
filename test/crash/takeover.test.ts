// How long what a dead worker held waits: real workers on one Redis and one PostgreSQL are killed
// and stopped in the middle of a round, and the stores are taken away. Only in the long mode, as it
// takes the seconds that it is about; test/delivery/sending/heartbeats.test.ts moves the clock.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Edition } from '../../src/edition/edition.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../src/subscriber/store.ts'
import { isFull } from '../support/full.ts'
import { builtFile } from '../support/program.ts'
import { openResendStandIn, type StandIn } from '../support/resend-stand-in.ts'
import {
  freezeEdition,
  only,
  openScriptedProvider,
  openTestRound,
  readAccounts,
  TEST_SECRET,
  type TestRound,
} from '../support/round.ts'
import { openTemporaryPostgres, openTemporaryRedis, type TemporaryServer } from '../support/servers.ts'

const KILLS = 25
const STOPS = 4
/** Requests take so long and leave so often that a worker has some in its hands at any moment. */
const LATENCY_MS = 2_500
const SEND_RATE = 3
const BATCH_SIZE = 2
const LONG_MS = 3_600_000

interface Worker {
  child: ChildProcess
  holder: string
}

interface Held {
  id: number
  epoch: number
}

describe.runIf(isFull)('what a worker held', () => {
  let postgres: TemporaryServer
  let redis: TemporaryServer
  let standIn: StandIn
  let round: TestRound
  let folder: string
  let children: ChildProcess[]
  let events: string[]

  beforeEach(async () => {
    const servers = [await openTemporaryPostgres(), await openTemporaryRedis()] as const
    if (!servers[0] || !servers[1]) throw new Error('PostgreSQL and Redis must be installed for this')
    postgres = servers[0]
    redis = servers[1]
    standIn = await openResendStandIn({ latencyMs: LATENCY_MS, keepBodies: false })
    round = await openTestRound(postgres.url)
    folder = await mkdtemp(join(tmpdir(), 'paper-round-takeover-'))
    children = []
    events = []
  })
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL')
    await round.close()
    await standIn.close()
    await redis.close()
    await postgres.close()
    await rm(folder, { recursive: true })
  })

  async function start(role: 'worker' | 'scheduler'): Promise<Worker> {
    const known = await listHolders()
    const child = spawn(process.execPath, [await builtFile('src/cli.ts'), 'start', '--roles', role], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        MAIL_PROVIDER: 'resend',
        RESEND_API_KEY: 're_test',
        RESEND_BASE_URL: standIn.url,
        MAIL_FROM: 'Daily Papers <papers@papers.example>',
        PUBLIC_URL: 'https://papers.example',
        LINK_SECRET: TEST_SECRET,
        SEND_RATE: String(SEND_RATE),
        SOURCE: `file:${folder}`,
        LOG_LEVEL: 'warn',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text) => {
        events.push(...[...String(text).matchAll(/"event":"([^"]+)"/g)].map(([, event]) => event as string))
      })
    }
    const holder = await vi.waitFor(
      async () => {
        const found = (await listHolders()).find((id) => !known.includes(id))
        if (found === undefined) throw new Error('it has no heartbeat yet')
        return found
      },
      { timeout: 90_000, interval: 50 },
    )
    return { child, holder }
  }

  async function listHolders(): Promise<string[]> {
    return (await round.db.selectFrom('heartbeats').select('id').execute()).map(({ id }) => id)
  }

  /** Plans batches of a few readers each, enough for so many seconds. */
  async function plan(seconds: number): Promise<Edition> {
    const readers = Array.from({ length: seconds * SEND_RATE * BATCH_SIZE }, (_, index) => ({
      ...DEFAULT_RHYTHM,
      address: `reader-${index}@example.net`,
      choices: parseChoices({}),
      consentSource: 'test',
    }))
    await insertSubscribers(round.db, readers)
    const edition = await freezeEdition(round, '2026-03-05')
    const small = openScriptedProvider({ name: 'resend', batchSize: BATCH_SIZE })
    await planAll({ ...round, ...only(small) }, edition, null)
    return edition
  }

  async function heldBy({ holder }: Worker): Promise<Held[]> {
    const { rows } = await sql<Held>`
      select id, lease_epoch as epoch from batches
      where holder = ${holder}::uuid and state in ('planned', 'attempting', 'deferred', 'unknown')
        and next_attempt_at > clock_timestamp()`.execute(round.db)
    return rows
  }

  /** Waits until another process has claimed each of them; returns after how many ms each. */
  async function claimedAfter(held: readonly Held[], from: number, gone: string): Promise<number[]> {
    const open = new Map(held.map(({ id, epoch }) => [id, epoch]))
    const times: number[] = []
    while (open.size > 0 && performance.now() - from < 120_000) {
      const rows = await round.db
        .selectFrom('batches')
        .select(['id', 'state', 'lease_epoch', 'holder'])
        .where('id', 'in', [...open.keys()])
        .execute()
      for (const { id, state, lease_epoch, holder } of rows) {
        const epoch = open.get(id) as number
        // Taken over under the next epoch, and claimed under the one after.
        const isClaimed = lease_epoch >= epoch + 2
        // Its last write came through before it was gone.
        const isOver = lease_epoch === epoch && (state === 'settled' || holder !== gone)
        if (isClaimed) times.push(performance.now() - from)
        if (isClaimed || isOver) open.delete(id)
      }
      await sleep(50)
    }
    expect(open.size, 'each is claimed by another').toBe(0)
    return times
  }

  function say(what: string, times: readonly number[]): void {
    const sorted = [...times].sort((a, b) => a - b)
    const at = (share: number) => ((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) / 1_000).toFixed(1)
    process.stdout.write(`${what}: ${sorted.length} batches claimed by another after p50 ${at(0.5)} s, `)
    process.stdout.write(`p95 ${at(0.95)} s, worst ${at(1)} s\n`)
  }

  async function strike(worker: Worker, signal: 'SIGKILL' | 'SIGSTOP'): Promise<number[]> {
    const held = await vi.waitFor(
      async () => {
        const found = await heldBy(worker)
        expect(found.length).toBeGreaterThan(0)
        return found
      },
      { timeout: 90_000, interval: 20 },
    )
    const from = performance.now()
    worker.child.kill(signal)
    const still = await heldBy(worker)
    const both = held.filter(({ id }) => still.some((each) => each.id === id))
    return claimedAfter(both, from, worker.holder)
  }

  const quantile = (times: readonly number[], share: number) =>
    [...times].sort((a, b) => a - b)[Math.ceil(share * times.length) - 1] ?? 0

  it(`is claimed by another within seconds of ${KILLS} kills and ${STOPS} stops, and nobody gets two`, {
    timeout: LONG_MS,
  }, async () => {
    const edition = await plan(KILLS * 22 + STOPS * 30)
    await start('scheduler')
    const workers = [await start('worker'), await start('worker')]
    const killed: number[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      // At any moment between two beats.
      await sleep(Math.random() * 5_000)
      const victim = workers.shift() as Worker
      const times = strike(victim, 'SIGKILL')
      workers.push(await start('worker'))
      killed.push(...(await times))
    }
    say(`${KILLS} kills`, killed)
    const stopped: number[] = []
    for (let stop = 0; stop < STOPS; stop++) {
      await sleep(Math.random() * 5_000)
      const victim = workers.shift() as Worker
      stopped.push(...(await strike(victim, 'SIGSTOP')))
      victim.child.kill('SIGCONT')
      await vi.waitFor(async () => expect(await listHolders()).toContain(victim.holder), { timeout: 90_000 })
      workers.push(victim)
    }
    say(`${STOPS} stops`, stopped)
    expect(quantile(killed, 0.95)).toBeLessThanOrEqual(20_000)
    expect(Math.max(...killed)).toBeLessThanOrEqual(25_000)
    expect(events.filter((event) => event === 'process.silent').length).toBe(KILLS + STOPS)
    // Whoever crashed has left no heartbeat behind.
    expect(await listHolders()).toHaveLength(3)
    await vi.waitFor(async () => expect(await readAccounts(round.db, edition.id)).toMatchObject({ waiting: 0 }), {
      timeout: 1_200_000,
      interval: 1_000,
    })
    const accounts = await readAccounts(round.db, edition.id)
    expect(accounts).toMatchObject({ submitted: accounts.due, unknown: 0, rejected: 0 })
    expect(standIn.summary()).toMatchObject({ accepted: accounts.due, duplicates: 0 })
    process.stdout.write(`${accounts.due} readers: 0 lost, 0 twice\n`)
    const living = children.filter((child) => child.exitCode === null && child.signalCode === null)
    const ends = living.map((child) => once(child, 'exit'))
    for (const child of living) child.kill('SIGTERM')
    expect((await Promise.all(ends)).map(([code]) => code)).toEqual([0, 0, 0])
    expect(await listHolders()).toEqual([])
  })

  it('stays where it is through an outage of the database: nobody is taken for dead', {
    timeout: LONG_MS,
  }, async () => {
    await plan(120)
    await start('scheduler')
    await Promise.all([start('worker'), sleep(1_000).then(() => start('worker'))])
    await vi.waitFor(() => expect(standIn.requests.length).toBeGreaterThan(5), { timeout: 90_000 })
    for (const seconds of [8, 25, 45]) {
      await postgres.kill()
      await sleep(seconds * 1_000)
      await postgres.restart()
      await sleep(25_000)
      expect(await listHolders()).toHaveLength(3)
    }
    expect(events.filter((event) => event === 'process.silent')).toEqual([])
    expect(events.filter((event) => event === 'heartbeat.missed').length).toBeGreaterThanOrEqual(6)
    process.stdout.write('outages of 8, 25 and 45 s: nobody was taken for dead\n')
  })
})
