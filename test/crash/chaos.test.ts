// The round against a provider that fails in every way it can: everybody is served once, nobody
// pays for another's bad address, and a repeat is the same to the byte whatever was changed
// meanwhile. Samples in `npm test`, the whole in full.
// @module-tag long

import { appendFile, cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import type { Provider } from '../../src/delivery/provider/provider.ts'
import { openResend } from '../../src/delivery/provider/resend/resend.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { openTemplates } from '../../src/digest/rendering.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { rankDay } from '../../src/jobs/rank.ts'
import type { Round } from '../../src/jobs/round.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../src/subscriber/store.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { isFull } from '../support/full.ts'
import { keepRound } from '../support/kept-round.ts'
import { openResendStandIn, type StandIn, type StandInOptions } from '../support/resend-stand-in.ts'
import {
  endWaits,
  freezeEdition,
  only,
  readAccounts,
  readDeliveries,
  TEST_SECRET,
  type TestRound,
} from '../support/round.ts'
import { makeFolder } from '../support/servers.ts'
import { chaos } from './chaos.ts'
import { driveEditions } from './drive.ts'
import { openDice } from './strikes.ts'

const LONG = { timeout: 1_200_000 }

describe('a provider in chaos', () => {
  let kept: TestRound
  let standIn: StandIn
  keepRound((opened) => {
    kept = opened
  })
  afterEach(() => standIn.close())

  /**
   * Plans an edition for these addresses, to leave through a stand-in of this kind in batches of
   * this size. Only where the stand-in hangs is a short deadline worth what a busy machine makes of
   * it: requests that are given up before they are read.
   */
  async function plan(
    addresses: readonly string[],
    batchSize: number,
    options: StandInOptions = {},
    deadlineMs?: number,
  ) {
    standIn = await openResendStandIn(options)
    const resend = openResend({
      ...{ apiKey: 're_test', baseUrl: standIn.url, requestsPerSecond: 1_000 },
      ...(deadlineMs !== undefined && { deadlineMs }),
    })
    const provider: Provider = { ...resend, batchSize }
    const round: Round = { ...kept, ...only(provider) }
    await insertSubscribers(
      round.db,
      addresses.map((address, index) => ({
        ...DEFAULT_RHYTHM,
        address,
        choices: parseChoices({ papers: 1 + (index % 3) }),
        consentSource: 'test',
      })),
    )
    const edition = await freezeEdition(round, '2026-03-05')
    await planAll(round, edition, null)
    return { round, edition }
  }

  /** Dispatches until nothing is left to do, however long it would have waited. */
  async function exhaust(round: Round): Promise<void> {
    for (let turn = 0; turn < 60; turn++) {
      const standing = await listWaiting(round.db, BATCH, 10_000)
      if (standing.length === 0) return
      for (const id of standing) await dispatch(round, id).catch(() => [])
      await endWaits(round.db)
    }
  }

  const named = (count: number) => Array.from({ length: count }, (_, index) => `reader-${index}@example.org`)

  it('serves everybody once, with 30 % of the requests struck', LONG, async () => {
    const batches = isFull ? 100 : 40
    const size = isFull ? 100 : 3
    const { round, edition } = await plan(named(batches * size), size, { fault: chaos(0.3, 7) }, 400)
    await exhaust(round)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      due: batches * size,
      submitted: batches * size,
      unknown: 0,
      waiting: 0,
    })
    expect(standIn.summary()).toMatchObject({ accepted: batches * size, duplicates: 0 })
    expect(standIn.requests.length / batches).toBeLessThanOrEqual(1.6)
    expect(standIn.requests.filter(({ name }) => name === 'invalid_idempotent_request')).toEqual([])
  })

  it.each([
    ['permissive', false],
    ['strict', true],
  ])('harms nobody but the bad address, wherever it stands (%s validation)', LONG, async (_name, strictOnly) => {
    const size = isFull ? 100 : 12
    const { round, edition } = await plan(named(size), size, { strictOnly })
    const dice = openDice(9)
    const single = Array.from({ length: size }, (_, index) => [index])
    const subsets = Array.from({ length: isFull ? 40 : 4 }, () => {
      const share = dice()
      return Array.from({ length: size }, (_, index) => index).filter(() => dice() < share)
    })
    const trials = isFull ? [...single, ...subsets] : [...single.filter((_, index) => index % 5 === 0), ...subsets]
    for (const bad of trials) {
      await sql`delete from deliveries`.execute(round.db)
      await sql`delete from batches`.execute(round.db)
      await sql`update editions set due = 0 where id = ${edition.id}`.execute(round.db)
      await planAll(round, edition, null)
      const { rows } = await sql<{ members: number[] }>`select members from batches`.execute(round.db)
      const members = rows[0]?.members ?? []
      // Resend refuses these; the row keeps what it was planned with.
      const ids = bad.map((index) => members[index] as number)
      const worsen = sql`case when id = any(${ids}::int[]) then 'reader-' || id || '@nowhere' else 'reader-' || id || '@example.org' end`
      await sql`update subscribers set address = ${worsen}`.execute(round.db)
      await sql`update deliveries d set address = s.address from subscribers s where s.id = d.subscriber_id`.execute(
        round.db,
      )
      const before = standIn.accepted.length
      await exhaust(round)
      const accepted = standIn.accepted.slice(before)
      const deliveries = Object.values(await readDeliveries(round.db, edition.id))
      const rejected = deliveries.filter(({ state }) => state === 'rejected').map((row) => row.subscriber_id)
      expect(rejected.sort()).toEqual([...ids].sort())
      expect(accepted).toHaveLength(size - bad.length)
      const byTag = new Map(accepted.map((mail) => [mail.tags.delivery, mail]))
      for (const row of deliveries.filter(({ state }) => state !== 'rejected')) {
        expect(row.state).toBe('submitted')
        expect(byTag.get(row.public_id)).toMatchObject({
          id: row.provider_uuid,
          to: `reader-${row.subscriber_id}@example.org`,
        })
      }
    }
  })

  it('gets the same bytes again, whatever was changed, for as long as its keys live', LONG, async () => {
    const batches = isFull ? 1_000 : 24
    const { round, edition } = await plan(named(batches * 2), 2, { fault: () => ({ answer: 'reset' }) })
    for (const id of await listWaiting(round.db, BATCH, batches)) await dispatch(round, id).catch(() => [])
    expect(standIn.summary()).toMatchObject({ accepted: batches * 2, replays: 0, requests: batches })
    const { db } = round
    await sql`update subscribers set address = 'moved-' || address, token_epoch = token_epoch + 3, hour = 21`.execute(
      db,
    )
    await sql`update subscribers set consent = 'unsubscribed' where id % 3 = 0`.execute(db)
    await sql`update subscribers set paused_until = '2999-01-01' where id % 3 = 1`.execute(db)
    await sql`update papers set facts = facts || '{"title": "another"}'`.execute(db)
    await sql`update edition_papers set paper = paper || '{"title": "another"}', upvotes = upvotes + 7`.execute(db)
    const folder = await makeFolder('templates')
    await cp(new URL('../../templates', import.meta.url), folder, { recursive: true })
    await appendFile(join(folder, 'digest.txt'), '\nA host who has more to say.\n')
    const changed: Round = {
      ...round,
      ...openTemplates(folder),
      host: {
        publicUrl: 'https://elsewhere.example',
        mailFrom: 'Others <others@elsewhere.example>',
        postalAddress: '1 New Road',
        unsubscribeMailto: 'leave@elsewhere.example',
      },
      linkKeys: deriveLinkKeys(['a newer secret for tests, long enough to be taken', TEST_SECRET]),
    }
    // A look at a frozen edition with other templates leaves its pieces as they are.
    await rankDay(changed, '2026-03-05')
    await rm(folder, { recursive: true })
    // Half of them are repeated in their last minute, the others a minute too late.
    await sql`update batches set first_attempt_at = clock_timestamp() - make_interval(mins => case when id % 2 = 0 then 23 * 60 - 1 else 23 * 60 + 1 end)`.execute(
      db,
    )
    const { rows } = await sql<{ live: number }>`select count(*) as live from batches where id % 2 = 0`.execute(db)
    const live = rows[0]?.live ?? 0
    await endWaits(db)
    for (const id of await listWaiting(db, BATCH, batches)) await dispatch(changed, id).catch(() => [])
    expect(standIn.summary()).toMatchObject({ accepted: batches * 2, replays: live, requests: batches + live })
    const mismatches = standIn.requests.filter(({ name }) => name === 'invalid_idempotent_request')
    expect(mismatches).toEqual([])
    // Those that were too late stay as they are for good.
    await endWaits(db)
    const still = await sql<{ count: number }>`
      select count(*) as count from batches where state = 'unknown' and next_attempt_at = 'infinity' and id % 2 = 1`.execute(
      db,
    )
    expect(still.rows[0]?.count).toBe(batches - live)
    await readAccounts(db, edition.id)
  })

  it('is never asked again by another join version', async () => {
    const { round, edition } = await plan(named(4), 2, { fault: () => ({ answer: 'reset' }) })
    for (const id of await listWaiting(round.db, BATCH, 10)) await dispatch(round, id).catch(() => [])
    await sql`update batches set join_version = join_version - 1`.execute(round.db)
    await exhaust(round)
    expect(standIn.requests).toHaveLength(2)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 4, unknown: 4 })
  })
})

it.runIf(isFull)(
  'chaos over the real queue keeps to the pace: 10,000 readers, 10 requests a second',
  LONG,
  async (context) => {
    const verdict = await driveEditions(
      {
        stores: 'real',
        seed: 11,
        subscribers: 10_000,
        batchSize: 100,
        rate: 10,
        leaseMs: 30_000,
        latencyMs: 200,
        answerMs: 3_000,
        broken: null,
        workers: 3,
        spares: 0,
        referee: { requestsPerSecond: 10, faultRate: 0.3 },
        deadlineMs: 1_100_000,
      },
      async (world, progress) => {
        await progress.untilSending()
        while (progress.edition && !progress.isOver()) await sleep(200)
        await world.judge.read()
        expect(world.judge.overLimit).toBe(0)
        expect(world.judge.requests / 100).toBeLessThanOrEqual(1.6)
      },
    )
    if (!verdict) return context.skip()
    expect(verdict).toMatchObject({ lost: 0, duplicates: 0, violations: [] })
  },
)
