// Histories from one seed each: planner, workers, sweeper, readers, reports and a restored dump,
// one store call at a time. The same seed gives the same history; nobody is doubled, forgotten or
// written to after they left, and every build that is broken on purpose is caught.
//
// A seed that fails prints its log. It is played again, alone, by
// `SEED=n npx vitest run test/delivery/sending/seeded.test.ts`.
// @module-tag long
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BREAKS, type BreakName } from '../../crash/breaks.ts'
import { isFull } from '../../support/full.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../../support/stores.ts'
import { type History, playHistory } from './seeded/history.ts'
import { type Broken, type Ground, layGround } from './seeded/world.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const HISTORIES = isFull ? 300 : 2
/** On the embedded database, which takes several times as long. */
const EMBEDDED_HISTORIES = 20
/** Each broken build is caught within so many histories; most of them by one of the first three. */
const BROKEN_MAX = 600
const BROKEN: readonly Broken[] = isFull
  ? [...(Object.keys(BREAKS) as BreakName[]), 'no-witness']
  : ['random-key', 'no-witness']

let database: TestDatabase
let ground: Ground
beforeAll(async () => {
  database = (await openTestDatabase('real')) ?? (await openTestDatabase('embedded'))
  ground = await layGround(database.url)
})
afterAll(async () => {
  await ground.close()
  await database.close()
})

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

async function playAll(on: Ground, seeds: readonly number[]): Promise<void> {
  const sums = new Map<string, number>()
  const failed: History[] = []
  for (const seed of seeds) {
    const history = await playHistory(on, seed)
    if (history.problems.length > 0) failed.push(history)
    for (const [name, count] of Object.entries(history.counts)) sums.set(name, (sums.get(name) ?? 0) + count)
  }
  if (failed[0]) throw new Error(`${inWords(failed[0])}\nall that fail: ${failed.map(({ seed }) => seed).join(' ')}`)
  if (isFull) process.stdout.write(`${seeds.length} histories: ${JSON.stringify(Object.fromEntries(sums))}\n`)
}

function inWords({ seed, log, problems }: History): string {
  const again = `SEED=${seed} npx vitest run test/delivery/sending/seeded.test.ts`
  return [...log, '', ...problems, '', `seed ${seed}; again: ${again}`].join('\n')
}

describe('a seeded history', () => {
  it('doubles and loses nobody, and writes to nobody who left', { timeout: 3_600_000 }, async () => {
    const { SEED } = process.env
    await playAll(ground, SEED === undefined ? upTo(HISTORIES) : [Number(SEED)])
  })

  it('is the same for the same seed', { timeout: 600_000 }, async () => {
    for (const seed of isFull ? upTo(20) : [1]) {
      const { log } = await playHistory(ground, seed)
      expect((await playHistory(ground, seed)).log, `seed ${seed}`).toEqual(log)
      expect(log.length).toBeGreaterThan(50)
    }
  })

  it.each(BROKEN)('catches the build that is broken by %s', { timeout: 1_800_000 }, async (broken) => {
    for (const seed of upTo(BROKEN_MAX)) {
      const { problems, isBroken } = await playHistory(ground, seed, broken)
      if (problems.length === 0) continue
      expect(isBroken).toBe(true)
      if (isFull) process.stdout.write(`${broken} is caught by seed ${seed}: ${problems[0]}\n`)
      return
    }
    throw new Error(`no history has caught ${broken}`)
  })

  it.runIf(isFull && hasPostgres)(
    'doubles and loses nobody on the embedded database',
    { timeout: 3_600_000 },
    async () => {
      const embedded = await openTestDatabase('embedded')
      const own = await layGround(embedded.url)
      try {
        await playAll(own, upTo(EMBEDDED_HISTORIES))
      } finally {
        await own.close()
        await embedded.close()
      }
    },
  )
})
