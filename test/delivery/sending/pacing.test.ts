// A host's pace on real rows: learned from its answers, shared by all workers, and nobody's but its
// own readers'.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listWaitingReasons } from '../../../src/delivery/account/accounting.ts'
import { listSlowHosts, markSlowed, pruneHostPaces } from '../../../src/delivery/provider/host-paces.ts'
import type { BatchOutcome, BatchRequest } from '../../../src/delivery/provider/provider.ts'
import { BATCH, type ClaimedBatch } from '../../../src/delivery/sending/batch.ts'
import { keepPaces } from '../../../src/delivery/sending/pacing.ts'
import { claimStretch } from '../../../src/delivery/sending/stretch.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../../src/subscriber/store.ts'
import { moveClock } from '../../support/clock.ts'
import { keepRound } from '../../support/kept-round.ts'
import {
  freezeEdition,
  openScriptedProvider,
  readAccounts,
  type ScriptedProvider,
  type TestRound,
} from '../../support/round.ts'

let round: TestRound
let smtp: ScriptedProvider
keepRound((kept) => {
  round = kept
})
beforeEach(() => openSmtp(null))
afterEach(() => moveClock(round.databaseUrl, '0'))

function openSmtp(domainRate: number | null): void {
  smtp = openScriptedProvider({ name: 'smtp', replayMs: 0, batchSize: 4, domainRate })
  round = { ...round, provider: smtp, providers: [smtp] }
}

const WORDS = '421 4.7.28 Gmail has detected an unusual rate of mail'
/** Takes every mail but those to big.example, which gets too many at a time. */
const tooFast = ({ mails }: BatchRequest): BatchOutcome => ({
  kind: 'answered',
  outcomes: mails.map(({ to }) =>
    to.endsWith('@big.example')
      ? { state: 'deferred', reason: WORDS, retryAfterMs: 300_000, tooFast: true }
      : { state: 'submitted', providerId: null },
  ),
})

async function plan(addresses: readonly string[]) {
  const reader = { ...DEFAULT_RHYTHM, choices: parseChoices({}), consentSource: 'test' }
  await insertSubscribers(
    round.db,
    addresses.map((address) => ({ ...reader, address })),
  )
  const edition = await freezeEdition(round, '2026-03-05')
  await planAll(round, edition, null)
  return edition
}

async function sendAll(): Promise<void> {
  for (;;) {
    const ids = await listWaiting(round.db, BATCH, 100)
    if (ids.length === 0) return
    await Promise.all(ids.map((id) => dispatch(round, id)))
  }
}

const went = () => smtp.accepted.map(({ to }) => to)
const many = (count: number) => Array.from({ length: count }, (_, index) => `r${index}@big.example`)

describe('a host that gets too many at a time', () => {
  it('is waited for in each batch of a stretch, whose others go', async () => {
    const edition = await plan([...many(5), 'ada@small.example', 'bob@small.example', 'cleo@other.example'])
    const ids = await listWaiting(round.db, BATCH, 100)
    const claimAll = () => claimStretch(round.db, BATCH, { from: ids[0] as number, count: ids.length }, round)
    const goingOf = (batches: readonly ClaimedBatch[]) =>
      batches.flatMap(({ members }) => members.map(({ address }) => address?.split('@')[1])).sort()
    const batches = await claimAll()
    // Nobody is known to be slow: one look says so of all.
    expect(await keepPaces(round.db, smtp, batches)).toEqual(batches)
    expect(await keepPaces(round.db, {}, batches)).toEqual(batches)
    await markSlowed(round.db, [{ host: 'big.example', reason: WORDS }], null)
    const going = await keepPaces(round.db, smtp, batches)
    expect(goingOf(batches)).toHaveLength(8)
    expect(goingOf(going)).toEqual(['other.example', 'small.example', 'small.example'])
    expect(await listWaitingReasons(round.db, edition.id)).toMatchObject({ 'the pace of big.example': 5 })
  })

  it('is waited for by its own readers alone, in every batch, and the reason is told', async () => {
    const edition = await plan([...many(5), 'ada@small.example', 'bob@small.example', 'cleo@other.example'])
    smtp.script.push(tooFast, tooFast)
    await sendAll()
    expect(went().filter((to) => to.endsWith('@big.example'))).toEqual([])
    expect(went()).toHaveLength(3)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 3, waiting: 5, unknown: 0 })
    expect(await listWaitingReasons(round.db, edition.id)).toEqual({ 'the pace of big.example': 5 })
    expect(await listSlowHosts(round.db, null)).toEqual([
      { host: 'big.example', perMinute: expect.closeTo(60, 0), since: expect.any(Date), reason: WORDS },
    ])
    // It gets nothing for a minute, then as many as its pace says.
    const requests = smtp.requests.length
    await moveClock(round.databaseUrl, '70 seconds')
    await sendAll()
    expect(smtp.requests.length).toBeGreaterThan(requests)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 8, waiting: 0 })
    expect(new Set(went()).size).toBe(8)
  })

  it('is believed again and again, and forgotten in time', async () => {
    await plan(many(2))
    for (const [asked, minutes] of [60, 30, 15].map((each, index) => [each, 2 * index] as const)) {
      await moveClock(round.databaseUrl, `${minutes} minutes`)
      await sql`update batches set next_attempt_at = round_clock()`.execute(round.db)
      smtp.script.push(tooFast)
      await sendAll()
      const [slow] = await listSlowHosts(round.db, null)
      expect(slow?.perMinute).toBeGreaterThanOrEqual(asked)
      expect(slow?.perMinute).toBeLessThan(asked * 1.2)
    }
    await moveClock(round.databaseUrl, '7 hours')
    expect(await listSlowHosts(round.db, null)).toEqual([])
    await moveClock(round.databaseUrl, '26 hours')
    await pruneHostPaces(round.db)
    expect(await round.db.selectFrom('host_paces').selectAll().execute()).toEqual([])
  })
})

describe('DOMAIN_RATE', () => {
  it('holds for each host over all workers, and for no other provider', { tags: 'long' }, async () => {
    openSmtp(12)
    const edition = await plan([...many(9), 'ada@small.example', 'bob@small.example'])
    await sendAll()
    // Ten seconds of it at once: two emails a host.
    expect(went().filter((to) => to.endsWith('@big.example'))).toHaveLength(2)
    expect(went()).toHaveLength(4)
    expect(await listWaitingReasons(round.db, edition.id)).toEqual({ 'the pace of big.example': 7 })
    expect(await listSlowHosts(round.db, 12)).toEqual([])
    for (let seconds = 10; seconds <= 60; seconds += 10) {
      await moveClock(round.databaseUrl, `${seconds} seconds`)
      await sendAll()
    }
    expect(new Set(went()).size).toBe(11)
    const { domainRate: _, ...resend } = openScriptedProvider({ name: 'resend', batchSize: 4 })
    round = { ...round, providers: [resend] }
    await sql`update deliveries set local_date = local_date - 1`.execute(round.db)
    const next = await freezeEdition(round, '2026-03-06')
    await planAll(round, next, null)
    await sendAll()
    expect(await readAccounts(round.db, next.id)).toMatchObject({ submitted: 11 })
  })
})
