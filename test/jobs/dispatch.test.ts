// One batch from claim to settle, on real stores: what is fixed before the request, what each
// outcome leads to, and that nobody is ever accepted twice, whatever fails in between.

import fc from 'fast-check'
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import type { Database } from '../../src/database/schema.ts'
import type { Turn } from '../../src/delivery/pace/paces.ts'
import type { BatchOutcome, BatchRequest } from '../../src/delivery/provider/provider.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { markResumed } from '../../src/delivery/sending/brake.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { JOIN_VERSION } from '../../src/digest/joining/joining.ts'
import { getEdition } from '../../src/edition/store.ts'
import { HoldError, LaterError } from '../../src/errors.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { markPaused, markUnsubscribed } from '../../src/subscriber/store.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { isFull } from '../support/full.ts'
import { openReplayingProvider } from '../support/replaying-provider.ts'
import {
  acceptAll,
  endWaits,
  openTestRound,
  planFor,
  readAccounts,
  readBatch,
  readDeliveries,
  TEST_SECRET,
  type TestRound,
} from '../support/round.ts'
import { describeStores } from '../support/stores.ts'

const HOUR_MS = 3_600_000
const unknown: BatchOutcome = { kind: 'unknown', reason: 'the connection was cut' }

describeStores('dispatch', (stores) => {
  let round: TestRound

  beforeEach(async () => {
    round = await openTestRound(stores.databaseUrl)
  })
  afterEach(() => round.close())

  /** Plans one batch of these readers. */
  async function plan(...names: string[]) {
    const { edition, batchIds } = await planFor(round, names)
    return { edition, id: batchIds[0] as number }
  }

  async function leave(...names: string[]): Promise<void> {
    for (const name of names) {
      const row = await round.db
        .selectFrom('subscribers')
        .select('public_id')
        .where('address', '=', `${name}@example.org`)
        .executeTakeFirstOrThrow()
      await markUnsubscribed(round.db, row.public_id)
    }
  }

  /** Dispatches whatever may go, halves included, until nothing moves. */
  async function dispatchAll(): Promise<void> {
    for (let ids = await listWaiting(round.db, BATCH, 100); ids.length > 0; ) {
      for (const id of ids) await dispatch(round, id)
      ids = await listWaiting(round.db, BATCH, 100)
    }
  }

  const addresses = (request: BatchRequest | undefined) => request?.mails.map((mail) => mail.to.split('@')[0])

  describe('after an outage of the database', () => {
    it.each([
      ['noticed before the claim', [5_000]],
      ['noticed between the claim and the mark', [0, 5_000]],
    ])('marks nothing while wishes to leave come first: %s', async (_, settling) => {
      const { edition, id } = await plan('ada', 'bob')
      const outage = { settlingMs: () => settling.shift() ?? 0 }
      const error = await dispatch({ ...round, outage }, id).catch((each: unknown) => each)
      expect(error).toBeInstanceOf(LaterError)
      expect((error as LaterError).retryAfterMs).toBe(5_000)
      expect(round.provider.requests).toEqual([])
      expect((await readBatch(round.db, id)).first_attempt_at).toBeNull()
      await leave('ada')
      await dispatch({ ...round, outage }, id)
      expect(round.provider.requests.map(addresses)).toEqual([['bob']])
      expect((await readDeliveries(round.db, edition.id)).ada?.reason).toBe('left')
    })
  })

  describe('before the request', () => {
    it('has committed everything that the request depends on', async () => {
      const { edition, id } = await plan('ada', 'bob')
      const elsewhere = openDatabase(stores.databaseUrl)
      const seen: unknown[] = []
      round.provider.script.push(async (request) => {
        const row = await readBatch(elsewhere, id)
        seen.push(row)
        expect(row).toMatchObject({
          state: 'attempting',
          join_version: JOIN_VERSION,
          idempotency_key: request.idempotencyKey,
          provider: 'outbox',
          attempts: 1,
          lease_epoch: 1,
        })
        expect(row.recipe_sha256).toHaveLength(32)
        expect(Math.abs(Date.now() - (row.first_attempt_at?.getTime() ?? 0))).toBeLessThan(HOUR_MS)
        return acceptAll(request)
      })
      expect(await dispatch(round, id)).toEqual([])
      await elsewhere.destroy()
      expect(seen).toHaveLength(1)
      expect(round.provider.requests[0]).toMatchObject({ edition: { date: edition.date, kind: 'daily' } })
      expect(addresses(round.provider.requests[0])).toEqual(['ada', 'bob'])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2, waiting: 0 })
      expect(await dispatch(round, id)).toEqual([])
      expect(round.provider.requests).toHaveLength(1)
    })

    it('drops who left, was suppressed, paused or moved since planning, each with the reason', async () => {
      const { edition, id } = await plan('ada', 'bob', 'cleo', 'dan', 'eve')
      const { bob, dan } = await readDeliveries(round.db, edition.id)
      await leave('ada')
      await sql`insert into suppressions (address_hash, reason)
        select address_hash, 'bounce' from subscribers where address = 'cleo@example.org'`.execute(round.db)
      await markPaused(round.db, dan?.subscriber_id ?? 0, '2999-01-01')
      await sql`update subscribers set address = 'new@example.org' where id = ${bob?.subscriber_id}`.execute(round.db)
      await dispatch(round, id)
      expect(addresses(round.provider.requests[0])).toEqual(['eve'])
      const after = await readDeliveries(round.db, edition.id)
      for (const [name, reason] of Object.entries({ ada: 'left', new: 'left', cleo: 'suppressed', dan: 'paused' })) {
        expect(after[name]).toMatchObject({ state: 'withheld', reason, local_date: null, address: null })
      }
      expect(after.eve).toMatchObject({ state: 'submitted', provider_id: `id-${after.eve?.public_id}` })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({
        due: 5,
        submitted: 1,
        withheld: { left: 2, suppressed: 1, paused: 1 },
      })
    })

    it('asks for nothing when everybody has left', async () => {
      const { edition, id } = await plan('ada', 'bob')
      await leave('ada', 'bob')
      expect(await dispatch(round, id)).toEqual([])
      expect(round.provider.requests).toEqual([])
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', first_attempt_at: null })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, withheld: { left: 2 }, waiting: 0 })
    })

    it('builds again without whoever leaves between build and mark', async () => {
      const { edition, id } = await plan('ada', 'bob', 'cleo')
      const names = ['bob', 'cleo']
      // After the members were read and before the mark.
      const db = beforeMembersOf(round.db, () => leave(...names.splice(0, 1)))
      await dispatch({ ...round, db }, id)
      expect(addresses(round.provider.requests[0])).toEqual(['ada'])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, withheld: { left: 2 } })
      const key = round.provider.requests[0]?.idempotencyKey
      expect(await readBatch(round.db, id)).toMatchObject({ idempotency_key: key, attempts: 1 })
    })

    it('puts the batch off when members keep leaving', async () => {
      const names = ['ada', 'bob', 'cleo', 'dan', 'eve', 'fay']
      const { edition, id } = await plan(...names)
      const db = beforeMembersOf(round.db, () => leave(...names.splice(0, 1)))
      await expect(dispatch({ ...round, db }, id)).rejects.toThrow(LaterError)
      expect(round.provider.requests).toEqual([])
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'deferred', attempts: 0 })
      await endWaits(round.db)
      await dispatch(round, id)
      expect(addresses(round.provider.requests[0])).toEqual(['fay'])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, withheld: { left: 5 } })
    })

    it('fixes nothing when the mails cannot be built', async () => {
      const { id } = await plan('ada')
      const linkKeys = deriveLinkKeys(['a secret that signed nothing of this edition'])
      await expect(dispatch({ ...round, linkKeys }, id)).rejects.toThrow('LINK_SECRET no longer holds key')
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'planned', first_attempt_at: null, attempts: 0 })
    })

    it('withholds reserved domains when mails reach the real world, and only then', async () => {
      const { edition, id } = await plan('ada', 'bob')
      await sql`update subscribers set address = 'ada@papers.dev' where address = 'ada@example.org'`.execute(round.db)
      await sql`update deliveries set address = 'ada@papers.dev' where address = 'ada@example.org'`.execute(round.db)
      round.provider.reachesRealWorld = true
      await dispatch(round, id)
      expect(round.provider.accepted.map((mail) => mail.to)).toEqual(['ada@papers.dev'])
      expect((await readDeliveries(round.db, edition.id)).bob).toMatchObject({
        state: 'withheld',
        reason: 'reserved-domain',
        address: null,
        local_date: null,
      })
    })
  })

  describe('of an edition that is pruned', () => {
    const prune = async () => {
      await round.db.deleteFrom('pieces').execute()
      await round.db.updateTable('editions').set({ pruned_at: new Date() }).execute()
    }

    it('withholds as late what was never attempted', async () => {
      const { edition, id } = await plan('ada', 'bob')
      await leave('bob')
      await prune()
      await dispatch(round, id)
      expect(round.provider.requests).toEqual([])
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled' })
      const { ada, bob } = await readDeliveries(round.db, edition.id)
      expect(ada).toMatchObject({ state: 'withheld', reason: 'late', address: null, local_date: null })
      expect(bob).toMatchObject({ state: 'withheld', reason: 'left' })
    })

    it('leaves unknown what was', async () => {
      const { id } = await plan('ada')
      round.provider.script.push(unknown)
      await dispatch(round, id).catch(() => {})
      await prune()
      await endWaits(round.db)
      await dispatch(round, id)
      expect(round.provider.requests).toHaveLength(1)
      const forGood = sql<boolean>`next_attempt_at = 'infinity'`.as('forGood')
      expect(await round.db.selectFrom('batches').select(['state', forGood]).execute()).toEqual([
        { state: 'unknown', forGood: true },
      ])
    })
  })

  describe('each outcome', () => {
    it('answered: ids and refusals land on their own rows', async () => {
      const { edition, id } = await plan('ada', 'bob', 'cleo')
      round.provider.script.push(({ mails }) => ({
        kind: 'answered',
        outcomes: mails.map(({ to, publicId }) =>
          to.startsWith('bob')
            ? { state: 'rejected', reason: 'no such mailbox' }
            : { state: 'submitted', providerId: `p-${publicId}` },
        ),
      }))
      await dispatch(round, id)
      const { ada, bob, cleo } = await readDeliveries(round.db, edition.id)
      for (const row of [ada, cleo]) {
        expect(row).toMatchObject({ state: 'submitted', provider_id: `p-${row?.public_id}`, address: null })
        expect(row?.local_date).not.toBeNull()
      }
      expect(bob).toMatchObject({ state: 'rejected', reason: 'no such mailbox', address: null, local_date: null })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 2, rejected: 1 })
    })

    it('answered for too few: nobody is settled, the same request comes again', async () => {
      const { edition, id } = await plan('ada', 'bob')
      round.provider.script.push({ kind: 'answered', outcomes: [{ state: 'submitted', providerId: 'one' }] })
      await expect(dispatch(round, id)).rejects.toThrow('1 mails of 2')
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, unknown: 2 })
      await endWaits(round.db)
      await dispatch(round, id)
      expect(round.provider.requests[1]).toEqual(round.provider.requests[0])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 2 })
    })

    it('refused: halves down to the one bad mail, everybody else once', async () => {
      const names = Array.from({ length: 13 }, (_, index) => `reader${index}`)
      const { edition } = await plan(...names)
      const refuse = (request: BatchRequest): BatchOutcome =>
        addresses(request)?.includes('reader4') ? { kind: 'refused', reason: 'a bad address' } : acceptAll(request)
      round.provider.script.push(...Array.from({ length: 40 }, () => refuse))
      await dispatchAll()
      // One, and two a level.
      expect(round.provider.requests.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(names.length)))
      expect(round.provider.accepted.map((mail) => mail.to.split('@')[0]).sort()).toEqual(
        names.filter((name) => name !== 'reader4').sort(),
      )
      const keys = round.provider.requests.map((request) => request.idempotencyKey)
      expect(new Set(keys).size).toBe(keys.length)
      expect((await readDeliveries(round.db, edition.id)).reader4).toMatchObject({
        state: 'rejected',
        reason: 'a bad address',
      })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 13, submitted: 12, rejected: 1 })
    })

    it('refused on a repeat: the earlier request was the same, so it is halved as well', async () => {
      const { edition, id } = await plan('ada', 'bob')
      round.provider.script.push(unknown, { kind: 'refused', reason: 'a bad address' })
      await expect(dispatch(round, id)).rejects.toThrow(LaterError)
      await endWaits(round.db)
      expect(await dispatch(round, id)).toHaveLength(2)
      await dispatchAll()
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2 })
    })

    it('stopped: the edition stands still, the batch is as if never attempted, and resume sends it', async () => {
      const { edition, id } = await plan('ada', 'bob')
      round.provider.script.push({ kind: 'stopped', reason: 'the key was refused' })
      expect(await dispatch(round, id)).toEqual([])
      expect(await getEdition(round.db, edition.id)).toMatchObject({
        stoppedReason: 'the key was refused',
        stoppedUntil: null,
      })
      expect(await readBatch(round.db, id)).toMatchObject({
        state: 'deferred',
        reason: 'the key was refused',
        idempotency_key: null,
        recipe_sha256: null,
        first_attempt_at: null,
        attempts: 0,
      })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, waiting: 2 })
      await dispatch(round, id)
      expect(round.provider.requests).toHaveLength(1)
      await leave('bob')
      await markResumed(round.db, edition.id)
      await dispatchAll()
      expect(addresses(round.provider.requests[1])).toEqual(['ada'])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, withheld: { left: 1 } })
    })

    it('stopped on a repeat: nothing is given up, resume repeats the same request', async () => {
      const { edition, id } = await plan('ada')
      round.provider.script.push(unknown, { kind: 'stopped', reason: 'the key was refused' })
      await expect(dispatch(round, id)).rejects.toThrow(LaterError)
      await endWaits(round.db)
      await dispatch(round, id)
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, unknown: 1 })
      await markResumed(round.db, edition.id)
      await dispatchAll()
      expect(round.provider.requests).toHaveLength(3)
      expect(round.provider.requests[2]).toEqual(round.provider.requests[0])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1 })
    })

    it('quota: the edition waits for so long', async () => {
      const { edition, id } = await plan('ada')
      round.provider.script.push({ kind: 'quota', reason: 'the daily quota is used up', retryAfterMs: 2 * HOUR_MS })
      expect(await dispatch(round, id)).toEqual([])
      const { stoppedReason, stoppedUntil } = await getEdition(round.db, edition.id)
      expect(stoppedReason).toBe('the daily quota is used up')
      const waitMs = (stoppedUntil?.getTime() ?? 0) - Date.now()
      expect(Math.round(waitMs / HOUR_MS)).toBe(2)
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'deferred', idempotency_key: null })
      await dispatchAll()
      expect(round.provider.requests).toHaveLength(1)
      await sql`update editions set stopped_until = now() - interval '1 second'`.execute(round.db)
      await sql`update providers set stopped_until = now() - interval '1 second'`.execute(round.db)
      await dispatchAll()
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, submitted: 1 })
    })

    it('throttled: everybody waits as told, nothing is fixed', async () => {
      const { edition, id } = await plan('ada', 'bob')
      round.provider.script.push({ kind: 'throttled', retryAfterMs: 7_000 })
      const held = await dispatch(round, id).catch((error: unknown) => error)
      expect(held).toBeInstanceOf(HoldError)
      expect((held as HoldError).retryAfterMs).toBe(7_000)
      expect(await readBatch(round.db, id)).toMatchObject({
        state: 'deferred',
        idempotency_key: null,
        first_attempt_at: null,
        attempts: 0,
      })
      await leave('bob')
      await endWaits(round.db)
      await dispatch(round, id)
      expect(addresses(round.provider.requests[1])).toEqual(['ada'])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, withheld: { left: 1 } })
    })

    it('concurrent: the same key and bytes after the wait', async () => {
      const { id } = await plan('ada', 'bob')
      round.provider.script.push({ kind: 'concurrent', retryAfterMs: 2_000 })
      const later = await dispatch(round, id).catch((error: unknown) => error)
      expect(later).toBeInstanceOf(LaterError)
      expect(later).not.toBeInstanceOf(HoldError)
      expect((later as LaterError).retryAfterMs).toBe(2_000)
      await leave('bob')
      await endWaits(round.db)
      await dispatch(round, id)
      expect(round.provider.requests[1]).toEqual(round.provider.requests[0])
    })

    it('mismatch: unknown for good, with an alarm', async () => {
      const { edition, id } = await plan('ada')
      const error = vi.spyOn(round.logger, 'error')
      round.provider.script.push({ kind: 'mismatch', reason: 'known with another payload' })
      expect(await dispatch(round, id)).toEqual([])
      expect(error.mock.calls[0]?.[0]).toMatchObject({ event: 'batch.unknown', batchId: id })
      await endWaits(round.db)
      await dispatchAll()
      await dispatch(round, id)
      expect(round.provider.requests).toHaveLength(1)
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'unknown', reason: 'known with another payload' })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, unknown: 1 })
    })

    it('unknown: waits longer every time', async () => {
      const { id } = await plan('ada')
      const waits: number[] = []
      for (let attempt = 0; attempt < 10; attempt++) {
        round.provider.script.push(unknown)
        const later = await dispatch(round, id).catch((error: unknown) => error)
        waits.push((later as LaterError).retryAfterMs / 1_000)
        await endWaits(round.db)
      }
      expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900])
    })
  })

  describe('a pause that the provider wants while a batch is marked', () => {
    /** Turns that come at once, or after so long a pause. */
    function pausing(...pauses: number[]): Pick<TestRound, 'paces'> {
      const turn: Turn = { comes: async () => pauses.shift() ?? 0, leaves() {}, limits() {}, ends() {} }
      return { paces: { take: async () => turn, close: async () => {} } }
    }

    it('makes it one that was never attempted: whoever leaves gets nothing', async () => {
      const { edition, id } = await plan('ada', 'bob')
      const held = await dispatch({ ...round, ...pausing(7_000) }, id).catch((error: unknown) => error)
      expect(held).toBeInstanceOf(HoldError)
      expect((held as HoldError).retryAfterMs).toBe(7_000)
      expect(round.provider.requests).toEqual([])
      expect(await readBatch(round.db, id)).toMatchObject({
        state: 'deferred',
        recipe_sha256: null,
        first_attempt_at: null,
        attempts: 0,
        holder: null,
      })
      await leave('bob')
      await endWaits(round.db)
      await dispatch({ ...round, ...pausing(0) }, id)
      expect(round.provider.requests.map(addresses)).toEqual([['ada']])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, withheld: { left: 1 } })
    })

    it('puts back what was attempted before: the same request comes after it', async () => {
      const { edition, id } = await plan('ada', 'bob')
      round.provider.script.push(unknown)
      await expect(dispatch(round, id)).rejects.toThrow(LaterError)
      await endWaits(round.db)
      await expect(dispatch({ ...round, ...pausing(7_000) }, id)).rejects.toThrow(HoldError)
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'unknown', attempts: 1 })
      expect(round.provider.requests).toHaveLength(1)
      await endWaits(round.db)
      await dispatch({ ...round, ...pausing(0) }, id)
      const [first, second] = round.provider.requests.map((request) => JSON.stringify(request))
      expect(second).toBe(first)
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 2 })
    })
  })

  describe('a repeat', () => {
    it('is byte for byte the first request, whatever changed meanwhile', async () => {
      const { edition, id } = await plan('ada', 'bob', 'cleo')
      round.provider.script.push(unknown)
      await expect(dispatch(round, id)).rejects.toThrow(LaterError)
      await leave('cleo')
      await sql`update subscribers set address = 'moved@example.org', token_epoch = 5, hour = 9
        where address = 'ada@example.org'`.execute(round.db)
      await sql`update subscribers set paused_until = '2999-01-01' where address = 'bob@example.org'`.execute(round.db)
      await sql`insert into suppressions (address_hash, reason) select address_hash, 'bounce' from subscribers`.execute(
        round.db,
      )
      await sql`update papers set facts = facts || '{"title": "another"}'`.execute(round.db)
      await sql`update edition_papers set upvotes = upvotes + 100, paper = paper || '{"title": "another"}'`.execute(
        round.db,
      )
      await endWaits(round.db)
      const db = openDatabase(stores.databaseUrl)
      await dispatch(
        {
          ...round,
          db,
          linkKeys: deriveLinkKeys(['a newer secret for tests, long enough to be taken', TEST_SECRET]),
        },
        id,
      )
      await db.destroy()
      expect(round.provider.requests).toHaveLength(2)
      expect(JSON.stringify(round.provider.requests[1])).toBe(JSON.stringify(round.provider.requests[0]))
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 3, withheld: {} })
    })

    it('follows a worker that died between mark and request', async () => {
      const { edition, id } = await plan('ada')
      round.provider.script.push(() => {
        throw new Error('killed')
      })
      await expect(dispatch(round, id)).rejects.toThrow('killed')
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'attempting' })
      expect(await listWaiting(round.db, BATCH, 10)).toEqual([])
      expect(await dispatch(round, id)).toEqual([])
      await endWaits(round.db)
      await dispatchAll()
      expect(round.provider.requests[1]).toEqual(round.provider.requests[0])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, submitted: 1 })
    })

    it.each([
      ['a piece', sql`update pieces set body = body || ' ' where name = 'html/head'`],
      ['a selection', sql`update selections set papers = '{2,1}', reasons = '{0,0}'`],
      ['an address', sql`update deliveries set address = 'other@example.org'`],
      ['a key that the ring never held', sql`update deliveries set key_id = 1`],
      ['the join version', sql`update batches set join_version = join_version + 1`],
      ['the provider', sql`update batches set provider = 'resend'`],
    ])('is never sent with other rows: %s', async (_name, tamper) => {
      const { edition, id } = await plan('ada')
      round.provider.script.push(unknown)
      await expect(dispatch(round, id)).rejects.toThrow(LaterError)
      await tamper.execute(round.db)
      await endWaits(round.db)
      const db = openDatabase(stores.databaseUrl)
      expect(await dispatch({ ...round, db }, id)).toEqual([])
      await db.destroy()
      await endWaits(round.db)
      await dispatchAll()
      expect(round.provider.requests).toHaveLength(1)
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'unknown' })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, unknown: 1 })
    })

    it('comes as long as the provider replays, and not a minute later', async () => {
      round.provider.replayMs = 23 * HOUR_MS
      const { edition, id } = await plan('ada')
      const ageTo = (minutes: number) =>
        sql`update batches set first_attempt_at = now() - make_interval(mins => ${minutes}::int)`.execute(round.db)
      round.provider.script.push(unknown, unknown)
      await expect(dispatch(round, id)).rejects.toThrow(LaterError)
      await ageTo(22 * 60 + 59)
      await endWaits(round.db)
      await expect(dispatch(round, id)).rejects.toThrow(LaterError)
      expect(round.provider.requests).toHaveLength(2)
      await ageTo(23 * 60 + 1)
      await endWaits(round.db)
      expect(await dispatch(round, id)).toEqual([])
      expect(round.provider.requests).toHaveLength(2)
      expect(await readBatch(round.db, id)).toMatchObject({
        state: 'unknown',
        reason: 'outbox no longer replays its key',
      })
      expect(await listWaiting(round.db, BATCH, 10)).toEqual([])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, unknown: 1 })
    })

    it('never comes from a provider that replays nothing', async () => {
      round.provider.replayMs = 0
      const { edition, id } = await plan('ada')
      round.provider.script.push(unknown)
      expect(await dispatch(round, id)).toEqual([])
      await endWaits(round.db)
      await dispatchAll()
      expect(round.provider.requests).toHaveLength(1)
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, unknown: 1 })
    })
  })

  describe('two workers', () => {
    it('record a late success once', async () => {
      const { edition, id } = await plan('ada', 'bob')
      round.provider.script.push(async (request) => {
        await endWaits(round.db)
        await dispatch(round, id)
        return acceptAll(request)
      })
      await dispatch(round, id)
      expect(round.provider.requests).toHaveLength(2)
      expect(round.provider.requests[1]).toEqual(round.provider.requests[0])
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', lease_epoch: 2, attempts: 2 })
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2 })
    })

    it.each([
      unknown,
      { kind: 'throttled', retryAfterMs: 1 },
      { kind: 'concurrent', retryAfterMs: 1 },
      { kind: 'refused', reason: 'late' },
      { kind: 'mismatch', reason: 'late' },
    ] as BatchOutcome[])('do not undo a success by a late $kind', async (late) => {
      const { edition, id } = await plan('ada', 'bob')
      round.provider.script.push(async () => {
        await endWaits(round.db)
        await dispatch(round, id)
        return late
      })
      expect(await dispatch(round, id).catch(() => [])).toEqual([])
      expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', reason: null, lease_epoch: 2 })
      await endWaits(round.db)
      await dispatchAll()
      expect(round.provider.requests).toHaveLength(2)
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2, rejected: 0 })
    })

    it('do not both pass the mark', async () => {
      const { edition, id } = await plan('ada')
      let claims = 0
      const db = beforeMembersOf(round.db, async () => {
        if (claims++ > 0) return
        await endWaits(round.db)
        await dispatch(round, id)
      })
      expect(await dispatch({ ...round, db }, id)).toEqual([])
      expect(round.provider.requests).toHaveLength(1)
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 1, submitted: 1 })
    })
  })

  it('ends with everybody in one account and nobody accepted twice, whatever happens', {
    tags: 'long',
    timeout: 120_000,
  }, async () => {
    const provider = openReplayingProvider({ batchSize: 4 })
    const own = { ...round, providers: [provider] as const }
    const names = ['ada', 'bob', 'cleo', 'dan', 'eve', 'poison', 'reject', 'zoe']
    const { edition } = await planFor(own, names)
    const step = async () => {
      for (const id of await listWaiting(own.db, BATCH, 100)) await dispatch(own, id).catch(() => [])
      await readAccounts(own.db, edition.id)
    }
    const happen: Record<string, (name: string) => Promise<unknown>> = {
      wait: () => endWaits(own.db),
      resume: () => markResumed(own.db, edition.id),
      leave: (name) =>
        sql`update subscribers set consent = 'unsubscribed' where address = ${address(name)}`.execute(own.db),
      pause: (name) =>
        sql`update subscribers set paused_until = '2999-01-01' where address = ${address(name)}`.execute(own.db),
      move: (name) =>
        sql`update subscribers set address = 'x' || address where address = ${address(name)}`.execute(own.db),
    }
    provider.whileAsking = async (batchId) => {
      await endWaits(own.db)
      await dispatch(own, batchId).catch(() => [])
    }
    const faults = fc.array(fc.constantFrom(...provider.faults), { maxLength: 8 })
    const events = fc.array(fc.tuple(fc.constantFrom(...Object.keys(happen)), fc.constantFrom(...names)), {
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(faults, events, async (script, happenings) => {
        await startAfresh(own, edition.id)
        await planAll(own, edition, null)
        provider.restart(script)
        for (const [event, name] of happenings) {
          await step()
          await happen[event]?.(name)
        }
        for (let rest = 0; (await isWaiting(own.db)) && rest < 60; rest++) {
          await markResumed(own.db, edition.id)
          await endWaits(own.db)
          await step()
        }
        expect(provider.violations).toEqual([])
        const accounts = await readAccounts(own.db, edition.id)
        expect(accounts).toMatchObject({ due: names.length, waiting: 0, unknown: 0 })
        const submitted = await own.db
          .selectFrom('deliveries')
          .select('public_id')
          .where('state', '=', 'submitted')
          .execute()
        expect(provider.accepted.map((mail) => mail.publicId).sort()).toEqual(
          submitted.map((row) => row.public_id).sort(),
        )
        expect(new Set(provider.accepted.map((mail) => mail.to)).size).toBe(provider.accepted.length)
      }),
      { numRuns: isFull ? 30 : 3 },
    )
  })
})

const address = (name: string) => `${name}@example.org`

/** Calls `act` each time the members of a batch are read through the returned handle. */
function beforeMembersOf(db: Kysely<Database>, act: () => Promise<unknown>): Kysely<Database> {
  const asked = new WeakSet<object>()
  return db.withPlugin({
    transformQuery({ node, queryId }) {
      if (/ as leaving| as members, /.test(JSON.stringify(node))) asked.add(queryId)
      return node
    },
    async transformResult({ queryId, result }) {
      if (asked.has(queryId)) await act()
      return result
    },
  })
}

/** Takes a planned edition back to where nobody was planned and everybody is confirmed. */
async function startAfresh({ db }: { db: Kysely<Database> }, editionId: number): Promise<void> {
  await sql`delete from deliveries`.execute(db)
  await sql`delete from batches`.execute(db)
  await sql`delete from providers`.execute(db)
  await sql`update editions set due = 0, stopped_reason = null, stopped_until = null where id = ${editionId}`.execute(
    db,
  )
  await sql`update subscribers set consent = 'confirmed', paused_until = null, address = ltrim(address, 'x')`.execute(
    db,
  )
}

async function isWaiting(db: Kysely<Database>): Promise<boolean> {
  const { rows } = await sql`select from batches where state not in ('settled', 'halved')`.execute(db)
  return rows.length > 0
}
