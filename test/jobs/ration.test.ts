// Quotas that are known in advance: never overdrawn, not by two workers at once; a day that does
// not last is shared fairly.

import fc from 'fast-check'
import { sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { listWaitingReasons } from '../../src/delivery/account/accounting.ts'
import { getAllowance } from '../../src/delivery/provider/quota.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { markResumed } from '../../src/delivery/sending/brake.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import type { Edition } from '../../src/edition/edition.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { ration } from '../../src/jobs/ration.ts'
import { DAY_MS } from '../../src/time.ts'
import { keepClock, setKeptClock } from '../support/clock.ts'
import { isFull } from '../support/full.ts'
import { keepRound } from '../support/kept-round.ts'
import {
  freezeEdition,
  openScriptedProvider,
  planFor,
  readAccounts,
  type ScriptedProvider,
  type TestRound,
} from '../support/round.ts'

let round: TestRound
let resend: ScriptedProvider
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  resend = openScriptedProvider({ name: 'resend', quota: { day: 3, month: null }, batchSize: 4 })
  round = { ...round, provider: resend, providers: [resend] }
})

const names = ['ada', 'bob', 'cleo', 'dan', 'eve', 'fay', 'gus', 'hal']
const served = (provider: ScriptedProvider) => provider.accepted.map(({ to }) => to.split('@')[0] as string)

/**
 * What a sweep and the workers do until nothing may go. `workers` take the same batches at the same
 * time.
 */
async function sendAll(workers = 1): Promise<void> {
  for (;;) {
    await ration(round)
    const ids = await listWaiting(round.db, BATCH, 100)
    if (ids.length === 0) return
    for (const id of ids) await Promise.all(Array.from({ length: workers }, () => dispatch(round, id)))
  }
}

const NOON = Date.parse('2026-03-06T12:00:00Z')
let now = NOON
async function setClock(at: number): Promise<void> {
  now = at
  await setKeptClock(round.databaseUrl, new Date(at).toISOString())
}
beforeAll(() => keepClock(round.databaseUrl, new Date(NOON).toISOString()))
beforeEach(() => setClock(NOON))

/** Lets a day go by: at noon again, after everybody's hour. */
async function passDay(): Promise<void> {
  await setClock(now + DAY_MS)
}

describe('a daily quota', () => {
  it('is used up and not overdrawn; those who wait are told, and go first tomorrow', async () => {
    const { edition } = await planFor(round, names)
    await sendAll()
    const first = served(resend)
    expect(first).toHaveLength(3)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 8, submitted: 3, waiting: 5 })
    expect(await listWaitingReasons(round.db, edition.id)).toEqual({ 'quota: tomorrow': 5 })
    await passDay()
    // The next edition is for everybody; who waited a day comes before who did not.
    const next = await freezeEdition(round, '2026-03-06')
    await planAll(round, next, null)
    await sendAll()
    const second = served(resend).slice(3)
    expect(second).toHaveLength(3)
    expect(second.filter((name) => first.includes(name))).toEqual([])
    expect(resend.accepted.slice(3).every(({ subject }) => subject.endsWith(' · Fri 6 Mar'))).toBe(true)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      submitted: 3,
      withheld: { merged: 5 },
      waiting: 0,
    })
    await passDay()
    await sendAll()
    expect(new Set(served(resend)).size).toBe(8)
  })

  it('is never overdrawn by workers at the same time', async () => {
    resend.quota = { day: 5, month: null }
    resend.batchSize = 2
    await planFor(round, names)
    const ids = await listWaiting(round.db, BATCH, 100)
    await Promise.all(ids.map((id) => dispatch(round, id)))
    await sendAll(3)
    expect(served(resend)).toHaveLength(5)
    expect(new Set(served(resend)).size).toBe(5)
  })

  it('passes on to the next provider what it does not cover, and nobody waits', async () => {
    const smtp = openScriptedProvider({ name: 'smtp', batchSize: 2, replayMs: 0 })
    round = { ...round, providers: [resend, smtp] }
    const { edition } = await planFor(round, names)
    await sendAll()
    expect([served(resend).length, served(smtp).length]).toEqual([3, 5])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 8, waiting: 0 })
  })

  it('does not count what was certainly not accepted', async () => {
    const { edition } = await planFor(round, ['ada', 'bob', 'cleo'])
    resend.script.push({ kind: 'stopped', reason: 'the key was refused' })
    await sendAll()
    expect(await getAllowance(round.db, resend)).toMatchObject({ mails: 3 })
    await markResumed(round.db, edition.id)
    await sendAll()
    expect(await getAllowance(round.db, resend)).toMatchObject({ mails: 0, reason: 'quota: tomorrow' })
    expect(served(resend)).toHaveLength(3)
  })

  it('of a month lasts until the next one', async () => {
    resend.quota = { day: 100, month: 2 }
    const { edition } = await planFor(round, ['ada', 'bob', 'cleo'])
    await sendAll()
    expect(served(resend)).toHaveLength(2)
    expect(await listWaitingReasons(round.db, edition.id)).toEqual({ 'quota: next month': 1 })
    const freeAt = new Date('2026-04-01T00:00:00Z')
    expect(await getAllowance(round.db, resend)).toMatchObject({ freeAt, waitMs: freeAt.getTime() - NOON })
  })
})

describe('over several days', () => {
  it('everybody is served as often as the quota allows, whatever it is', {
    tags: 'long',
    timeout: 240_000,
  }, async () => {
    const days = isFull ? 8 : 4
    await planFor(round, names)
    const editions: Edition[] = []
    for (let day = 1; day <= days; day++) editions.push(await freezeEdition(round, `2026-04-0${day}`))
    const quotas = fc.tuple(fc.integer({ min: 1, max: names.length }), fc.integer({ min: 1, max: 4 }))
    await fc.assert(
      fc.asyncProperty(quotas, async ([day, batchSize]) => {
        await setClock(NOON)
        await sql.raw('delete from deliveries; delete from batches; delete from quota_waits').execute(round.db)
        Object.assign(resend, { quota: { day, month: null }, batchSize })
        const servedOn: string[][] = []
        for (const edition of editions) {
          await planAll(round, edition, null)
          resend.accepted.length = 0
          await sendAll()
          servedOn.push(served(resend))
          await passDay()
        }
        for (const each of servedOn) {
          expect(each).toHaveLength(day)
          expect(new Set(each).size).toBe(day)
        }
        const longest = Math.ceil(names.length / day)
        for (const name of names) {
          const on = [-1, ...servedOn.flatMap((each, index) => (each.includes(name) ? [index] : [])), days]
          const gaps = on.slice(1).map((at, index) => at - (on[index] as number))
          expect(Math.max(...gaps), name).toBeLessThanOrEqual(longest)
        }
      }),
      { numRuns: isFull ? 20 : 4 },
    )
  })
})
