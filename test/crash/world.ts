// Everything that a crash run needs: stores of its own, the referee, its judge and the processes of
// the round. Opened in order, closed the other way round; nothing of it outlives the run.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ADDRESS_FILE, OWNER_FOLDER } from '../../src/database/embedded/address.ts'
import { copyFreshFiles } from '../support/kept-files.ts'
import { builtFile } from '../support/program.ts'
import { openTestRound, TEST_SECRET, type TestRound } from '../support/round.ts'
import { makeFolder, openTemporaryPostgres, openTemporaryRedis, type TemporaryServer } from '../support/servers.ts'
import type { BreakName } from './breaks.ts'
import { type Fleet, openFleet } from './fleet.ts'
import { type Judge, openJudge } from './judge.ts'
import type { RefereeSettings } from './referee.ts'

export interface WorldSettings {
  stores: 'real' | 'embedded'
  seed: number
  batchSize: number
  /** Requests a second, of all processes together. */
  rate: number
  /** Of each batch; the queue's lock on a job is as long. */
  leaseMs: number
  latencyMs: number
  broken: BreakName | null
  /** How many processes work, and how many of them are spare. */
  workers?: number
  schedulers?: number
  spares?: number
  referee?: Partial<RefereeSettings>
  /**
   * How long a process waits for an answer, in milliseconds; the provider's own deadline without
   * it.
   */
  answerMs?: number
  /** Of the round's processes, on stderr. */
  logLevel?: string
  /** Keeps PostgreSQL's files here, on a small disk: little log is kept for later. */
  postgresFolder?: string
}

export interface World {
  /** The harness's own handle on the round's database. */
  round: TestRound
  judge: Judge
  fleet: Fleet
  /** Undefined with embedded stores. */
  redis: TemporaryServer | undefined
  postgres: TemporaryServer | undefined
  /** The referee's log, one JSON line a request. */
  logFile: string
  close(): Promise<void>
}

/** Opens a world. Returns undefined where the stores that it needs are not installed. */
export async function openWorld(settings: WorldSettings): Promise<World | undefined> {
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const each of closing.splice(0).reverse()) await each()
  }
  try {
    const folder = await makeFolder('crash')
    closing.push(() => rm(folder, { recursive: true, force: true }))
    const isGroup = settings.stores === 'embedded'
    const redis = isGroup ? undefined : await openTemporaryRedis()
    if (redis) closing.push(() => redis.close())
    const postgres = isGroup
      ? undefined
      : await openTemporaryPostgres({ parent: settings.postgresFolder, segmentMb: settings.postgresFolder ? 1 : 16 })
    if (postgres) closing.push(() => postgres.close())
    if (!isGroup && !(redis && postgres)) {
      await close()
      return undefined
    }
    if (isGroup) await copyFreshFiles(folder)
    const logFile = join(folder, 'referee.log')
    const judge = await openJudge(logFile)
    closing.push(() => judge.close())
    const { seed, latencyMs, leaseMs, batchSize, broken } = settings
    const referee = await openReferee({ seed, latencyMs, ...settings.referee, logFile })
    closing.push(referee.close)
    const environment: NodeJS.ProcessEnv = {
      ...(postgres && redis ? { DATABASE_URL: postgres.url, REDIS_URL: redis.url } : { DATA_DIR: folder }),
      MAIL_PROVIDER: 'resend',
      RESEND_API_KEY: 're_crash',
      RESEND_BASE_URL: referee.url,
      MAIL_FROM: 'Daily Papers <papers@papers.example>',
      PUBLIC_URL: 'https://papers.example',
      LINK_SECRET: TEST_SECRET,
      SEND_RATE: String(settings.rate),
      SOURCE: `file:${folder}`,
      LOG_LEVEL: settings.logLevel ?? 'fatal',
    }
    // With stores of its own, the first process makes the tables; otherwise they must be there
    // before it looks.
    const early = postgres ? await openTestRound(postgres.url) : undefined
    if (early) closing.push(() => early.close())
    const { workers = 3, schedulers = 1, spares = 2 } = settings
    const fleet = await openFleet({
      environment,
      providerUrl: referee.url,
      worker: { leaseMs, lockMs: leaseMs, tickMs: 1_000, batchSize, broken, isGroup, deadlineMs: settings.answerMs },
      crew: isGroup
        ? [['worker', 'scheduler']]
        : [
            ...Array.from({ length: workers }, () => ['worker'] as const),
            ...Array.from({ length: schedulers }, () => ['scheduler'] as const),
          ],
      spares: isGroup ? 0 : spares,
    })
    closing.push(() => fleet.close())
    const round = early ?? (await openTestRound(await embeddedUrl(folder)))
    if (!early) closing.push(() => round.close())
    return { round, judge, fleet, redis, postgres, logFile, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openReferee(settings: RefereeSettings): Promise<{ url: string; close: () => Promise<void> }> {
  const child = fork(await builtFile('test/crash/referee.ts'), [JSON.stringify(settings)], { execArgv: [] })
  const [{ url }] = (await once(child, 'message')) as [{ url: string }]
  return {
    url,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

async function embeddedUrl(folder: string): Promise<string> {
  return (JSON.parse(await readFile(join(folder, OWNER_FOLDER, ADDRESS_FILE), 'utf8')) as { url: string }).url
}
