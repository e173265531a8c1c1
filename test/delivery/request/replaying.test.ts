import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Handles, openHandles } from '../../../src/database/client.ts'
import { getNow } from '../../../src/database/clock.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { replayWishes } from '../../../src/delivery/request/replaying.ts'
import { openLogger } from '../../../src/logger.ts'
import { openWishDesk, type WishDesk } from '../../../src/subscriber/journal/desk.ts'
import { type Journal, openJournal } from '../../../src/subscriber/journal/journal.ts'
import { findSubscriberByAddress, getAddressKey, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
import { ensureSuppression, pruneSuppression } from '../../../src/subscriber/suppression.ts'
import { DAY_MS } from '../../../src/time.ts'
import { addReader, emptyRound } from '../../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

let database: TestDatabase
let handles: Handles
let journal: Journal
let desk: WishDesk
const logger = openLogger('silent')

beforeAll(async () => {
  database = await openTestDatabase('either')
  handles = openHandles(database.url)
})

beforeEach(async () => {
  await emptyRound(handles.db)
  const stateDir = await mkdtemp(join(tmpdir(), 'journal-'))
  journal = openJournal({ stateDir, redisUrl: undefined, schema: 'public' }, logger)
  desk = await openWishDesk(handles, journal, logger)
})

afterEach(async () => {
  await desk.close()
  await journal.close()
})

afterAll(async () => {
  await handles.db.destroy()
  await database.close()
})

const nothing = { left: 0, returned: 0, erased: 0, suppressed: 0, lifted: 0 }
const replay = async () => replayWishes(handles.db, await journal.list())
const find = async (name: string) => findSubscriberByAddress(handles.db, `${name}@example.org`)
const hashOf = async (name: string) => hashAddress(await getAddressKey(handles.db), `${name}@example.org`)
const reasons = async () =>
  (await handles.db.selectFrom('suppressions').select('reason').execute()).map(({ reason }) => reason)

/** Adds a reader who is in the copy, and returns what the journal knows of them. */
async function add(name: string) {
  await addReader(handles.db, name)
  return { publicId: (await find(name))?.publicId as string, addressHash: await hashOf(name) }
}

/** Longer than two wishes are in doubt. */
const pass = () => new Promise((resolve) => setTimeout(resolve, 1_050))

describe('replaying the journal on a copy', () => {
  it('brings in who left, complained, was suppressed or erased, once', async () => {
    const [ada, bob, cy, dan] = [await add('ada'), await add('bob'), await add('cy'), await add('dan')]
    await desk.note({ kind: 'left', publicId: ada.publicId })
    await desk.note({ kind: 'complained', ...bob, reason: 'complaint' })
    await desk.note({ kind: 'suppressed', addressHash: cy.addressHash, reason: 'bounce' })
    const danId = (await find('dan'))?.id as number
    await handles.db
      .transaction()
      .execute(async (trx) => {
        await eraseSubscriber(trx, danId, { note: desk.note })
        throw new Error('the copy does not have it')
      })
      .catch(() => {})
    expect((await find('dan'))?.publicId).toBe(dan.publicId)
    expect(await replay()).toEqual({ left: 2, returned: 0, erased: 1, suppressed: 2, lifted: 0 })
    expect([await find('ada'), await find('bob'), await find('cy')].map((each) => each?.consent)).toEqual([
      'unsubscribed',
      'unsubscribed',
      'confirmed',
    ])
    expect(await find('dan')).toBeUndefined()
    expect((await reasons()).sort()).toEqual(['bounce', 'complaint', 'erased'])
    expect(await replay()).toEqual(nothing)
  })

  it('takes the last wish of a reader, and in doubt the leaving', { tags: 'long' }, async () => {
    const [ada, bob, cy] = [await add('ada'), await add('bob'), await add('cy')]
    await markUnsubscribed(handles.db, ada.publicId)
    await desk.note({ kind: 'left', publicId: bob.publicId })
    await desk.note({ kind: 'left', publicId: cy.publicId })
    await desk.note({ kind: 'returned', publicId: cy.publicId })
    await pass()
    await desk.note({ kind: 'returned', ...ada })
    await desk.note({ kind: 'returned', publicId: bob.publicId })
    expect(await replay()).toEqual({ ...nothing, left: 1, returned: 1, lifted: 0 })
    expect([await find('ada'), await find('bob'), await find('cy')].map((each) => each?.consent)).toEqual([
      'confirmed',
      'confirmed',
      'unsubscribed',
    ])
  })

  it('lifts what was lifted since, and keeps the graver of two reasons', async () => {
    const [ada, bob] = [await hashOf('ada'), await hashOf('bob')]
    await desk.note({ kind: 'suppressed', addressHash: ada, reason: 'bounce' })
    await replay()
    await desk.note({ kind: 'lifted', addressHash: ada })
    await desk.note({ kind: 'suppressed', addressHash: bob, reason: 'complaint' })
    await desk.note({ kind: 'suppressed', addressHash: bob, reason: 'bounce' })
    expect(await replay()).toEqual({ ...nothing, suppressed: 1, lifted: 1 })
    expect(await reasons()).toEqual(['complaint'])
  })

  it('leaves a database that has it all as it is, whatever came since by another way', async () => {
    const [ada, bob] = [await add('ada'), await add('bob')]
    // Erased, and come back by a sign-up of their own.
    const adaId = (await find('ada'))?.id as number
    await handles.db.transaction().execute((trx) => eraseSubscriber(trx, adaId, { note: desk.note }))
    await handles.db.deleteFrom('suppressions').execute()
    await add('ada')
    // Lifted by the operator on a host of which this journal knows nothing.
    await desk.note({ kind: 'suppressed', addressHash: bob.addressHash, reason: 'complaint' })
    await ensureSuppression(handles.db, bob.addressHash, 'complaint', new Date())
    await pruneSuppression(handles.db, 'bob@example.org', await getNow(handles.db))
    expect(await replay()).toEqual(nothing)
    expect(await reasons()).toEqual([])
    expect([(await find('ada'))?.consent, (await find('bob'))?.consent]).toEqual(['confirmed', 'confirmed'])
    expect(ada.publicId).not.toBe((await find('ada'))?.publicId)
  })

  it('lifts nothing that barred an address after its lifting', async () => {
    const { addressHash } = await add('ada')
    const at = await getNow(handles.db)
    await ensureSuppression(handles.db, addressHash, 'bounce', at)
    await pruneSuppression(handles.db, 'ada@example.org', at)
    await desk.note({ kind: 'lifted', addressHash, at })
    // A list that was imported says that it bounced long ago; no journal knows of it.
    await ensureSuppression(handles.db, addressHash, 'bounce', new Date(at.getTime() - DAY_MS))
    expect(await replay()).toEqual(nothing)
    expect(await reasons()).toEqual(['bounce'])
    // Nor does a return lift what the provider said.
    await desk.note({ kind: 'returned', addressHash })
    expect(await replay()).toEqual(nothing)
    expect(await reasons()).toEqual(['bounce'])
  })

  it('does not bring back who returned and has left since by what no journal knows', async () => {
    const { publicId } = await add('ada')
    await desk.note({ kind: 'returned', publicId })
    await handles.db
      .updateTable('subscribers')
      .set({ consent: 'unsubscribed', left_at: null, confirmed_at: sql`round_now()` })
      .execute()
    expect(await replay()).toEqual(nothing)
    expect((await find('ada'))?.consent).toBe('unsubscribed')
  })

  it('suppresses again, as the journal says, what was lifted before that', async () => {
    const { addressHash } = await add('ada')
    const at = await getNow(handles.db)
    await ensureSuppression(handles.db, addressHash, 'bounce', at)
    await pruneSuppression(handles.db, 'ada@example.org', new Date(at.getTime() - 1))
    await desk.note({ kind: 'suppressed', addressHash, reason: 'bounce' })
    expect(await replay()).toEqual({ ...nothing, suppressed: 1 })
    expect(await replay()).toEqual(nothing)
    expect(await reasons()).toEqual(['bounce'])
  })

  it('lifts the suppression of an erased address that has come back since', async () => {
    const { addressHash } = await add('ada')
    await ensureSuppression(handles.db, addressHash, 'erased', await getNow(handles.db))
    await desk.note({ kind: 'erased', addressHash, reason: 'erased' })
    await desk.note({ kind: 'returned', addressHash })
    expect(await replay()).toEqual({ ...nothing, lifted: 1 })
    expect(await replay()).toEqual(nothing)
    expect(await reasons()).toEqual([])
  })
})
