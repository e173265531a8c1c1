import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { getHeldLeavers, getReceipt, receiptInWords } from '../../../src/delivery/account/receipt.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { claim } from '../../../src/delivery/sending/once.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { findSubscriberByAddress, markUnsubscribed } from '../../../src/subscriber/store.ts'
import type { Subscriber } from '../../../src/subscriber/subscriber.ts'
import {
  addReader,
  emptyRound,
  freezeEdition,
  openScriptedProvider,
  openTestRound,
  type TestRound,
} from '../../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

let database: TestDatabase
let round: TestRound

beforeAll(async () => {
  database = await openTestDatabase('either')
  round = await openTestRound(database.url, {
    provider: openScriptedProvider({ name: 'resend', replayMs: 82_800_000 }),
  })
})

beforeEach(async () => {
  await emptyRound(round.db)
})

afterAll(async () => {
  await round.close()
  await database.close()
})

/** Ada and Grace in one planned batch. */
async function plan(): Promise<{ edition: number; batch: number; ada: Subscriber }> {
  await addReader(round.db, 'ada')
  await addReader(round.db, 'grace')
  const edition = await freezeEdition(round, '2026-03-05')
  await planAll(round, edition, null)
  const { id } = await round.db.selectFrom('batches').select('id').executeTakeFirstOrThrow()
  return { edition: edition.id, batch: id, ada: await findAda() }
}

async function findAda(): Promise<Subscriber> {
  return (await findSubscriberByAddress(round.db, 'ada@example.org')) as Subscriber
}

it('says that nothing comes to who leaves before the mark, and is right', async () => {
  const { batch, ada } = await plan()
  await markUnsubscribed(round.db, ada.publicId)
  expect(await getReceipt(round.db, ada.id)).toEqual({ kind: 'none' })
  await dispatch(round, batch)
  expect(round.provider.accepted.map(({ to }) => to)).toEqual(['grace@example.org'])
  expect(await getReceipt(round.db, ada.id)).toEqual({ kind: 'none' })
})

it('says that one may come while a worker holds the batch, as its mark may be going on', async () => {
  const { batch, ada } = await plan()
  await claim(round.db, BATCH, batch)
  expect((await getReceipt(round.db, ada.id)).kind).toBe('under-way')
})

it('says until when, as long as the outcome is unknown, and status counts who waits so', async () => {
  const { edition, batch, ada } = await plan()
  round.provider.script.push({ kind: 'unknown', reason: 'cut off' })
  await dispatch(round, batch).catch(() => {})
  expect(await getHeldLeavers(round.db, edition)).toBe(0)
  await markUnsubscribed(round.db, ada.publicId)
  expect(await getHeldLeavers(round.db, edition)).toBe(1)
  const { first } = await round.db.selectFrom('batches').select('first_attempt_at as first').executeTakeFirstOrThrow()
  const until = new Date((first as Date).getTime() + 23 * 3_600_000)
  expect(await getReceipt(round.db, ada.id)).toEqual({ kind: 'under-way', until })
  await sql`update batches set next_attempt_at = round_clock()`.execute(round.db)
  await dispatch(round, batch)
  expect([await getReceipt(round.db, ada.id), await getHeldLeavers(round.db, edition)]).toEqual([{ kind: 'none' }, 0])
})

it('says that one may have gone, and no more comes, where nobody can know', async () => {
  const { batch, ada } = await plan()
  round.provider.script.push({ kind: 'mismatch', reason: 'another payload' })
  await dispatch(round, batch).catch(() => {})
  await markUnsubscribed(round.db, ada.publicId)
  expect(await getReceipt(round.db, ada.id)).toEqual({ kind: 'unanswered' })
})

it('is told in the zone of its reader', () => {
  const until = new Date('2026-03-06T06:41:00Z')
  expect(receiptInWords({ kind: 'under-way', until }, 'Asia/Tokyo')).toContain(
    'until 15:41 on Friday, 6 March (Asia/Tokyo) at the latest',
  )
  expect(receiptInWords({ kind: 'under-way', until: null }, 'UTC')).not.toContain('until')
})
