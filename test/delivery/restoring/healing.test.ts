// The drill of a restored backup: whoever got a digest gets no second one, nobody is left out, and
// nobody who left is written to. Beside it what happened without a witness: everybody twice.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDice } from '../../crash/strikes.ts'
import { isFull } from '../../support/full.ts'
import { makeFolder } from '../../support/servers.ts'
import { realPostgresUrl, realRedisUrl } from '../../support/stores.ts'
import { type Drilled, type DrillSettings, drill } from './drill.ts'
import { type DrillStores, openCopiedStores, openDumpedStores } from './drill-stores.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const redisUrl = await realRedisUrl()
const NOTHING = { redis: false, files: false }
const BOTH = { redis: true, files: true }
const LOSSES = [NOTHING, { redis: true, files: false }, { redis: false, files: true }, BOTH]
/** How many backups each kind of loss meets, by the stores. */
const [DUMPS, COPIES] = [25, 6]

let folder: string
beforeEach(async () => {
  folder = await makeFolder('drill')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

type Given = Partial<DrillSettings> & { seed: number; open?: (folder: string) => Promise<DrillStores> }

/** In Redis alone nothing is kept where there is none. */
async function run({ seed, open = openDumpedStores, ...given }: Given): Promise<Drilled> {
  const own = join(folder, `${seed}`)
  const stores = await open(own)
  const usual = { redisUrl, readers: isFull ? 6 : 4, lost: NOTHING, watched: true, as: 'found' as const }
  try {
    return await drill({ ...usual, stores, folder: own, dice: openDice(seed), ...given })
  } finally {
    await stores.close()
  }
}

const KEPT = { doubled: 0, lost: 0, sentWhileHeld: 0, toLeavers: 0 }

describe.skipIf(!hasPostgres)('a restored dump', () => {
  it('doubled everybody while nothing stood beside the database', { tags: 'long' }, async () => {
    const { held, doubled } = await run({ seed: 3, watched: false, backUpAt: 0 })
    expect(held).toBe(false)
    // Two editions, and those who left meanwhile have come back by the restore.
    expect(doubled).toBeGreaterThan(4)
  })

  it('doubles and loses nobody, and forgets no leaver', async () => {
    expect(await run({ seed: 1 })).toMatchObject({ ...KEPT, lostWishes: 0 })
  })

  it('doubles and loses nobody where all beside it is lost and the provider lists', { tags: 'long' }, async () => {
    // Held unless nothing was marked between dump and restore, which the moment decides.
    expect(await run({ seed: 2, lost: BOTH })).toMatchObject(KEPT)
  })

  it.runIf(isFull)('may lose and never doubles where everyone counts as served', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { lost: _, ...result } = await run({ seed, as: 'sent' })
      const { lost: __, ...kept } = KEPT
      expect(result, `seed ${seed}`).toMatchObject(kept)
    }
  })

  it.runIf(isFull)('doubles and loses nobody at any moment', { timeout: 1_800_000 }, async () => {
    await runAll('dumps', DUMPS, openDumpedStores)
  })
})

describe.runIf(isFull)('a restored copy of the embedded files', () => {
  it('doubles and loses nobody at any moment', { timeout: 1_800_000 }, async () => {
    await runAll('copies of embedded files', COPIES, openCopiedStores)
  })
})

async function runAll(what: string, times: number, open: NonNullable<Given['open']>): Promise<void> {
  for (const [index, lost] of LOSSES.entries()) {
    if (redisUrl === undefined && lost.files !== lost.redis) continue
    const sums = { held: 0, doubled: 0, lost: 0, toLeavers: 0, lostWishes: 0, sentWhileHeld: 0 }
    for (let count = 1; count <= times; count++) {
      const seed = 1_000 * (index + 1) + count
      const result = await run({ seed, lost, open })
      expect(result, `seed ${seed}, ${JSON.stringify(lost)}`).toMatchObject(KEPT)
      if (lost !== BOTH) expect(result.lostWishes, `seed ${seed}`).toBe(0)
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += Number(result[name])
    }
    const where = `Redis ${lost.redis ? 'emptied' : 'kept'}, files ${lost.files ? 'lost' : 'kept'}`
    process.stdout.write(`${times} ${what}, ${where}: ${JSON.stringify(sums)}\n`)
  }
}
