// Emails that go one by one, on real stores: how many are in hand at once, what that costs, and
// that whatever is not plain ends as with one batch.
import { sql } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Turn } from '../../../src/delivery/pace/paces.ts'
import type { Mail, OneOutcome, Provider } from '../../../src/delivery/provider/provider.ts'
import { handOf } from '../../../src/delivery/sending/hand.ts'
import { HoldError } from '../../../src/errors.ts'
import { dispatchStretch } from '../../../src/jobs/dispatch.ts'
import { markUnsubscribed } from '../../../src/subscriber/store.ts'
import { publicIdOf } from '../../support/batches.ts'
import { endWaits, openTestRound, planFor, readAccounts, readDeliveries, type TestRound } from '../../support/round.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../../support/stores.ts'

// The embedded database has one session: nobody can hold anything beside it.
const postgres = process.env.TEST_EITHER === 'embedded' ? undefined : await realPostgresUrl()

const ALL = { from: 0, count: 1_000_000 }
const IN_HAND = 12
const SLICE = 8
const nothing = async () => {}
const accept = async ({ publicId }: Mail): Promise<OneOutcome> => ({ state: 'submitted', providerId: publicId })

let database: TestDatabase
let round: TestRound
let sent: string[]

beforeEach(async () => {
  database = await openTestDatabase('either')
  sent = []
  round = await openTestRound(database.url)
})
afterEach(async () => {
  await round.close()
  await database.close()
})

/** A provider that takes mails one by one, each as `answer` says. */
function oneByOne(answer: (mail: Mail) => Promise<OneOutcome>, given: Partial<Provider> = {}): Provider {
  return {
    ...round.provider,
    ...{ name: 'smtp', batchSize: SLICE, replayMs: 0, domainRate: null },
    oneByOne: {
      inHand: IN_HAND,
      handOver: (mails) =>
        mails.map((mail) => {
          sent.push(nameOf(mail))
          return answer(mail)
        }),
      summarize(_, outcomes) {
        const whole = outcomes.filter((each) => 'kind' in each)
        if (whole[0] && whole.length === outcomes.length) return whole[0]
        const later = (reason: string) => ({ state: 'deferred', reason, retryAfterMs: 60_000 }) as const
        return { kind: 'answered', outcomes: outcomes.map((each) => ('state' in each ? each : later(each.reason))) }
      },
    },
    ...given,
  }
}

const nameOf = ({ to }: Mail) => to.split('@')[0] as string

/** Plans an edition for so many, through this provider from now on. */
async function plan(readers: number, provider: Provider, date = '2026-03-05') {
  round.providers = [provider]
  const names = Array.from({ length: readers }, (_, at) => `reader${at}`)
  return planFor(round, date === '2026-03-05' ? names : [], date)
}

/** Marked and not settled: what a kill at this moment would leave unknown. */
async function countInDoubt(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from batches b
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = any(b.members)
    where b.state in ('attempting', 'unknown') and d.state = 'planned'`.execute(round.db)
  return rows[0]?.count ?? 0
}

/** Sessions that wait for a lock. */
async function countWaiting(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(round.db)
  return rows[0]?.count ?? 0
}

describe('roll', () => {
  it('never has more in hand than it may, fills its hand, and sends to everybody once', { tags: 'long' }, async () => {
    const doubts: number[] = []
    let atOnce = 0
    let fill = () => {}
    const isFull = new Promise<void>((resolve) => {
      fill = resolve
    })
    const provider = oneByOne(async (mail) => {
      // More than one batch at the same time: half of them wait for it.
      if (++atOnce > SLICE) fill()
      if (Number(nameOf(mail).slice(-1)) % 2 === 0) await isFull
      doubts.push(await countInDoubt())
      atOnce -= 1
      return accept(mail)
    })
    const { edition } = await plan(100, provider)
    await Promise.all([1, 2].map(() => dispatchStretch(round, ALL, 'smtp', nothing)))
    expect(Math.max(...doubts)).toBeLessThanOrEqual(IN_HAND)
    expect([...sent].sort()).toEqual(Array.from({ length: 100 }, (_, at) => `reader${at}`).sort())
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 100, submitted: 100, unknown: 0 })
    // All room was given back.
    expect(handOf(provider).takeNow(IN_HAND)).toBe(true)
  })

  it.skipIf(postgres === undefined)('begins nothing in the place of what was answered but is held', async () => {
    const doubts: number[] = []
    const holder = new pg.Client(database.url)
    await holder.connect()
    const provider = oneByOne(async (mail) => {
      if (sent.length === 1) {
        await holder.query('begin')
        await holder.query('select from deliveries order by subscriber_id limit 4 for update')
        // Until somebody waits for it: by then more could have begun.
        void vi
          .waitFor(async () => expect(await countWaiting()).toBeGreaterThan(0), { timeout: 60_000 })
          .finally(() => holder.query('commit'))
      }
      doubts.push(await countInDoubt())
      return accept(mail)
    })
    const { edition } = await plan(60, provider)
    await dispatchStretch(round, ALL, 'smtp', nothing)
    await holder.end()
    expect(Math.max(...doubts)).toBeLessThanOrEqual(IN_HAND)
    expect(sent).toHaveLength(60)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 60, unknown: 0 })
  })

  it('takes at most 20 statements for 100 emails', { tags: 'long' }, async () => {
    const provider = oneByOne(accept)
    await plan(100, provider)
    // The first batch of an edition reads its pieces and selections; all others find them.
    const { batchIds } = await plan(0, provider, '2026-03-06')
    await dispatchStretch(round, { from: batchIds[0] as number, count: 1 }, 'smtp', nothing)
    const before = sent.length
    const spy = vi.spyOn(pg.Client.prototype, 'query')
    await dispatchStretch(round, { from: 0, count: batchIds[0] as number }, 'smtp', nothing)
    const { length } = spy.mock.calls
    spy.mockRestore()
    expect(sent.length - before).toBe(100)
    expect(length).toBeLessThanOrEqual(20)
  })

  it('sends nothing to who left after it was built, and to the others of the batch', async () => {
    let leaving: Promise<unknown> | undefined
    const provider = oneByOne(async (mail) => {
      // The second batch has no room before the first is answered.
      leaving ??= publicIdOf(round, 'reader11').then((publicId) => markUnsubscribed(round.db, publicId))
      await leaving
      return accept(mail)
    })
    const { edition } = await plan(2 * SLICE, provider)
    await dispatchStretch(round, ALL, 'smtp', nothing)
    expect(sent).not.toContain('reader11')
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 2 * SLICE - 1, withheld: { left: 1 } })
  })

  it('leaves what is unknown as it is, puts off what comes later, and settles the rest at once', async () => {
    const provider = oneByOne(async (mail) => {
      if (nameOf(mail) === 'reader1') return { state: 'unknown', reason: 'the connection was cut' }
      if (nameOf(mail) === 'reader2') return { state: 'deferred', reason: 'greylisted', retryAfterMs: 300_000 }
      if (nameOf(mail) === 'reader3') return { state: 'rejected', reason: 'no such mailbox' }
      return accept(mail)
    })
    const { edition } = await plan(14, provider)
    await dispatchStretch(round, ALL, 'smtp', nothing)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      submitted: 11,
      rejected: 1,
      unknown: 1,
      waiting: 1,
    })
    expect((await readDeliveries(round.db, edition.id)).reader3).toMatchObject({ reason: 'no such mailbox' })
    await endWaits(round.db)
    await dispatchStretch(round, ALL, 'smtp', nothing)
    expect(sent.filter((name) => name === 'reader2')).toHaveLength(2)
    expect(sent.filter((name) => name === 'reader1')).toHaveLength(1)
  })

  it('begins nothing more where the server takes nothing, and gives back what was not begun', async () => {
    const provider = oneByOne(async () => ({ kind: 'throttled', reason: 'down', retryAfterMs: 60_000 }))
    const { edition } = await plan(40, provider)
    await expect(dispatchStretch(round, ALL, 'smtp', nothing)).rejects.toThrow(HoldError)
    expect(sent).toHaveLength(SLICE)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ waiting: 40, unknown: 0 })
    const { rows } = await sql<{
      held: number
    }>`select count(*)::int as held from batches where holder is not null`.execute(round.db)
    expect(rows[0]?.held).toBe(0)
    expect(handOf(provider).takeNow(IN_HAND)).toBe(true)
  })

  it('hands nothing over in a pause that came behind the mark, and puts it back', async () => {
    const provider = oneByOne(accept)
    const { edition } = await plan(40, provider)
    const pauses = [0, 60_000]
    const turn: Turn = { comes: async () => pauses.shift() ?? 0, leaves() {}, limits() {}, ends() {} }
    const paces = { take: async () => turn, close: async () => {} }
    await expect(dispatchStretch({ ...round, paces }, ALL, 'smtp', nothing)).rejects.toThrow(HoldError)
    expect(sent).toHaveLength(SLICE)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      submitted: SLICE,
      waiting: 40 - SLICE,
      unknown: 0,
    })
    expect(await countInDoubt()).toBe(0)
    expect(handOf(provider).takeNow(IN_HAND)).toBe(true)
  })

  it('lets a notice that waits go first', async () => {
    let notice: Promise<void> | undefined
    const provider = oneByOne(async (mail) => {
      notice ??= handOf(provider).take(IN_HAND, true)
      return accept(mail)
    })
    await plan(40, provider)
    const running = dispatchStretch(round, ALL, 'smtp', nothing)
    await vi.waitFor(() => expect(notice).toBeDefined(), { timeout: 60_000 })
    await notice
    expect(await countInDoubt()).toBe(0)
    handOf(provider).give(IN_HAND)
    await running
    expect(new Set(sent).size).toBe(40)
    expect(sent).toHaveLength(40)
  })

  it('keeps to a quota that does not last for all', async () => {
    const { edition } = await plan(14, oneByOne(accept, { quota: { day: 8, month: null } }))
    await dispatchStretch(round, ALL, 'smtp', nothing).catch(() => {})
    await dispatchStretch(round, ALL, 'smtp', nothing)
    expect(sent.length).toBeLessThanOrEqual(8)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      submitted: sent.length,
      waiting: 14 - sent.length,
    })
  })
})
