// Real workers at a pace of five requests a second, before a provider in a process of its own that
// counts what arrives in any second: how much of the pace they kept, what was refused, and how long
// a mark stood before its request.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { builtFile } from '../support/program.ts'
import { openTestRound, planFor, TEST_SECRET } from '../support/round.ts'
import { openTemporaryRedis, query, realPostgresUrl } from '../support/servers.ts'
import type { PacedReport } from './paced-process.ts'

export interface PacedWay {
  workers: number
  /** Beside as many processes that never rest. */
  burners: number
  jitterMs: number
  requests: number
  /** Refuses this request, whatever the pace. */
  refuse?: number
  withRedis?: boolean
}

export interface PacedResult {
  /** Of five a second. */
  share: number
  /** Without the one that was refused on purpose. */
  refused: number
  /** From a mark to its request's first byte, 99 of 100, in milliseconds. */
  markedMs: number
  /**
   * From the answer that was refused on purpose to the next request that was marked behind it,
   * in milliseconds.
   */
  backMs: number | null
}

const PER_SECOND = 5
const LATENCY_MS = 150
/** An answer is known to all workers after less. */
const HEARD_MS = 100
/** Small: what is measured is when they leave. */
const MAILS = 3

export async function runPaced(way: PacedWay): Promise<PacedResult> {
  const { workers, burners, jitterMs, requests, refuse, withRedis = true } = way
  const server = await realPostgresUrl()
  if (server === undefined) throw new Error('PostgreSQL does not answer on this machine')
  const name = `paper_round_pace_${process.pid}`
  await query(server, `create database ${name}`)
  const databaseUrl = Object.assign(new URL(server), { pathname: `/${name}` }).href
  const redis = withRedis ? await openTemporaryRedis() : undefined
  const round = await openTestRound(databaseUrl)
  const folder = await mkdtemp(join(tmpdir(), 'paper-round-paced-'))
  const standIn = fork(await builtFile('test/bench/paced-process.ts'), [
    String(jitterMs),
    String(LATENCY_MS),
    String(PER_SECOND),
  ])
  const children: ChildProcess[] = [standIn]
  const heard = async () => ((await once(standIn, 'message')) as [PacedReport])[0]
  try {
    const { url } = await heard()
    if (refuse !== undefined) standIn.send(refuse)
    const names = Array.from({ length: requests * MAILS }, (_, at) => `reader${at}`)
    const { edition } = await planFor({ ...round, providers: [{ ...round.provider, batchSize: MAILS }] }, names)
    await sql`update batches set next_attempt_at = round_clock()`.execute(round.db)
    const env = {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      MAIL_PROVIDER: 'resend',
      RESEND_API_KEY: 're_test',
      RESEND_BASE_URL: url,
      MAIL_FROM: 'Daily Papers <papers@papers.example>',
      PUBLIC_URL: 'https://papers.example',
      LINK_SECRET: TEST_SECRET,
      SEND_RATE: String(PER_SECOND),
      SOURCE: `file:${folder}`,
      LOG_LEVEL: 'error',
    }
    const cli = await builtFile('src/cli.ts')
    for (let burner = 0; burner < burners; burner++) {
      children.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
    }
    const roles = [...Array.from({ length: workers }, () => 'worker'), 'scheduler']
    for (const role of roles) {
      children.push(
        spawn(process.execPath, [cli, 'start', '--roles', role], {
          cwd: folder,
          env,
          stdio: ['ignore', 'ignore', 'inherit'],
        }),
      )
    }
    const isDone = async () => {
      const { rows } = await sql<{ count: number }>`
        select count(*) as count from deliveries where edition_id = ${edition.id} and state = 'planned'`.execute(
        round.db,
      )
      return rows[0]?.count === 0
    }
    while (!(await isDone())) await sleep(500)
    standIn.send('report')
    const report = await heard()
    const { rows: marks } = await sql<{ at: number }>`
      select (extract(epoch from b.first_attempt_at) * 1000)::float8 as at from batches b
      where b.edition_id = ${edition.id} order by b.first_attempt_at`.execute(round.db)
    return judge(
      report,
      marks.map(({ at }) => at),
      refuse,
    )
  } finally {
    for (const child of children) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    await round.close()
    await redis?.close()
    await query(server, `drop database ${name} with (force)`)
    await rm(folder, { recursive: true })
  }
}

function judge({ requests }: PacedReport, marks: number[], refuse: number | undefined): PacedResult {
  const sorted = [...requests].sort((a, b) => a.at - b.at)
  const times = sorted.map(({ at }) => at)
  const wanted = refuse === undefined ? undefined : requests[refuse]
  const answeredAt = (wanted?.at ?? 0) + LATENCY_MS
  // What was marked before all workers had heard of the answer is on its way.
  const next = wanted && times.find((at) => marks.some((mark) => mark > answeredAt + HEARD_MS && mark <= at))
  // What was refused on purpose is marked anew: its first request is not to be found.
  const began = requests
    .filter(({ status }) => status === 200)
    .map(({ beganAt }) => beganAt)
    .sort((a, b) => a - b)
  const waits = marks.map((mark) => Math.min(...began.filter((at) => at >= mark - 1).map((at) => at - mark)))
  return {
    share: (times.length - 1) / (((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000) / PER_SECOND,
    refused: requests.filter(({ status }) => status === 429).length - (wanted?.status === 429 ? 1 : 0),
    markedMs: waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? 0,
    backMs: next === undefined ? null : next - answeredAt,
  }
}
