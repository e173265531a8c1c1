// A stop in the middle of a paced round, with several processes that dispatch: what was marked when
// the command returned is all that is ever requested, and after `resume` everybody is served once.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { resumeCommand } from '../../src/commands/resume.ts'
import { stopCommand } from '../../src/commands/stop.ts'
import { openPostgresPaces } from '../../src/delivery/pace/pace-store.ts'
import { openPaces } from '../../src/delivery/pace/paces.ts'
import { openResend } from '../../src/delivery/provider/resend/resend.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { LaterError } from '../../src/errors.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { callOn } from '../support/command.ts'
import { isFull } from '../support/full.ts'
import { openResendStandIn, type StandIn } from '../support/resend-stand-in.ts'
import { openTestRound, planFor, readAccounts, type TestRound } from '../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

const READERS = isFull ? 10_000 : 60
const BATCH_SIZE = isFull ? 100 : 5
/** A round of some ten seconds in full, and a tenth of that in short. */
const REQUESTS_A_SECOND = isFull ? 10 : 20
const STOPS = isFull ? 5 : 1
const WORKERS = 3
/** Requests overlap. */
const LATENCY_MS = 300

let database: TestDatabase
let standIn: StandIn
const rounds: TestRound[] = []
beforeAll(async () => {
  database = await openTestDatabase('either')
  standIn = await openResendStandIn({ latencyMs: LATENCY_MS })
  for (let worker = 0; worker < WORKERS; worker++) {
    const resend = openResend({ apiKey: 're_stop', baseUrl: standIn.url, requestsPerSecond: REQUESTS_A_SECOND })
    const opened = await openTestRound(database.url)
    rounds.push({
      ...opened,
      paces: openPaces(openPostgresPaces(opened.db), opened.logger),
      providers: [{ ...resend, batchSize: BATCH_SIZE }],
    })
  }
})
afterAll(async () => {
  for (const { close } of rounds) await close()
  await standIn.close()
  await database.close()
})

/** One process: some batches at the same time, until nothing may go or it is told to end. */
async function work(round: TestRound, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const ids = await listWaiting(round.db, BATCH, 4)
    if (ids.length === 0) await sleep(20)
    await Promise.all(
      ids.map((id) =>
        dispatch(round, id).catch(async (error: unknown) => {
          if (!(error instanceof LaterError)) throw error
          await sleep(Math.min(50, error.retryAfterMs))
        }),
      ),
    )
  }
}

it('lets nothing be requested that was not marked when it returned', { tags: 'long', timeout: 300_000 }, async () => {
  const [round] = rounds as [TestRound]
  const { edition } = await planFor(
    round,
    Array.from({ length: READERS }, (_, index) => `reader${index}`),
  )
  const marked = async () =>
    (await round.db.selectFrom('batches').select('id').where('first_attempt_at', 'is not', null).execute()).length
  const ending = new AbortController()
  const working = rounds.map((each) => work(each, ending.signal))
  const table: string[] = []
  for (let stop = 1; stop <= STOPS; stop++) {
    const share = stop / (STOPS + 1)
    while (standIn.requests.length < (share * READERS) / BATCH_SIZE) await sleep(10)
    await callOn(database.url, () => stopCommand({ reason: 'a test' }))
    const [markedThen, requestedThen] = [await marked(), standIn.requests.length]
    await sleep(4 * LATENCY_MS)
    const requested = standIn.requests.length
    expect(requested).toBeLessThanOrEqual(markedThen)
    expect(await marked()).toBe(markedThen)
    table.push(`${markedThen} marked and ${requestedThen} requested when stop returned, ${requested} in the end`)
    await callOn(database.url, () => resumeCommand({}))
  }
  while ((await readAccounts(round.db, edition.id)).waiting > 0) await sleep(50)
  ending.abort()
  await Promise.all(working)
  expect(standIn.accepted).toHaveLength(READERS)
  expect(standIn.duplicates()).toEqual([])
  if (isFull) process.stdout.write(`${table.join('\n')}\n`)
})
