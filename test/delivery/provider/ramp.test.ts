// A new domain's ramp on real rows: its days, whom it lets go first, and that neither two workers
// nor two providers overdraw it. The ten days print the table of what it came to.
import { sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { listWaitingReasons } from '../../../src/delivery/account/accounting.ts'
import { findRampDay } from '../../../src/delivery/provider/ramp.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { shiftDate } from '../../../src/edition/edition.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { ration } from '../../../src/jobs/ration.ts'
import { DAY_MS } from '../../../src/time.ts'
import { keepClock, setKeptClock } from '../../support/clock.ts'
import { isFull } from '../../support/full.ts'
import { keepRound } from '../../support/kept-round.ts'
import {
  freezeEdition,
  openScriptedProvider,
  planFor,
  readAccounts,
  type ScriptedProvider,
  type TestRound,
} from '../../support/round.ts'

let round: TestRound
let provider: ScriptedProvider
keepRound((kept) => {
  round = kept
})
const RAMP = { domain: 'papers.example', days: [3, 5] }
const open = (days: readonly number[], name: 'resend' | 'smtp' = 'resend') =>
  openScriptedProvider({ name, batchSize: 4, quota: { day: null, month: null, ramp: { ...RAMP, days } } })

const NOON = '2026-03-06T12:00:00Z'
beforeAll(() => keepClock(round.databaseUrl, NOON))
/** At noon, after everybody's hour. */
function passDays(days: number): Promise<void> {
  return setKeptClock(round.databaseUrl, new Date(Date.parse(NOON) + days * DAY_MS).toISOString())
}

beforeEach(async () => {
  await passDays(0)
  provider = open(RAMP.days)
  round = { ...round, provider, providers: [provider] }
})

const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `reader-${index}`)
const served = (from: ScriptedProvider) => from.accepted.map(({ to }) => to.split('@')[0] as string)

/** What a sweep and the workers do until nothing may go; `workers` take the same batches. */
async function sendAll(workers = 1): Promise<void> {
  for (;;) {
    await ration(round)
    const ids = await listWaiting(round.db, BATCH, 100)
    if (ids.length === 0) return
    for (const id of ids) await Promise.all(Array.from({ length: workers }, () => dispatch(round, id)))
  }
}

describe('a ramp', () => {
  it('lets so many readers go a day on which it sends, and everybody once it is over', { tags: 'long' }, async () => {
    const { edition } = await planFor(round, namesOf(12))
    expect(await findRampDay(round.db, RAMP)).toEqual({
      ...{ domain: 'papers.example', day: 1, of: 2, begun: false, readers: 3, left: 3 },
    })
    await sendAll()
    expect(served(provider)).toHaveLength(3)
    expect(await findRampDay(round.db, RAMP)).toMatchObject({ day: 1, begun: true, left: 0 })
    expect(await listWaitingReasons(round.db, edition.id)).toEqual({ 'warm-up: tomorrow': 9 })
    // A day without a digest is none of the ramp's.
    await passDays(3)
    expect(await findRampDay(round.db, RAMP)).toMatchObject({ day: 2, begun: false, left: 5 })
    await sendAll(2)
    expect(new Set(served(provider)).size).toBe(8)
    await passDays(4)
    expect(await findRampDay(round.db, RAMP)).toBeUndefined()
    await sendAll()
    expect(new Set(served(provider)).size).toBe(12)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 12, waiting: 0 })
  })

  it('is one for all providers, and not overdrawn by workers at the same time', async () => {
    const smtp = open(RAMP.days, 'smtp')
    round = { ...round, providers: [provider, smtp] }
    await planFor(round, namesOf(12))
    provider.script.push({ kind: 'quota', reason: 'used up', retryAfterMs: 60_000 })
    const ids = await listWaiting(round.db, BATCH, 100)
    await Promise.all(ids.map((id) => dispatch(round, id)))
    await sendAll(3)
    expect([...served(provider), ...served(smtp)]).toHaveLength(3)
  })

  it('of another domain begins anew, and does not count what went before', async () => {
    await planFor(round, namesOf(12))
    await sendAll()
    const other = { ...RAMP, domain: 'other.example' }
    expect(await findRampDay(round.db, other)).toMatchObject({ day: 1, begun: false, left: 3 })
    provider.quota = { day: null, month: null, ramp: other }
    await sql`update batches set next_attempt_at = round_clock() where state = 'deferred'`.execute(round.db)
    await sendAll()
    expect(served(provider)).toHaveLength(6)
  })

  it('does not count what was certainly not accepted', async () => {
    const { edition } = await planFor(round, namesOf(3))
    provider.script.push({ kind: 'throttled', retryAfterMs: 1_000 })
    const [id = 0] = await listWaiting(round.db, BATCH, 1)
    await expect(dispatch(round, id)).rejects.toThrow()
    expect(await findRampDay(round.db, RAMP)).toMatchObject({ day: 1, left: 3 })
    await sql`update batches set next_attempt_at = round_clock()`.execute(round.db)
    await sendAll()
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 3 })
  })
})

describe('ten days of a ramp', () => {
  it('serve who waited longest first, and everybody from the day on that covers them', { tags: 'long' }, async () => {
    const readers = isFull ? 2_000 : 100
    const first = isFull ? 40 : 2
    const days = Array.from({ length: 8 }, (_, day) => first * 2 ** day)
    provider = open(days)
    provider.batchSize = 50
    round = { ...round, provider, providers: [provider] }
    const names = namesOf(readers)
    await planFor(round, names)
    const waitedSince = new Map(names.map((name) => [name, 0]))
    const table: string[] = []
    for (let day = 1; day <= 10; day++) {
      await passDays(day)
      await planAll(round, await freezeEdition(round, shiftDate('2026-03-05', day)), null)
      provider.accepted.length = 0
      const before = await findRampDay(round.db, { ...RAMP, days })
      await sendAll()
      const today = served(provider)
      const allowed = before?.readers ?? readers
      expect(today.length).toBe(Math.min(allowed, readers))
      expect(new Set(today).size).toBe(today.length)
      // Nobody goes before somebody who has waited longer.
      const went = new Set(today)
      const youngest = Math.max(...today.map((name) => waitedSince.get(name) as number))
      const left = names.filter((name) => !went.has(name))
      for (const name of left) expect(waitedSince.get(name) as number).toBeGreaterThanOrEqual(youngest)
      const never = names.filter((name) => !went.has(name) && waitedSince.get(name) === 0).length
      for (const name of today) waitedSince.set(name, day)
      const longest = Math.max(...names.map((name) => day - (waitedSince.get(name) as number)))
      table.push(
        [`day ${day}`, before === undefined ? 'over' : String(allowed), today.length, left.length, never, longest].join(
          '\t',
        ),
      )
    }
    const head = '\tallowed\tsent\twait\tstill without their first\tlongest wait (days)'
    if (isFull) process.stdout.write(`${[head, ...table].join('\n')}\n`)
    expect(table.at(-1)?.startsWith('day 10\tover')).toBe(true)
  })
})
