// The machine of transitions.ts as a model: any order of events, crashes in between, late answers,
// two owners. Every change that a row really made is an event of the table, and a provider that
// remembers everything is the referee. In the end everything runs out, and everybody is somewhere.
import fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { NOTICE } from '../../../src/delivery/notice/sending.ts'
import { NO_QUOTA } from '../../../src/delivery/provider/provider.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { markResumed } from '../../../src/delivery/sending/brake.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import type { Edition } from '../../../src/edition/edition.ts'
import { LaterError } from '../../../src/errors.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { notify } from '../../../src/jobs/notify.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../../src/subscriber/store.ts'
import { isFull } from '../../support/full.ts'
import { keepRound } from '../../support/kept-round.ts'
import { asOwner } from '../../support/program-user.ts'
import { openReplayingProvider } from '../../support/replaying-provider.ts'
import { freezeEdition, openTestRound, type TestRound } from '../../support/round.ts'
import { query } from '../../support/servers.ts'
import { installStateLog, takeChanges } from '../../support/state-log.ts'
import { openTestDatabase } from '../../support/stores.ts'
import { ACTS, type Act, letTimePass, mayRunOut, maySettle, settleHand, type World } from './history-acts.ts'
import { check, checkEnd } from './history-rules.ts'

const RUNS = isFull ? 400 : 5
const NAMES = ['ada', 'bob', 'cleo', 'dan', 'eve', 'poison', 'reject']
const DATES = ['2026-03-03', '2026-03-04', '2026-03-05']
/** After so many rounds without a fault nothing waits any more. */
const ROUNDS_MAX = 60

/** How often each act comes, so that most of what owners begin gets somewhere. */
const OFTEN: Partial<Record<keyof typeof ACTS, number>> = {
  work: 34,
  claim: 8,
  wait: 7,
  report: 2,
  crash: 2,
  askNotice: 2,
  resume: 3,
}
const names = Object.keys(ACTS) as (keyof typeof ACTS)[]
const act = fc.oneof(...names.map((name) => ({ weight: OFTEN[name] ?? 1, arbitrary: fc.constant(name) })))
const history = fc.record({
  batchSize: fc.integer({ min: 1, max: 5 }),
  providers: fc.integer({ min: 1, max: 2 }),
  replayMs: fc.constantFrom(Number.POSITIVE_INFINITY, 86_400_000, 0),
  steps: fc.array(fc.tuple(act, fc.noBias(fc.nat(10_000))), { maxLength: 80, size: 'max' }),
})
type History = typeof history extends fc.Arbitrary<infer T> ? T : never

describe('any history', () => {
  let round: TestRound
  keepRound((kept) => {
    round = kept
  })

  it(
    'makes no change that the table does not know, and leaves everybody somewhere',
    { tags: 'long', timeout: 900_000 },
    () => holdsFor(round),
  )

  it.runIf(isFull)(
    'does so on PostgreSQL itself',
    async ({ skip }) => {
      const database = await openTestDatabase('real')
      if (!database) return skip('no PostgreSQL answers on this machine')
      const real = await openTestRound(database.url)
      try {
        await holdsFor(real)
      } finally {
        await real.close()
        await database.close()
      }
    },
    900_000,
  )
})

async function holdsFor(round: TestRound): Promise<void> {
  const editions: Edition[] = []
  for (const date of DATES) editions.push(await freezeEdition(round, date))
  await insertReaders(round)
  await installStateLog(round.databaseUrl)
  const met = new Set<string>()
  await fc.assert(
    fc.asyncProperty(history, async (drawn) => {
      const world = { ...(await beginAnew(round, editions, drawn)), met }
      for (const [name, pick] of drawn.steps) {
        const act: Act = ACTS[name]
        const may = await act(world, pick)
        await named(name, () => check(world, may ?? {}))
      }
      await runOut(world)
    }),
    { numRuns: RUNS, seed: 11 },
  )
  // Without these it would have shown little.
  const rare = ['put-back', 'give-up', 'halve', 'account', 'overtake', 'resolve']
  for (const event of ['mark', 'settle', 'part', ...(isFull ? rare : [])])
    expect([...met]).toContain(`batches ${event}`)
}

/** Kept, since asking for zones takes longer than a history. */
async function insertReaders({ db, databaseUrl }: TestRound): Promise<void> {
  const readers = NAMES.map((name) => ({
    ...DEFAULT_RHYTHM,
    address: `${name}@example.org`,
    choices: parseChoices({}),
    consentSource: 'test',
  }))
  await insertSubscribers(db, readers)
  await query(asOwner(databaseUrl), 'create table kept_readers as table subscribers')
}

async function beginAnew(round: TestRound, editions: readonly Edition[], drawn: History): Promise<World> {
  const { db } = round
  const tables =
    'events deliveries batches selections notes notices credentials spent_credentials suppressions providers quota_waits'
  const emptied = [...tables.split(' '), 'subscribers'].map((name) => `delete from ${name}`)
  const kept = 'insert into subscribers overriding system value table kept_readers'
  const closed = `update editions set due = 0, stopped_reason = null, stopped_until = null, resumed_at = null, frozen_at = 'infinity'`
  await sql.raw([...emptied, kept, closed].join('; ')).execute(db)
  const { batchSize, replayMs } = drawn
  const providers = (['outbox', 'resend'] as const)
    .slice(0, drawn.providers)
    .map((name) => openReplayingProvider({ name, batchSize, replayMs }))
  const rows = await db.selectFrom('subscribers').selectAll().orderBy('id').execute()
  const world: World = {
    round: { ...round, providers: providers as [(typeof providers)[number]] },
    providers,
    editions,
    readers: rows.map((row) => ({
      id: row.id,
      publicId: row.public_id,
      addressHash: row.address_hash,
      address: row.address as string,
      gone: null,
    })),
    hands: [],
    taken: new Set(),
    doubtful: new Set(),
    dead: new Set(),
    broken: [],
    inputs: new Map(),
    again: new Set(),
    erased: new Set(),
    notices: new Set(),
    met: new Set(),
    days: 0,
  }
  for (const provider of providers) watch(world, provider)
  await planAll(world.round, editions[0] as Edition, null)
  await takeChanges(db)
  return world
}

/** Notes what a provider takes, and what it must never see. */
function watch(world: World, provider: World['providers'][number]): void {
  const take = provider.send
  provider.send = async (request) => {
    const before = provider.accepted.length
    const outcome = await take(request)
    if (provider.accepted.length > before) world.taken.add(request.idempotencyKey)
    if (outcome.kind === 'mismatch') world.broken.push(`${request.idempotencyKey} came with other bytes`)
    if (world.dead.has(request.idempotencyKey)) world.broken.push(`${request.idempotencyKey} came too late`)
    return outcome
  }
}

/**
 * Lets everything come to its end without a fault. What owners heard long before comes last, and
 * may put off or split once more.
 */
async function runOut(world: World): Promise<void> {
  for (const provider of world.providers) provider.quota = NO_QUOTA
  world.hands = world.hands.filter(({ outcome }) => outcome)
  await sendAll(world)
  await named('the end', () => checkEnd(world))
  for (const hand of world.hands) {
    await settleHand(world, hand)
    await named('a late answer', () => check(world, maySettle(hand)))
  }
  await sendAll(world)
  await named('the very end', () => checkEnd(world))
}

async function sendAll(world: World): Promise<void> {
  const { round, editions } = world
  for (let turn = 0; turn < ROUNDS_MAX; turn++) {
    for (const { id } of editions) await markResumed(round.db, id)
    await letTimePass(world)
    const batches = await listWaiting(round.db, BATCH, 100)
    const notices = await listWaiting(round.db, NOTICE, 100)
    if (batches.length + notices.length === 0) return
    for (const id of batches) await dispatch(round, id).catch(ignoreWait)
    for (const id of notices) await notify(round, id).catch(ignoreWait)
    await named('running out', () => check(world, mayRunOut(world)))
  }
}

function ignoreWait(error: unknown): void {
  if (!(error instanceof LaterError)) throw error
}

async function named(step: string, judge: () => Promise<void>): Promise<void> {
  await judge().catch((error: Error) => {
    throw new Error(`after ${step}: ${error.message}`)
  })
}
