// A round in bad weather: stores that are emptied, stopped, cut off or full, deploys, and many
// processes at once. Everybody due gets the digest once all the same. One short ride in `npm test`,
// each storm at full length in `npm run test:full`.
// @module-tag long
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../src/subscriber/store.ts'
import { isFull } from '../support/full.ts'
import { freezeEdition, readAccounts } from '../support/round.ts'
import { hasServers, makeFolder } from '../support/servers.ts'
import { mountDisk } from '../support/small-disk.ts'
import { type DriveSettings, driveEditions } from './drive.ts'
import { deploy, emptyRedis, endSessions, fillDisk, type Storm, stopPostgres } from './storms.ts'
import { openWorld, type World } from './world.ts'

const hasStores = await hasServers()

const SETTINGS: DriveSettings = {
  stores: 'real',
  seed: 20_261_127,
  subscribers: isFull ? 1_000 : 80,
  batchSize: isFull ? 10 : 2,
  rate: 20,
  leaseMs: isFull ? 3_000 : 1_500,
  latencyMs: 150,
  broken: null,
  workers: 2,
  spares: 0,
  deadlineMs: 840_000,
}
const LONG = { timeout: 900_000 }

async function ride(storm: Storm, given: Partial<DriveSettings> = {}) {
  const verdict = await driveEditions({ ...SETTINGS, ...given }, storm)
  expect(verdict).toMatchObject({ lost: 0, duplicates: 0, violations: [] })
  return verdict
}

describe.skipIf(!hasStores)('a round', () => {
  it('goes through a little of everything', LONG, async () => {
    const waits: number[] = []
    const ends: { code: number | null; ms: number }[] = []
    await ride(async (world, progress) => {
      await emptyRedis(2, 1, waits)(world, progress)
      await endSessions(2, 2)(world, progress)
      await stopPostgres(1, 3)(world, progress)
      await deploy(1, ends)(world, progress)
    })
    expect(waits).toHaveLength(2)
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0])
  })

  describe.runIf(isFull)('at full length', () => {
    it('loses nothing when Redis is emptied 50 times', LONG, async () => {
      const waits: number[] = []
      await ride(emptyRedis(50, 1, waits))
      expect(waits).toHaveLength(50)
      expect(Math.max(...waits)).toBeLessThan(60_000)
    })

    it('loses nothing when PostgreSQL is stopped hard 15 times', LONG, async () => {
      await ride(stopPostgres(15, 2))
    })

    it('loses nothing when its sessions are ended 50 times', LONG, async () => {
      await ride(endSessions(50, 3))
    })

    it('is deployed over and over: every process ends well, nothing stays unknown', LONG, async () => {
      const ends: { code: number | null; ms: number }[] = []
      await ride(deploy(8, ends), { workers: 3 })
      expect(ends).toHaveLength(32)
      expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([0]))
      expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(30_000)
    })

    it('asks for nothing without committed intent while the disk is full', LONG, async (context) => {
      const disk = await makeFolder('disk')
      const unmount = await mountDisk(disk, 160)
      if (!unmount) return context.skip()
      const refused = { writes: 0 }
      try {
        let requests: { key: string; at: number }[] = []
        let intents = new Map<string, number>()
        await ride(
          async (world, progress) => {
            await fillDisk(disk, 6_000, refused)(world, progress)
            while (progress.edition && !progress.isOver()) await sleep(50)
            const lines = (await readFile(world.logFile, 'utf8')).trim().split('\n')
            requests = lines.map((line) => JSON.parse(line) as { key: string; at: number })
            const { rows } = await sql<{ key: string; at: Date }>`
              select idempotency_key as key, first_attempt_at as at from batches where idempotency_key is not null`.execute(
              world.round.db,
            )
            intents = new Map(rows.map(({ key, at }) => [key, at.getTime()]))
          },
          { postgresFolder: disk, rate: 10 },
        )
        expect(refused.writes).toBeGreaterThan(0)
        expect(requests.length).toBeGreaterThan(0)
        const withoutIntent = requests.filter(({ key, at }) => !((intents.get(key) ?? Number.POSITIVE_INFINITY) <= at))
        expect(withoutIntent).toEqual([])
      } finally {
        await unmount()
        await rm(disk, { recursive: true })
      }
    })

    describe('with 8 workers and 3 schedulers at once', () => {
      let world: World | undefined
      afterEach(() => world?.close())

      it('is planned once and sent once, one request a batch', LONG, async () => {
        const readers = 4_000
        world = await openWorld({ ...SETTINGS, batchSize: 100, workers: 8, schedulers: 3, leaseMs: 30_000 })
        if (!world) throw new Error('The stores went away')
        const { round, judge } = world
        const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 3 })
        await insertSubscribers(
          round.db,
          Array.from({ length: readers }, (_, index) => ({
            address: `reader-${index}@example.net`,
            cadence: 'daily' as const,
            weekday: 1,
            hour: new Date().getUTCHours(),
            zone: 'UTC',
            choices: parseChoices({ papers: 1 + (index % 5) }),
            consentSource: 'test',
          })),
        )
        await sql`update reader_clocks set waiting_since = now() - interval '1 day', next_due_at = now()`.execute(
          round.db,
        )
        const giveUpAt = Date.now() + 300_000
        while ((await readAccounts(round.db, edition.id)).submitted < readers && Date.now() < giveUpAt) await sleep(200)
        await judge.read()
        expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: readers, submitted: readers })
        expect({ mails: judge.mails, requests: judge.requests }).toEqual({ mails: readers, requests: readers / 100 })
        expect(judge.duplicates).toEqual([])
        const { rows } = await sql`select from editions where date = '2026-03-05'`.execute(round.db)
        expect(rows).toHaveLength(1)
        expect(new Set(await world.fleet.stop())).toEqual(new Set([0]))
      })
    })
  })
})
