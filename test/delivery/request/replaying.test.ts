import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Handles, openHandles } from '../../../src/database/client.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { replayWishes } from '../../../src/delivery/request/replaying.ts'
import { openLogger } from '../../../src/logger.ts'
import { openWishDesk, type WishDesk } from '../../../src/subscriber/journal/desk.ts'
import { type Journal, openJournal } from '../../../src/subscriber/journal/journal.ts'
import { findSubscriberByAddress, getAddressKey, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
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
        await eraseSubscriber(trx, danId, desk.note)
        throw new Error('the copy does not have it')
      })
      .catch(() => {})
    expect((await find('dan'))?.publicId).toBe(dan.publicId)
    expect(await replay()).toEqual({ left: 2, returned: 0, erased: 1, suppressed: 3, lifted: 0 })
    expect([await find('ada'), await find('bob'), await find('cy')].map((each) => each?.consent)).toEqual([
      'unsubscribed',
      'unsubscribed',
      'confirmed',
    ])
    expect(await find('dan')).toBeUndefined()
    expect((await reasons()).sort()).toEqual(['bounce', 'complaint', 'erased'])
    expect(await replay()).toEqual({ ...nothing, suppressed: 3 })
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
})
