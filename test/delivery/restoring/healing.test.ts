// The drill of a restored backup: whoever got a digest gets no second one, and nobody is left out.
// Beside it what happened without a witness: everybody twice.
import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isFull } from '../../support/full.ts'
import { makeFolder } from '../../support/servers.ts'
import { openTestDatabase, realPostgresUrl, realRedisUrl, type TestDatabase } from '../../support/stores.ts'
import { type DrillSettings, drill } from './drill.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const redisUrl = await realRedisUrl()

let database: TestDatabase
let folder: string

beforeEach(async () => {
  if (!hasPostgres) return
  database = (await openTestDatabase('real')) as TestDatabase
  folder = await makeFolder('drill')
})
afterEach(async () => {
  if (!hasPostgres) return
  await database.close()
  await rm(folder, { recursive: true, force: true })
})

const usual = (): DrillSettings => ({
  databaseUrl: database.url,
  redisUrl,
  folder,
  readers: 4,
  backupAt: { request: 1, accepted: false },
  lost: { redis: false, files: false },
  gapMinutes: 0,
  watched: true,
  as: 'found',
})

describe.skipIf(!hasPostgres)('a restored backup', () => {
  it('doubled everybody while nothing stood beside the database', async () => {
    const result = await drill({ ...usual(), watched: false })
    expect(result).toMatchObject({ held: false, lost: 0 })
    // Those of the edition that was planned since: the other one repeats its keys.
    expect(result.doubled).toBe(4)
  })

  it('doubles and loses nobody, and nothing goes while it is held', async () => {
    const result = await drill({ ...usual(), backupAt: { request: 2, accepted: true } })
    expect(result).toEqual({ held: true, doubled: 0, lost: 0, sentWhileHeld: 0 })
  })

  it('doubles and loses nobody with all witnesses lost, where the provider lists', async () => {
    const lost = { redis: true, files: true }
    const result = await drill({ ...usual(), lost, gapMinutes: 11, backupAt: { request: 2, accepted: true } })
    expect(result).toEqual({ held: true, doubled: 0, lost: 0, sentWhileHeld: 0 })
  })

  it.skipIf(!isFull)('may lose and never doubles where everyone counts as served', async () => {
    const result = await drill({ ...usual(), as: 'sent' })
    expect(result).toMatchObject({ held: true, doubled: 0, sentWhileHeld: 0 })
  })

  it.skipIf(!isFull)('holds nothing where the backup is as new as the world', async () => {
    // Two batches an edition: the fourth request is the last one.
    const result = await drill({ ...usual(), backupAt: { request: 4, accepted: true } })
    expect(result).toEqual({ held: false, doubled: 0, lost: 0, sentWhileHeld: 0 })
  })

  it.skipIf(!isFull)('doubles and loses nobody at any moment of two editions', { timeout: 900_000 }, async () => {
    let count = 0
    for (let request = 1; request <= 6; request++) {
      for (const accepted of [false, true]) {
        for (const lost of LOSSES) {
          if (redisUrl === undefined && lost.files !== lost.redis) continue
          const gapMinutes = lost.files && lost.redis ? 11 : 0
          const result = await drill({
            ...usual(),
            readers: 6,
            folder: `${folder}/${count}`,
            lost,
            gapMinutes,
            backupAt: { request, accepted },
          })
          const moment = `request ${request}, accepted ${accepted}, ${JSON.stringify(lost)}`
          expect(result, moment).toMatchObject({ doubled: 0, lost: 0, sentWhileHeld: 0 })
          count += 1
          await database.close()
          database = (await openTestDatabase('real')) as TestDatabase
        }
      }
    }
    process.stdout.write(`${count} backups restored: 0 doubled, 0 lost\n`)
  })
})

const LOSSES = [
  { redis: false, files: false },
  { redis: true, files: false },
  { redis: false, files: true },
  { redis: true, files: true },
]
