// Who is heard, who is not, and what becomes of what the silent held: on a clock that is moved, so
// that nobody waits.
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { beforeEach, expect, it } from 'vitest'
import { NOTICE } from '../../../src/delivery/notice/sending.ts'
import { askLink } from '../../../src/delivery/request/own-data.ts'
import { BATCH, type ClaimedBatch } from '../../../src/delivery/sending/batch.ts'
import {
  handOver,
  listAlive,
  markAlive,
  type Process,
  takeOverdue,
  takeOverSilent,
} from '../../../src/delivery/sending/heartbeats.ts'
import { claim, markDeferred, markReleased, markUnknown } from '../../../src/delivery/sending/once.ts'
import { markSettled } from '../../../src/delivery/sending/parts.ts'
import { prepare, type Ready } from '../../../src/delivery/sending/preparing.ts'
import { moveClock } from '../../support/clock.ts'
import { keepRound } from '../../support/kept-round.ts'
import { addReader, openTestRound, planFor, readAccounts, readBatch, type TestRound } from '../../support/round.ts'
import { openTestDatabase } from '../../support/stores.ts'

let kept: TestRound
let round: TestRound
let passed: number
let ada: Process
let bob: Process

keepRound((opened) => {
  kept = opened
  round = opened
})
beforeEach(async () => {
  passed = 0
  await jump(0)
  ada = { id: randomUUID(), roles: ['worker'], host: 'one', settings: {} }
  bob = { id: randomUUID(), roles: ['scheduler'], host: 'two', settings: {} }
  await markAlive(round.db, ada)
  await markAlive(round.db, bob)
})

/** Lets so many seconds pass at once. */
async function jump(seconds: number): Promise<void> {
  passed += seconds
  await moveClock(round.databaseUrl, `${passed} seconds`)
}

/** Lets five seconds pass so often, and has them beat after each; returns what the last heard. */
async function pass(beats: number, ...processes: Process[]): Promise<boolean> {
  let heard = false
  for (let beat = 0; beat < beats; beat++) {
    await jump(5)
    for (const each of processes) heard = await markAlive(round.db, each)
  }
  return heard
}

async function claimBy({ id: holder }: Process): Promise<ClaimedBatch> {
  const { batchIds } = await planFor(round, ['reader'])
  // Planning takes its time on a busy machine, and the clock goes on: silence begins here.
  for (const each of [ada, bob]) await markAlive(round.db, each)
  return (await claim(round.db, BATCH, batchIds[0] as number, { holder })) as ClaimedBatch
}

it('take over what a process held that was silent for three beats, and not sooner', async () => {
  const batch = await claimBy(ada)
  expect(await pass(2, bob)).toBe(false)
  expect(await takeOverSilent(round.db, bob.id)).toEqual({ batches: [], notices: [], silent: [] })
  expect(await claim(round.db, BATCH, batch.id)).toBeUndefined()
  expect(await pass(1, bob)).toBe(true)
  expect(await takeOverSilent(round.db, bob.id)).toEqual({
    batches: [{ id: batch.id, epoch: 2 }],
    notices: [],
    silent: [{ host: 'one', roles: ['worker'] }],
  })
  expect(await claim(round.db, BATCH, batch.id, { holder: bob.id })).toMatchObject({ epoch: 3 })
  // It is told once: its heartbeat is gone.
  expect(await pass(1, bob)).toBe(false)
  expect(await listAlive(round.db)).toMatchObject([{ host: 'two' }])
})

it('fence whoever was only stopped, but for an acceptance that it heard', async () => {
  const batch = await claimBy(ada)
  const ready = (await prepare(round, round.provider, batch)) as Ready
  await pass(3, bob)
  await takeOverSilent(round.db, bob.id)
  const other = (await claim(round.db, BATCH, batch.id, { holder: bob.id })) as ClaimedBatch
  expect(other.fixed?.idempotencyKey).toBe(ready.request.idempotencyKey)
  expect(await markDeferred(round.db, BATCH, batch, 'throttled', 60_000)).toBe(false)
  const [subscriberId = 0] = ready.ids
  const outcome = { state: 'submitted', providerId: 'late' } as const
  await markSettled(round.db, batch, [{ subscriberId, outcome }])
  expect((await readBatch(round.db, batch.id)).state).toBe('settled')
  expect(await readAccounts(round.db, batch.editionId)).toMatchObject({ due: 1, submitted: 1, waiting: 0 })
  // And it is among the living again with its next beat.
  expect(await markAlive(round.db, ada)).toBe(false)
  expect(await listAlive(round.db)).toHaveLength(2)
})

it('declare nobody dead after an outage in which the listener was not heard either', async () => {
  const batch = await claimBy(ada)
  await jump(60)
  expect(await markAlive(round.db, bob)).toBe(false)
  expect(await pass(2, bob)).toBe(false)
  // Ada comes back late, and has lost nothing.
  expect(await markAlive(round.db, ada)).toBe(false)
  expect(await pass(1, bob)).toBe(false)
  expect((await takeOverSilent(round.db, bob.id)).silent).toEqual([])
  expect(await readBatch(round.db, batch.id)).toMatchObject({ holder: ada.id, lease_epoch: 1 })
})

it('count the silence from the end of the outage for who does not come back', async () => {
  await claimBy(ada)
  await jump(40)
  expect(await pass(3, bob)).toBe(false)
  expect(await pass(1, bob)).toBe(true)
  expect((await takeOverSilent(round.db, bob.id)).batches).toHaveLength(1)
})

it('begin to listen anew when a beat of the listener failed to come', async () => {
  await pass(2, bob)
  await jump(11)
  expect(await markAlive(round.db, bob)).toBe(false)
  expect(await pass(2, bob)).toBe(false)
  expect(await pass(1, bob)).toBe(true)
})

it('leave alone what its holder has put off', async () => {
  const batch = await claimBy(ada)
  await markDeferred(round.db, BATCH, batch, 'the provider is out', 50_000)
  expect((await readBatch(round.db, batch.id)).holder).toBeNull()
  await pass(3, bob)
  expect(await takeOverSilent(round.db, bob.id)).toMatchObject({ batches: [], silent: [{ host: 'one' }] })
  expect(await claim(round.db, BATCH, batch.id)).toBeUndefined()
})

it.each(['release', 'repeat', 'give-up'] as const)('know that nobody holds it after %s', async (event) => {
  const batch = await claimBy(ada)
  if (event === 'release') await markReleased(round.db, BATCH, batch)
  else {
    await prepare(round, round.provider, batch)
    await markUnknown(round.db, BATCH, batch, 'cut off', event === 'repeat' ? 30_000 : null)
  }
  expect((await readBatch(round.db, batch.id)).holder).toBeNull()
  expect(await handOver(round.db, ada.id)).toEqual({ batches: [], notices: [] })
})

it('take over notices as well', async () => {
  const reader = await addReader(round.db, 'cleo')
  const id = (await askLink(round, reader.id, 'export')) as number
  await claim(round.db, NOTICE, id, { holder: ada.id })
  await pass(3, bob)
  expect((await takeOverSilent(round.db, bob.id)).notices).toEqual([{ id, epoch: 2 }])
  expect(await claim(round.db, NOTICE, id)).toMatchObject({ epoch: 3 })
})

it('are gone after a clean end, with what was still held given back at once', async () => {
  const batch = await claimBy(ada)
  expect(await handOver(round.db, ada.id)).toEqual({ batches: [{ id: batch.id, epoch: 2 }], notices: [] })
  expect(await listAlive(round.db)).toMatchObject([{ host: 'two' }])
  expect(await markReleased(round.db, BATCH, batch)).toBe(false)
  expect(await claim(round.db, BATCH, batch.id)).toMatchObject({ epoch: 3 })
})

it('take what hangs once its lease is over, though its process lives', async () => {
  const batch = await claimBy(ada)
  expect(await takeOverdue(round.db)).toEqual({ batches: [], notices: [] })
  expect(await pass(18, bob, ada)).toBe(false)
  expect(await takeOverdue(round.db)).toEqual({ batches: [{ id: batch.id, epoch: 2 }], notices: [] })
  expect(await takeOverdue(round.db)).toEqual({ batches: [], notices: [] })
})

it('wait for no lock of whoever was stopped in the middle of a transaction', { tags: 'long' }, async ({ skip }) => {
  // Embedded, one session serves all: nobody stops in the middle.
  const database = await openTestDatabase('real')
  if (!database) return skip('no PostgreSQL answers on this machine')
  round = await openTestRound(database.url)
  for (const each of [ada, bob]) await markAlive(round.db, each)
  const batch = await claimBy(ada)
  let commit = () => {}
  let ended: Promise<void> = Promise.resolve()
  await new Promise<void>((resolve) => {
    ended = round.db.transaction().execute(async (trx) => {
      await sql`select from batches where id = ${batch.id} for update`.execute(trx)
      await new Promise<void>((go) => {
        commit = go
        resolve()
      })
    })
  })
  await pass(3, bob)
  expect(await takeOverSilent(round.db, bob.id)).toEqual({ batches: [], notices: [], silent: [] })
  commit()
  await ended
  expect(await pass(1, bob)).toBe(true)
  expect((await takeOverSilent(round.db, bob.id)).batches).toEqual([{ id: batch.id, epoch: 2 }])
  await round.close()
  await database.close()
  round = kept
})
