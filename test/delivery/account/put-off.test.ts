// What a reader is told whom a quota put off, once they have chosen anew: the hour at which it
// goes, not the one of then.
// @module-tag long
import { sql } from 'kysely'
import { beforeAll, describe, expect, it } from 'vitest'
import { explainEdition } from '../../../src/delivery/account/explaining.ts'
import { type Change, markChanged } from '../../../src/subscriber/change.ts'
import { findSubscriberByAddress } from '../../../src/subscriber/store.ts'
import { keepClock } from '../../support/clock.ts'
import { beginDays } from '../../support/days.ts'
import { keepRound } from '../../support/kept-round.ts'
import { only, openScriptedProvider, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeAll(() => keepClock(round.databaseUrl, '2026-03-02T12:00:00Z'))

const PUT_OFF = 'as many emails as may go in a day had gone.'

describe('whoever was put off and chooses anew', () => {
  async function ada() {
    const reader = await findSubscriberByAddress(round.db, 'ada@example.org')
    if (!reader) throw new Error('ada is not there')
    return reader
  }

  async function explain(): Promise<string> {
    const ask = { date: '2026-03-02', kind: 'daily', topics: round.topics, cutoffMinutes: round.cutoffMinutes } as const
    return (await explainEdition(round.db, await ada(), ask)).outcome.sentence
  }

  /** Puts off Tuesday's digest of 07:00, and changes what its reader chose at noon. */
  async function putOff(change: Change) {
    const provider = openScriptedProvider({ name: 'resend', quota: { day: 0, month: null } })
    round = { ...round, ...only(provider) }
    const days = await beginDays(round, '2026-03-02T23:00:00Z', { ada: {} })
    await days.goOn('2026-03-03T12:00:00Z')
    expect(await explain()).toBe(`It is planned and waits until 2026-03-04 07:00: ${PUT_OFF}`)
    const { id } = await ada()
    await round.db.transaction().execute((trx) => markChanged(trx, id, change, round))
    await days.work()
    return {
      /** Goes on to a moment with a quota that is new on Wednesday; tells when her digests went. */
      async goOn(until: string) {
        await days.goOn('2026-03-03T23:30:00Z')
        provider.quota = { day: 9, month: null }
        await days.goOn(until)
        return days.went.map(({ at }) => at)
      },
    }
  }

  it.each([
    [{ hour: 20 }, '2026-03-04 20:00', '2026-03-04T20:00'],
    [{ hour: 5 }, '2026-03-04 05:00', '2026-03-04T05:00'],
    [{ cadence: 'weekly', weekday: 5, hour: 9 }, '2026-03-04 09:00', '2026-03-04T09:00'],
    // 16:00 there is the beginning of the new day of the quota, and theirs is not over.
    [{ zone: 'America/Los_Angeles' }, '2026-03-03 16:00', '2026-03-04T00:00'],
  ] as [Change, string, string][])('is told when it goes: %j', async (change, hour, at) => {
    const { goOn } = await putOff(change)
    expect(await explain()).toBe(`It is planned and waits until ${hour}: ${PUT_OFF}`)
    expect((await goOn('2026-03-04T23:00:00Z'))[0]).toBe(at)
  })

  it('is told that a pause keeps it back, where that is not over by then', async () => {
    const { goOn } = await putOff({ pausedUntil: '2026-03-10' })
    expect(await explain()).toBe(
      'It is planned, but you are paused until Tuesday 10 March 2026: it is sent only if you resume before 2026-03-04 07:00.',
    )
    expect(await goOn('2026-03-04T23:00:00Z')).toEqual([])
    expect(await explain()).toBe('You had paused before it was sent.')
  })

  it('is told its hour where the pause is over by then', async () => {
    await putOff({ pausedUntil: '2026-03-03' })
    expect(await explain()).toBe(`It is planned and waits until 2026-03-04 07:00: ${PUT_OFF}`)
  })

  it('is told no moment that is a worker’s', async () => {
    await putOff({ hour: 7 })
    await sql`update batches set next_attempt_at = round_clock() + interval '2 minutes'`.execute(round.db)
    expect(await explain()).toBe(`It is planned and waits: ${PUT_OFF}`)
  })
})
