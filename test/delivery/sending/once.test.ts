// A batch up to its request, on a real database: who may claim it, who is dropped, what the mark
// fixes, what a sweep finds.

import { type Kysely, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Database } from '../../../src/database/schema.ts'
import { BATCH, type ClaimedBatch, listBatchesOf } from '../../../src/delivery/sending/batch.ts'
import { markResumed } from '../../../src/delivery/sending/brake.ts'
import { dropMembers } from '../../../src/delivery/sending/ledger.ts'
import { listMembers } from '../../../src/delivery/sending/members.ts'
import { claim, LEASE_MS, markAttempting, markDeferred, markUnknown } from '../../../src/delivery/sending/once.ts'
import { markSettled } from '../../../src/delivery/sending/parts.ts'
import { readAnew } from '../../../src/delivery/sending/preparing.ts'
import { listUnsettledKeyIds } from '../../../src/delivery/sending/unknown.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { markStopped } from '../../../src/edition/store.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { markUnsubscribed } from '../../../src/subscriber/store.ts'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'
import { claimOne, planOne, publicIdOf } from '../../support/batches.ts'
import { keepRound } from '../../support/kept-round.ts'
import { asOwner } from '../../support/program-user.ts'
import {
  addReader,
  endWaits,
  freezeEdition,
  planFor,
  readBatch,
  readDeliveries,
  type TestRound,
} from '../../support/round.ts'
import { query } from '../../support/servers.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const intent = {
  hash: Buffer.alloc(32, 7),
  version: 1,
  idempotencyKey: 'paper-round-test',
  provider: 'outbox',
}

async function settleAll(batch: ClaimedBatch): Promise<void> {
  const members = await listMembers(round.db, batch.id)
  await markSettled(
    round.db,
    batch,
    members.map(({ subscriberId }) => ({ subscriberId, outcome: { state: 'submitted', providerId: 'p' } })),
  )
}

describe('claimBatch', () => {
  it('lets one of many win, and nobody while its lease runs', async () => {
    const { id } = await planOne(round, ['ada'])
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(round.db, BATCH, id)))
    expect(claims.filter((batch) => batch !== undefined)).toHaveLength(1)
    expect(await claim(round.db, BATCH, id)).toBeUndefined()
    expect(await readBatch(round.db, id)).toMatchObject({ lease_epoch: 1, state: 'planned', attempts: 0 })
  })

  it('gives the batch again after the lease, with a higher epoch', async () => {
    const { edition, id } = await planOne(round, ['ada'])
    const claimed = await claimOne(round, id)
    expect(claimed).toEqual({
      id,
      editionId: edition.id,
      isPruned: false,
      edition: { date: edition.date, kind: 'daily' },
      epoch: 1,
      fixed: null,
      size: 1,
      mayHaveSlid: false,
      members: await listMembers(round.db, id),
      out: new Map(),
      attempts: 0,
      leaseMs: LEASE_MS,
    })
    expect(claimed.members).toMatchObject([{ address: 'ada@example.org', leaving: null }])
    await endWaits(round.db)
    expect(await claimOne(round, id)).toMatchObject({ epoch: 2, fixed: null })
  })

  it('says what was fixed and how long ago', async () => {
    const { id } = await planOne(round, ['ada'])
    expect(await markAttempting(round.db, BATCH, await claimOne(round, id), intent)).toMatchObject({ branch: 1 })
    await sql`update batches set first_attempt_at = now() - interval '2 hours'`.execute(round.db)
    expect(await claim(round.db, BATCH, id)).toBeUndefined()
    await endWaits(round.db)
    const { fixed, attempts } = await claimOne(round, id)
    expect(attempts).toBe(1)
    expect(fixed).toMatchObject(intent)
    expect(Math.round((fixed?.ageMs ?? 0) / 60_000)).toBe(120)
  })

  it('gives nothing settled, nothing that is gone, and nothing unknown for good', async () => {
    const { id } = await planOne(round, ['ada'])
    const batch = await claimOne(round, id)
    await markAttempting(round.db, BATCH, batch, intent)
    await markUnknown(round.db, BATCH, batch, 'nobody knows', null)
    await endWaits(round.db)
    expect(await claim(round.db, BATCH, id)).toBeUndefined()
    await settleAll(batch)
    await sql`update batches set next_attempt_at = now()`.execute(round.db)
    expect(await claim(round.db, BATCH, id)).toBeUndefined()
    expect(await claim(round.db, BATCH, id + 100)).toBeUndefined()
  })

  it('gives nothing of a stopped edition until it is resumed or its time is over', async () => {
    const { edition, id } = await planOne(round, ['ada'])
    await markStopped(round.db, edition.id, 'the key was refused', null)
    expect(await claim(round.db, BATCH, id)).toBeUndefined()
    await markResumed(round.db, edition.id)
    expect((await claimOne(round, id)).epoch).toBe(1)
    await endWaits(round.db)
    await markStopped(round.db, edition.id, 'the quota is used up', 60_000)
    expect(await claim(round.db, BATCH, id)).toBeUndefined()
    await sql`update editions set stopped_until = now() - interval '1 second'`.execute(round.db)
    expect((await claimOne(round, id)).epoch).toBe(2)
  })
})

describe('markAttempting', () => {
  it('fixes recipe, version, key, provider and moment; a repeat keeps the moment', async () => {
    const { id } = await planOne(round, ['ada'])
    const batch = await claimOne(round, id)
    expect(await markAttempting(round.db, BATCH, batch, intent)).toMatchObject({ branch: 1 })
    const row = await readBatch(round.db, id)
    expect(row).toMatchObject({
      state: 'attempting',
      recipe_sha256: intent.hash,
      join_version: 1,
      idempotency_key: intent.idempotencyKey,
      provider: 'outbox',
      attempts: 1,
    })
    await endWaits(round.db)
    expect(await markAttempting(round.db, BATCH, await claimOne(round, id), intent)).toMatchObject({ branch: 1 })
    const again = await readBatch(round.db, id)
    expect(again.first_attempt_at).toEqual(row.first_attempt_at)
    expect(again.attempts).toBe(2)
    expect(again.next_attempt_at.getTime()).toBeGreaterThan(row.next_attempt_at.getTime() - 1)
  })

  it('is refused while somebody of a fresh batch has left, and fixes nothing', async () => {
    const { id } = await planOne(round, ['ada', 'bob'])
    const batch = await claimOne(round, id)
    await markUnsubscribed(round.db, await publicIdOf(round, 'bob'))
    expect(await markAttempting(round.db, BATCH, batch, intent)).toBe('left')
    expect(await readBatch(round.db, id)).toMatchObject({ state: 'planned', recipe_sha256: null, attempts: 0 })
  })

  it('no longer asks who left once the bytes are fixed', async () => {
    const { id } = await planOne(round, ['ada', 'bob'])
    await markAttempting(round.db, BATCH, await claimOne(round, id), intent)
    await markUnsubscribed(round.db, await publicIdOf(round, 'bob'))
    await endWaits(round.db)
    expect(await markAttempting(round.db, BATCH, await claimOne(round, id), intent)).toMatchObject({ branch: 1 })
  })

  it('is lost to whoever claimed since, and to whoever settled', async () => {
    const { id } = await planOne(round, ['ada'])
    const stale = await claimOne(round, id)
    await endWaits(round.db)
    const batch = await claimOne(round, id)
    expect(await markAttempting(round.db, BATCH, stale, intent)).toBe('lost')
    expect(await readBatch(round.db, id)).toMatchObject({ state: 'planned', idempotency_key: null })
    await settleAll(stale)
    expect(await markAttempting(round.db, BATCH, batch, intent)).toBe('lost')
    expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', attempts: 0 })
  })
})

describe('markAttempting of a repeat', () => {
  it('is lost when a late success has settled the batch meanwhile', async () => {
    const { id } = await planOne(round, ['ada'])
    const stale = await claimOne(round, id)
    await markAttempting(round.db, BATCH, stale, intent)
    await endWaits(round.db)
    const batch = await claimOne(round, id)
    await settleAll(stale)
    expect(await markAttempting(round.db, BATCH, batch, intent)).toBe('lost')
    expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', attempts: 1 })
  })
})

describe('a digest that slid into a later local day', () => {
  const today = () => new Date().toISOString().slice(0, 10)
  /** Plans as if it had been for yesterday, the local day of its planning. */
  async function planYesterday(...names: string[]) {
    const planned = await planOne(round, names)
    await letSlide()
    return planned
  }
  async function letSlide() {
    await sql`update deliveries set issued_at = issued_at - interval '1 day',
      local_date = (issued_at at time zone 'UTC')::date - 1`.execute(round.db)
  }

  it('takes the local date of its mark, in the mark', async () => {
    const { edition, id } = await planYesterday('slid')
    expect((await listMembers(round.db, id)).map((member) => member.leaving)).toEqual([null])
    expect(await markAttempting(round.db, BATCH, await claimOne(round, id), intent)).toMatchObject({ branch: 1 })
    expect((await readDeliveries(round.db, edition.id)).slid?.local_date).toBe(today())
  })

  it('is looked at again where the day ends between claim and mark', async () => {
    const { edition, id } = await planOne(round, ['slid'])
    const batch = await claimOne(round, id)
    await letSlide()
    expect(await markAttempting(round.db, BATCH, batch, intent)).toBe('left')
    expect(await markAttempting(round.db, BATCH, readAnew(batch), intent)).toMatchObject({ branch: 1 })
    expect((await readDeliveries(round.db, edition.id)).slid?.local_date).toBe(today())
  })

  it('keeps the date of what was sent by hand for another day, and of what is fixed already', async () => {
    const { edition, id } = await planOne(round, ['byhand'])
    expect(await markAttempting(round.db, BATCH, await claimOne(round, id), intent)).toMatchObject({ branch: 1 })
    expect((await readDeliveries(round.db, edition.id)).byhand?.local_date).toBe('2026-03-06')
    await sql`update deliveries set issued_at = '2026-03-06T07:00:00Z'`.execute(round.db)
    await endWaits(round.db)
    const again = await claimOne(round, id)
    expect(await markAttempting(round.db, BATCH, again, intent)).toMatchObject({ branch: 1 })
    expect((await readDeliveries(round.db, edition.id)).byhand?.local_date).toBe('2026-03-06')
  })

  it('is withheld as merged when its new day has a digest already, or a newer edition is due by then', async () => {
    const { edition, id } = await planYesterday('served', 'due', 'early')
    const newer = await freezeEdition(round, '2026-03-06', { hoursAgo: 3 })
    await planAll(round, newer, 'served@example.org')
    await sql`update deliveries set local_date = (now() at time zone 'UTC')::date where edition_id = ${newer.id}`.execute(
      round.db,
    )
    // The newer one froze three hours ago: `due` has had an hour since, `early` has not.
    await sql`update reader_clocks set waiting_since = now() - interval '1 day'`.execute(round.db)
    await sql`update subscribers set hour = extract(hour from now() at time zone 'UTC' - case when address like 'early%' then interval '4 hours' else interval '0' end)`.execute(
      round.db,
    )
    const members = await listMembers(round.db, id)
    expect(Object.fromEntries(members.map((member) => [member.address?.split('@')[0], member.leaving]))).toEqual({
      served: 'merged',
      due: 'merged',
      early: null,
    })
    const batch = await claimOne(round, id)
    expect(await markAttempting(round.db, BATCH, batch, intent)).toBe('left')
    const leavers = members.flatMap(({ subscriberId, leaving }) => (leaving ? [{ subscriberId, reason: leaving }] : []))
    expect(await dropMembers(round.db, batch, leavers)).toBe(true)
    expect(await markAttempting(round.db, BATCH, batch, intent)).toMatchObject({ branch: 1 })
    expect(await readDeliveries(round.db, edition.id)).toMatchObject({
      served: { state: 'withheld', reason: 'merged', local_date: null },
      due: { state: 'withheld', reason: 'merged' },
      early: { state: 'planned', local_date: today() },
    })
  })
})

describe('listStandingBatches', () => {
  it('finds lost batches and those whose lease is over, the longest-standing first, and nothing else', async () => {
    round.provider.batchSize = 1
    const { edition, batchIds } = await planFor(round, ['ada', 'bob', 'cleo', 'dan', 'eve'])
    round.provider.batchSize = 100
    const [lost, leased, over, unknown, settled] = batchIds as [number, number, number, number, number]
    await claimOne(round, leased)
    await markAttempting(round.db, BATCH, await claimOne(round, over), intent)
    const gone = await claimOne(round, unknown)
    await markAttempting(round.db, BATCH, gone, { ...intent, idempotencyKey: 'another' })
    await markUnknown(round.db, BATCH, gone, 'nobody knows', null)
    await settleAll(await claimOne(round, settled))
    await sql`update batches set next_attempt_at = now() - interval '1 hour' where id = ${over}`.execute(round.db)
    expect(await listWaiting(round.db, BATCH, 10)).toEqual([over, lost])
    expect(await listWaiting(round.db, BATCH, 1)).toEqual([over])
    expect(await listBatchesOf(round.db, edition.id, null)).toEqual([lost, over])
    const { ada, bob } = await readDeliveries(round.db, edition.id)
    expect(await listBatchesOf(round.db, edition.id, ada?.subscriber_id ?? 0)).toEqual([lost])
    expect(await listBatchesOf(round.db, edition.id, bob?.subscriber_id ?? 0)).toEqual([])
    await markStopped(round.db, edition.id, 'the key was refused', null)
    expect(await listWaiting(round.db, BATCH, 10)).toEqual([])
    await markResumed(round.db, edition.id)
    expect(await listWaiting(round.db, BATCH, 10)).toEqual([over, lost])
  })

  it('reads the standing batches alone, however many are settled', async () => {
    const { edition, id } = await planOne(round, ['ada'])
    await sql`insert into batches (edition_id, state, members)
      select ${edition.id}, 'settled', '{1}' from generate_series(1, 5000)`.execute(round.db)
    await query(asOwner(round.databaseUrl), 'analyze batches')
    await round.db.transaction().execute(async (trx) => {
      const before = await readScans(trx)
      expect(await listWaiting(trx, BATCH, 100)).toEqual([id])
      const after = await readScans(trx)
      expect({ whole: after.whole - before.whole, rows: after.rows - before.rows }).toEqual({ whole: 0, rows: 1 })
    })
  })
})

describe('listUnsettledKeyIds', () => {
  it('names the keys of what may still be sent, stopped and deferred batches among them', async () => {
    const { edition, id } = await planOne(round, ['ada'])
    const first = round.linkKeys.currentKeyId
    const other = deriveLinkKeys(['another secret, long enough to be taken as well'])
    await addReader(round.db, 'bob')
    const second = (await planFor({ ...round, linkKeys: other }, [], '2026-03-06')).batchIds
    expect((await listUnsettledKeyIds(round.db)).sort()).toEqual([first, other.currentKeyId].sort())
    const batch = await claimOne(round, id)
    await markStopped(round.db, edition.id, 'the key was refused', null)
    await markDeferred(round.db, BATCH, batch, 'the key was refused', 0)
    for (const each of second) await settleAll(await claimOne(round, each))
    expect(await listUnsettledKeyIds(round.db)).toEqual([first])
    await settleAll(batch)
    expect(await listUnsettledKeyIds(round.db)).toEqual([])
  })

  it('does not name the key of what is unknown for good', async () => {
    const { id } = await planOne(round, ['ada'])
    const batch = await claimOne(round, id)
    await markAttempting(round.db, BATCH, batch, intent)
    expect(await listUnsettledKeyIds(round.db)).toEqual([round.linkKeys.currentKeyId])
    await markUnknown(round.db, BATCH, batch, 'nobody knows', null)
    expect(await listUnsettledKeyIds(round.db)).toEqual([])
  })
})

/**
 * Returns how often this connection read the whole table of batches, and how many of its rows it
 * reached through an index.
 */
async function readScans(db: Kysely<Database>): Promise<{ whole: number; rows: number }> {
  const { rows } = await sql<{ whole: number; rows: number }>`
    select seq_scan as whole, coalesce(idx_tup_fetch, 0) as rows from pg_stat_xact_user_tables where relname = 'batches'`.execute(
    db,
  )
  return rows[0] as { whole: number; rows: number }
}
