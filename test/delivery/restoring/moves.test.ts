import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Handles, openHandles } from '../../../src/database/client.ts'
import { followMoves } from '../../../src/delivery/restoring/moves.ts'
import { hashReader, type Wish } from '../../../src/subscriber/journal/wish.ts'
import { getAddressKey } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
import { MINUTE_MS } from '../../../src/time.ts'
import { addReader } from '../../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

let database: TestDatabase
let handles: Handles
let key: Buffer
const publicIds = new Map<string, string>()

beforeAll(async () => {
  database = await openTestDatabase('either')
  handles = openHandles(database.url)
  key = await getAddressKey(handles.db)
  for (const name of ['ada', 'bob']) publicIds.set(name, (await addReader(handles.db, name)).publicId)
})

afterAll(async () => {
  await handles.db.destroy()
  await database.close()
})

const START = Date.parse('2026-03-05T07:00:00Z')
const at = (minutes: number) => new Date(START + minutes * MINUTE_MS)

function moved(name: string, to: string, minutes: number): Wish {
  const reader = hashReader(key, publicIds.get(name) ?? 'of nobody here')
  const address = hashAddress(key, `${to}@example.org`).toString('hex')
  return { at: at(minutes), kind: 'moved', reader, address, reason: null }
}

/** To whom the copy ascribes digests to an address, by the minute at which they were accepted. */
async function ascribe(wishes: Wish[], ...digests: [string, number][]) {
  const mails = digests.map(([name, minutes]) => ({
    ...{ providerId: `${name} ${minutes}`, address: `${name}@example.org`, at: at(minutes) },
    ...{ date: '2026-03-05', kind: 'daily' as const },
  }))
  const found = await followMoves(handles.db, mails, wishes)
  return found.map(({ address }) => address.split('@')[0])
}

describe('a digest of the gap', () => {
  it('is of whoever had moved to its address, and of the address itself before that', async () => {
    const wishes = [moved('ada', 'rob', 60), moved('nobody', 'rob', 90)]
    expect(await ascribe(wishes, ['rob', 0], ['rob', 70], ['ada', 0], ['carl', 70])).toEqual([
      'rob',
      'ada',
      'ada',
      'carl',
    ])
  })

  it('is of the same reader after an undo', async () => {
    const wishes = [moved('ada', 'rob', 60), moved('ada', 'ada', 90)]
    expect(await ascribe(wishes, ['ada', 0], ['rob', 70], ['ada', 100])).toEqual(['ada', 'ada', 'ada'])
  })

  it('is of the last of several who had the address one after the other', async () => {
    const wishes = [moved('bob', 'carl', 30), moved('ada', 'bob', 60)]
    expect(await ascribe(wishes, ['bob', 0], ['carl', 40], ['bob', 70])).toEqual(['bob', 'bob', 'ada'])
  })

  it('is of who moved a few minutes after it, by clocks that differ', async () => {
    expect(await ascribe([moved('ada', 'rob', 60)], ['rob', 56], ['rob', 54])).toEqual(['ada', 'rob'])
  })
})
