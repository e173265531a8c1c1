import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'
import { openHandles } from '../src/database/client.ts'
import { openLogger } from '../src/logger.ts'
import { start } from '../src/main.ts'
import { openJournal } from '../src/subscriber/journal/journal.ts'
import { hashReader } from '../src/subscriber/journal/wish.ts'
import { findSubscriberByAddress, getAddressKey } from '../src/subscriber/store.ts'
import { addReader, TEST_SECRET } from './support/round.ts'
import { openTestDatabase } from './support/stores.ts'

it('starts no website that could keep no wish to leave', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'paper-round-main-'))
  const stateDir = join(folder, 'state')
  await symlink(join(folder, 'nowhere'), stateDir)
  const database = await openTestDatabase('either')
  const env = { DATABASE_URL: database.url, LINK_SECRET: TEST_SECRET, STATE_DIR: stateDir, PORT: '0' }
  try {
    const starting = start(readConfig('links', {}, env), ['web'], openLogger('silent'), new AbortController().signal)
    await expect(starting).rejects.toMatchObject({
      message: 'the journal keeps no wishes',
      cause: { problems: [expect.stringContaining(`STATE_DIR ${stateDir} cannot be made or written: `)] },
    })
  } finally {
    await database.close()
    await rm(folder, { recursive: true })
  }
})

it('brings in at each start what a copy of the database has lost of its readers wishes', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'paper-round-main-'))
  const database = await openTestDatabase('either')
  const { db } = openHandles(database.url)
  const env = { DATABASE_URL: database.url, LINK_SECRET: TEST_SECRET, STATE_DIR: stateDir, PORT: '0' }
  const ending = new AbortController()
  const journal = openJournal({ stateDir, redisUrl: undefined, schema: 'public' }, openLogger('silent'))
  try {
    const { publicId } = await addReader(db, 'ada')
    const reader = hashReader(await getAddressKey(db), publicId)
    await journal.keep({ at: new Date(), kind: 'erased', reader, address: null, reason: null })
    const logger = openLogger('info', {
      write: (line) => void (JSON.parse(line).event === 'started' && ending.abort()),
    })
    await start(readConfig('links', {}, env), ['web'], logger, ending.signal)
    expect(await findSubscriberByAddress(db, 'ada@example.org')).toBeUndefined()
  } finally {
    await journal.close()
    await db.destroy()
    await database.close()
    await rm(stateDir, { recursive: true })
  }
})

it('opens nothing more once it is told to end, and takes no job', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'paper-round-main-'))
  const database = await openTestDatabase('either')
  const env = { DATABASE_URL: database.url, LINK_SECRET: TEST_SECRET, STATE_DIR: stateDir, PORT: '0' }
  const events: string[] = []
  const logger = openLogger('info', { write: (line) => void events.push(JSON.parse(line).event) })
  try {
    await start(readConfig('links', {}, env), ['web', 'worker', 'scheduler'], logger, AbortSignal.abort())
    expect(events).toEqual(['stopped'])
    const { db } = openHandles(database.url)
    expect(await db.selectFrom('ticks').selectAll().execute()).toEqual([])
    await db.destroy()
  } finally {
    await database.close()
    await rm(stateDir, { recursive: true })
  }
})
