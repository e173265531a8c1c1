// The short form of `npm run test:crash`, on both kinds of stores, and the proof that the harness
// bites: builds that are broken on purpose must be caught.
import { describe, expect, it } from 'vitest'
import { isFull } from '../support/full.ts'
import { hasServers } from '../support/servers.ts'
import { BREAKS, type BreakName } from './breaks.ts'
import { type CampaignSettings, type Report, runCampaign } from './campaign.ts'
import { POINTS, type Point } from './points.ts'
import type { Strike } from './strikes.ts'

const hasStores = await hasServers()

/**
 * Where each broken build shows at once; the long form finds all of them by striking everywhere.
 */
const WEAK_POINT: Record<BreakName, Strike> = {
  'random-key': 'accepted-answer-withheld',
  'ledger-first': 'before-request',
  'checkpoint-at-fetch': 'after-claim',
  'no-fence': 'stop-past-lease',
  'planned-again': 'accepted-answer-withheld',
}

async function run(given: Partial<CampaignSettings>): Promise<Report> {
  const report = await runCampaign({
    stores: 'real',
    seed: 20_261_126,
    subscribers: 80,
    batchSize: 2,
    rate: 15,
    // What a kill leaves is nobody's for so long, and the edition waits for it.
    leaseMs: 1_500,
    latencyMs: 100,
    broken: null,
    strikes: {},
    workers: 2,
    spares: 1,
    deadlineMs: 570_000,
    ...given,
  })
  if (!report) throw new Error('The stores went away')
  return report
}

/**
 * As the command's exit code says it: somebody got nothing or twice, or ledger and referee tell two
 * stories.
 */
function isCaught({ lost, duplicates, violations }: Report): boolean {
  return lost + duplicates + violations.length > 0
}

/** One after each write of a batch's life, and with the answer on its way. */
const SAMPLED: readonly Point[] = [
  'after-claim',
  'after-mark-commit',
  'accepted-answer-withheld',
  'answer-read-before-settle-commit',
]

/** Strikes once at each of some points, or as often as it is named. */
function at(points: readonly Point[]): Partial<Record<Strike, number>> {
  return Object.fromEntries(points.map((point) => [point, points.filter((each) => each === point).length]))
}

describe.skipIf(!hasStores)('processes that are killed, on PostgreSQL and Redis', () => {
  it('lose no mail and double none', { timeout: 600_000 }, async () => {
    const points = isFull ? [...POINTS, ...POINTS] : SAMPLED
    const random = isFull ? 5 : 0
    const kills = random + points.length + 1
    const report = await run({ strikes: { random, ...at(points), 'stop-past-lease': 1 } })
    expect(report).toMatchObject({ kills, lost: 0, duplicates: 0, violations: [], isBroken: false })
    expect(report.looks).toBeGreaterThan(kills)
  })

  it.each(isFull ? (Object.keys(BREAKS) as BreakName[]) : (['random-key'] as const))(
    'are caught when the build is broken by %s',
    { tags: 'long', timeout: 1_300_000 },
    async (broken) => {
      const direct = await run({ broken, strikes: { [WEAK_POINT[broken]]: 30 } })
      expect(direct.isBroken).toBe(true)
      expect(isCaught(direct)).toBe(true)
      if (!isFull) return
      const report = await run({ broken, strikes: { random: 10, ...at(POINTS), 'stop-past-lease': 25 } })
      expect(report.isBroken).toBe(true)
      expect(isCaught(report)).toBe(true)
      expect(report.kills).toBeLessThanOrEqual(50)
    },
  )
})

it.runIf(isFull)(
  'a process group that is killed with its embedded stores loses no mail',
  { timeout: 1_800_000 },
  async () => {
    const report = await run({
      stores: 'embedded',
      strikes: { random: 5, ...at([...POINTS, ...POINTS]) },
      deadlineMs: 1_700_000,
    })
    expect(report).toMatchObject({ kills: 25, lost: 0, duplicates: 0, violations: [] })
  },
)
