// What a damaged DATA_DIR says of itself, and that nothing of it is made anew or removed.
// @module-tag long
import { cp, mkdir, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { ADDRESS_FILE, OWNER_FOLDER } from '../../../src/database/embedded/address.ts'
import { findDamage } from '../../../src/database/embedded/damage.ts'
import type * as embedding from '../../../src/database/embedded/embedded.ts'
import { describeError } from '../../../src/errors.ts'
import { openLogger } from '../../../src/logger.ts'
import { importBuilt } from '../../support/program.ts'
import { makeFolder } from '../../support/servers.ts'
import { copyFreshFiles } from '../../support/stores.ts'

const logger = openLogger('silent')
const { openEmbedded } = await importBuilt<typeof embedding>('src/database/embedded/embedded.ts')
let folder: string
const file = (name: string) => join(folder, 'postgres', name)
const listFiles = async () => (await readdir(file(''), { recursive: true })).sort()

/** Files of a database that nobody has opened. */
async function makeFiles(): Promise<void> {
  folder = await makeFolder('damaged')
  await copyFreshFiles(folder)
}

describe('findDamage', () => {
  beforeAll(makeFiles)
  afterAll(() => rm(folder, { recursive: true }))

  const cut = (bytes: number) => (path: string) => truncate(path, bytes)
  const fill = (bytes: Buffer | string) => (path: string) => writeFile(path, bytes)
  const remove = (path: string) => rm(path, { recursive: true })
  const replace = (name: string) => (path: string) => rename(path, join(path, '..', name))

  it('finds nothing in files that are whole', async () => {
    expect(await findDamage(file(''))).toBeUndefined()
  })

  it.each<[string, string, (path: string) => Promise<void>, RegExp]>([
    ['nothing is there', '', remove, /postgres\/? is missing$/],
    ['nothing was copied', '', (path) => remove(path).then(() => mkdir(path)), /is empty$/],
    ['the version is gone', 'PG_VERSION', remove, /PG_VERSION is missing$/],
    ['the version is torn', 'PG_VERSION', cut(0), /PG_VERSION holds no version$/],
    ['a copy left out empty folders', 'pg_notify', remove, /pg_notify is missing$/],
    ['a copy ended before the tables', 'base', remove, /base is missing$/],
    ['a catalog is gone', 'base/5/1259', remove, /base\/5\/1259 is missing$/],
    ['the control file is gone', 'global/pg_control', remove, /pg_control is missing$/],
    ['the control file is torn', 'global/pg_control', cut(512), /pg_control was cut short to 512 bytes$/],
    ['the control file is another', 'global/pg_control', fill(Buffer.alloc(8192)), /holds something else$/],
    ['the log is gone', 'pg_wal/SEGMENT', remove, /pg_wal holds no log$/],
    ['the log is torn', 'pg_wal/SEGMENT', cut(4096), /was cut short to 4096 bytes$/],
    [
      'the log is of another time',
      'pg_wal/SEGMENT',
      replace('0000000100000000000000AA'),
      /last checkpoint, is missing$/,
    ],
  ])('when %s', async (_, name, damage, says) => {
    const segment = (await readdir(file('pg_wal'))).find((each) => /^[0-9A-F]{24}$/.test(each)) ?? ''
    const path = file(name.replace('SEGMENT', segment))
    const aside = join(folder, 'aside')
    await cp(path, aside, { recursive: true })
    try {
      await damage(path)
      expect(await findDamage(file(''))).toEqual({ damaged: expect.stringMatching(says) })
    } finally {
      await rm(file('pg_wal/0000000100000000000000AA'), { force: true })
      await rm(path, { recursive: true, force: true })
      await rename(aside, path)
    }
  })

  it('tells another version from damage', async () => {
    const other = join(folder, 'other')
    await mkdir(other)
    await writeFile(join(other, 'PG_VERSION'), '17\n')
    expect(await findDamage(other)).toEqual({ madeBy: '17' })
  })
})

describe('a start', () => {
  beforeEach(makeFiles)
  afterEach(() => rm(folder, { recursive: true }))

  const opening = () => openEmbedded(folder, { logger }).then((embedded) => embedded.close())

  it('on files half copied refuses, says what is kept and what to do, and makes nothing in their place', async () => {
    await rm(file('PG_VERSION'))
    const before = await listFiles()
    await expect(opening()).rejects.toThrow(
      /^The embedded database did not start: DATA_DIR \(.*\) is damaged: .*PG_VERSION is missing\. Nothing was removed, .*STATE_DIR.*"resume --restored"/,
    )
    expect(await listFiles()).toEqual(before)
  })

  it('on a folder that has lost its database makes no other', async () => {
    await mkdir(join(folder, OWNER_FOLDER), { recursive: true })
    await writeFile(join(folder, OWNER_FOLDER, ADDRESS_FILE), '{}')
    await rm(file(''), { recursive: true })
    await expect(opening()).rejects.toThrow(/postgres is missing/)
    expect(await readdir(folder)).toEqual([OWNER_FOLDER])
  })

  it('names the table whose file is gone', async () => {
    await rm(file('base/5/2609'))
    await expect(opening()).rejects.toThrow(/base\/5\/2609, which holds pg_description, is missing/)
  })

  it('says so when PostgreSQL cannot open what looks whole', async () => {
    await writeFile(file('base/5/1259'), Buffer.alloc(8192 * 4, 7))
    await expect(opening()).rejects.toThrow(/is damaged: PostgreSQL cannot open .*Nothing was removed/)
  })

  it('with a torn page of a table works until it is read, and says then what to do', async () => {
    const embedded = await openEmbedded(folder, { logger })
    const db = openDatabase(embedded.url)
    await sql`create table torn as select generate_series(1, 10) as n`.execute(db)
    const { rows } = await sql<{ path: string }>`select pg_relation_filepath('torn') as path`.execute(db)
    await sql`checkpoint`.execute(db)
    await db.destroy()
    await embedded.close()
    await writeFile(file(rows[0]?.path ?? ''), Buffer.alloc(8192, 7))
    const again = await openEmbedded(folder, { logger })
    const reading = openDatabase(again.url)
    const error = await sql`select * from torn`.execute(reading).catch((thrown: unknown) => thrown)
    expect(describeError(error)).toMatch(
      /^PostgreSQL finds its own files damaged: .*"resume --restored".*: invalid page in block 0/,
    )
    await reading.destroy()
    await again.close()
  })
})
