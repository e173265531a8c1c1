import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Handles, openHandles } from '../../../src/database/client.ts'
import { bringWishes } from '../../../src/delivery/request/replaying.ts'
import { openLogger } from '../../../src/logger.ts'
import { markResubscribed } from '../../../src/subscriber/consent.ts'
import { openWishDesk, type WishDesk } from '../../../src/subscriber/journal/desk.ts'
import { type Journal, openJournal } from '../../../src/subscriber/journal/journal.ts'
import { identify, markLeft } from '../../../src/subscriber/journal/readers.ts'
import { hashReader, type Wish } from '../../../src/subscriber/journal/wish.ts'
import { findSubscriberByAddress, findSubscriberNow, getAddressKey } from '../../../src/subscriber/store.ts'
import { moveClock } from '../../support/clock.ts'
import { addReader, emptyRound } from '../../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

let database: TestDatabase
let handles: Handles
const logger = openLogger('silent')
/** A database that nobody reaches. */
const away = openHandles('postgres://nobody@127.0.0.1:1/none')

beforeAll(async () => {
  database = await openTestDatabase('either')
  handles = openHandles(database.url)
})

beforeEach(async () => {
  await emptyRound(handles.db)
})

afterAll(async () => {
  await away.db.destroy()
  await handles.db.destroy()
  await database.close()
})

const openFolder = () => mkdtemp(join(tmpdir(), 'journal-'))
const journals: Journal[] = []
afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close()
})

function journalIn(stateDir: string): Journal {
  const journal = openJournal({ stateDir, redisUrl: undefined, schema: 'public' }, logger)
  journals.push(journal)
  return journal
}

async function addAda(): Promise<string> {
  await addReader(handles.db, 'ada')
  return (await findAda()).publicId
}

async function findAda() {
  const ada = await findSubscriberByAddress(handles.db, 'ada@example.org')
  if (!ada) throw new Error('ada is not there')
  return ada
}

/** A process that began with the database and lost it. */
async function openCutOff(journal: Journal): Promise<WishDesk> {
  return openWishDesk({ db: handles.db, pageDb: away.db }, journal, logger)
}

describe('a wish to leave', () => {
  it('is in the journal and in the database, and names nobody', async () => {
    const publicId = await addAda()
    const folder = await openFolder()
    const desk = await openWishDesk(handles, journalIn(folder), logger)
    expect(await desk.leave(publicId)).toBe('left')
    const [name] = await readdir(folder)
    const path = join(folder, name as string)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const text = await readFile(path, 'utf8')
    expect(text).not.toMatch(new RegExp(`${publicId}|\\bada\\b`))
    expect(JSON.parse(text)).toMatchObject({
      kind: 'left',
      reader: hashReader(await getAddressKey(handles.db), publicId),
    })
    expect((await findAda()).consent).toBe('unsubscribed')
    await desk.close()
  })

  it('that the database could not take follows by itself', { tags: 'long' }, async () => {
    const publicId = await addAda()
    const desk = await openCutOff(journalIn(await openFolder()))
    expect(await desk.leave(publicId)).toBe('kept')
    expect((await findAda()).consent).toBe('confirmed')
    await expect.poll(async () => (await findAda()).consent).toBe('unsubscribed')
    await desk.close()
  })

  it('that comes while others are brought follows as well', async () => {
    let gate = Promise.resolve()
    const db = handles.db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        await gate
        return result
      },
    })
    const readers = [await addReader(handles.db, 'ada'), await addReader(handles.db, 'ben')] as const
    const desk = await openWishDesk({ db, pageDb: away.db }, journalIn(await openFolder()), logger)
    await desk.leave(readers[0].publicId)
    let open = () => {}
    gate = new Promise((resolve) => {
      open = resolve
    })
    const bringing = desk.bring()
    await desk.leave(readers[1].publicId)
    open()
    await bringing
    await desk.bring()
    const { rows } = await sql`select from subscribers where consent = 'unsubscribed'`.execute(handles.db)
    expect(rows).toHaveLength(2)
    await desk.close()
  })

  it('of a process that died is brought in by the next one on its folder, also beside a broken line', async () => {
    const publicId = await addAda()
    const folder = await openFolder()
    await (await openCutOff(journalIn(folder))).leave(publicId)
    const [name] = await readdir(folder)
    await writeFile(join(folder, name as string), '\n{"at":"2026-03-', { flag: 'a' })
    await bringWishes(handles.db, journalIn(folder), logger)
    expect((await findAda()).consent).toBe('unsubscribed')
  })

  it('from before a return through another process changes nothing', { tags: 'long' }, async () => {
    const publicId = await addAda()
    const folder = await openFolder()
    await (await openCutOff(journalIn(folder))).leave(publicId)
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    expect(await markResubscribed(handles.db, publicId)).toBe(true)
    await bringWishes(handles.db, journalIn(folder), logger)
    expect((await findAda()).consent).toBe('confirmed')
  })

  it('ends it where its order is in doubt, and where it came after', async () => {
    const publicId = await addAda()
    const key = await getAddressKey(handles.db)
    await markResubscribed(handles.db, publicId)
    const { rows } = await sql<{ at: Date }>`select confirmed_at as at from subscribers`.execute(handles.db)
    const wishAt = (offsetMs: number) => ({
      at: new Date((rows[0] as { at: Date }).at.getTime() + offsetMs),
      kind: 'left' as const,
      reader: hashReader(key, publicId),
      address: null,
      reason: null,
    })
    const mark = async (...wishes: Wish[]) => markLeft(handles.db, await identify(handles.db, key, wishes))
    expect(await mark(wishAt(-2_000))).toBe(0)
    expect(await mark(wishAt(-2_000), wishAt(-900))).toBe(1)
    expect(await mark(wishAt(-900))).toBe(0)
  })

  it('came after what the database said of its reader, though the clock of the database stepped in between', async () => {
    const desk = await openCutOff(journalIn(await openFolder()))
    await moveClock(database.url, '2 days')
    try {
      const publicId = await addAda()
      expect(await markResubscribed(handles.db, publicId)).toBe(true)
      expect(await desk.leave(publicId, (await findSubscriberNow(handles.db, publicId))?.now)).toBe('kept')
      await desk.bring()
      expect((await findAda()).consent).toBe('unsubscribed')
    } finally {
      await desk.close()
      await moveClock(database.url, '0 days')
    }
  })

  it('is counted in the log where it ended something', async () => {
    const lines: string[] = []
    const log = openLogger('info', { write: (line) => void lines.push(line) })
    const desk = await openWishDesk({ db: handles.db, pageDb: away.db }, journalIn(await openFolder()), log)
    await desk.leave(await addAda())
    await desk.leave('nobody')
    await desk.bring()
    const said = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'journal.applied')
    const sum = (of: 'wishes' | 'readers') => said.reduce((all, each) => all + each[of], 0)
    expect({ wishes: sum('wishes'), readers: sum('readers') }).toEqual({ wishes: 2, readers: 1 })
    await desk.close()
  })

  it('is refused where neither the journal nor the database takes it', async () => {
    const publicId = await addAda()
    const folder = await openFolder()
    const broken = join(folder, 'a file')
    await writeFile(broken, '')
    const journal = { ...journalIn(broken), list: async () => [] }
    const desk = await openCutOff(journal)
    await expect(desk.leave(publicId)).rejects.toThrow('ECONNREFUSED')
    await desk.close()
  })
})
