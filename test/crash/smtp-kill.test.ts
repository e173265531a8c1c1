// Workers on SMTP are killed with SIGKILL in the middle, again and again. The server's list is the
// truth: nobody is ever in it twice, everybody is accounted for, and a kill leaves at most the
// pool's size unknown.
// @module-tag long
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { isFull } from '../support/full.ts'
import { builtFile } from '../support/program.ts'
import {
  endWaits,
  openTestRound,
  planFor,
  readAccounts,
  readDeliveries,
  TEST_SECRET,
  type TestRound,
} from '../support/round.ts'
import { openSmtpStandIn, type SmtpStandIn } from '../support/smtp-stand-in.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

const KILLS = isFull ? 200 : 5
const POOL = 4
/** Mails that leave before each kill, at most. */
const UNTIL_KILL = 12
const READERS = KILLS * (UNTIL_KILL + POOL) + 20

const program = await builtFile('test/crash/smtp-worker.ts')
let database: TestDatabase
let round: TestRound
let standIn: SmtpStandIn
let worker: ChildProcess | undefined

beforeAll(async () => {
  database = await openTestDatabase('either')
  round = await openTestRound(database.url)
  // Takes a mail first and answers a little later: the moment in which a kill hurts.
  standIn = await openSmtpStandIn({ answersAfterMs: () => Math.random() * 15 })
})
afterAll(async () => {
  worker?.kill('SIGKILL')
  await standIn.close()
  await round.close()
  await database.close()
})

function startWorker(): ChildProcess {
  worker = spawn(process.execPath, [program, database.url, String(standIn.port), String(POOL), TEST_SECRET], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return worker
}

it(`survives ${KILLS} kills without a mail too many or too few`, { timeout: 1_800_000 }, async () => {
  const { edition } = await planFor(
    { ...round, providers: [{ ...round.provider, batchSize: 3 }] },
    Array.from({ length: READERS }, (_, index) => `reader${index}`),
  )
  let inDoubt = 0
  let most = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const child = startWorker()
    const exited = once(child, 'exit')
    const goal = standIn.taken.length + 1 + Math.floor(Math.random() * UNTIL_KILL)
    await vi.waitFor(() => expect(standIn.taken.length).toBeGreaterThanOrEqual(goal), { timeout: 120_000, interval: 2 })
    await sleep(Math.random() * 20)
    child.kill('SIGKILL')
    await exited
    // What the dead process had begun ends by itself, at the server as well.
    await vi.waitFor(async () => expect(await countSessions()).toBe(0), { timeout: 90_000, interval: 20 })
    const now = await countInDoubt()
    most = Math.max(most, now - inDoubt)
    expect(most).toBeLessThanOrEqual(POOL)
    inDoubt = now
    const served = standIn.taken.map(({ to }) => to)
    expect(new Set(served).size, 'nobody is served twice').toBe(served.length)
    await endWaits(round.db)
    await readAccounts(round.db, edition.id)
  }
  const [code] = await once(startWorker(), 'exit')
  expect(code).toBe(0)
  const accounts = await readAccounts(round.db, edition.id)
  expect(accounts).toMatchObject({ due: READERS, waiting: 0, rejected: 0, unknown: inDoubt })
  expect(inDoubt).toBeLessThanOrEqual(KILLS * POOL)
  const taken = standIn.taken.map(({ to }) => to.split('@')[0] as string)
  expect(new Set(taken).size, 'nobody is served twice').toBe(taken.length)
  const deliveries = Object.entries(await readDeliveries(round.db, edition.id))
  const submitted = deliveries.filter(([, { state }]) => state === 'submitted').map(([name]) => name)
  expect(submitted.length + inDoubt).toBe(READERS)
  expect(submitted.filter((name) => !taken.includes(name))).toEqual([])
  const inTaken = taken.length - submitted.length
  process.stdout.write(
    `${KILLS} kills, ${READERS} readers: 0 lost, 0 twice, ${inDoubt} unknown, at most ${most} by a kill; the server took ${inTaken} of them\n`,
  )
})

/** Mails whose request was made and not settled, or of which nothing will ever be known. */
async function countInDoubt(): Promise<number> {
  const { rows } = await sql<{ mails: number }>`
    select count(*)::int as mails from batches b
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = any(b.members)
    where b.state in ('attempting', 'unknown') and d.state in ('planned', 'unknown')`.execute(round.db)
  return rows[0]?.mails ?? 0
}

/**
 * Sessions of the dead: what one had sent last is still carried out, and anything else rolled back,
 * before it ends.
 */
async function countSessions(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and application_name = 'smtp-worker'`.execute(round.db)
  return rows[0]?.count ?? 0
}
