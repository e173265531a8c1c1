// Whoever is put off by a quota and meanwhile turns from days to weeks or back: nothing of what
// waits is lost, and what is said of it is so.
// @module-tag long
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { explainEdition } from '../../src/delivery/account/explaining.ts'
import { markChanged } from '../../src/subscriber/change.ts'
import type { Rhythm } from '../../src/subscriber/preferences.ts'
import { findSubscriberByAddress } from '../../src/subscriber/store.ts'
import { keepClock } from '../support/clock.ts'
import { beginDays, type Days } from '../support/days.ts'
import { keepRound } from '../support/kept-round.ts'
import { only, openScriptedProvider, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeAll(() => keepClock(round.databaseUrl, '2026-03-02T12:00:00Z'))
beforeEach(() => {
  round = { ...round, ...only(openScriptedProvider({ name: 'resend', quota: { day: 1, month: null } })) }
})

const NAMES = ['ada', 'bob']

/** Lets one of the two be put off, and returns their name. */
async function putOneOff(days: Days, upTo: string): Promise<string> {
  await days.goOn(upTo)
  const name = NAMES.find((each) => !days.went.some(({ reader }) => reader === each))
  if (name === undefined) throw new Error('nobody was put off')
  return name
}

async function find(name: string) {
  const reader = await findSubscriberByAddress(round.db, `${name}@example.org`)
  if (!reader) throw new Error(`${name} is not there`)
  return reader
}

async function turn(name: string, rhythm: Partial<Rhythm>): Promise<void> {
  const { id } = await find(name)
  await round.db.transaction().execute((trx) => markChanged(trx, id, rhythm, round))
}

async function explain(name: string, date: string, kind: 'daily' | 'weekly'): Promise<string> {
  const { topics, cutoffMinutes } = round
  return (await explainEdition(round.db, await find(name), { date, kind, topics, cutoffMinutes })).outcome.sentence
}

const of = (days: Days, name: string) =>
  days.went.filter(({ reader }) => reader === name).map(({ at, edition }) => `${at} ${edition}`)

async function beginWeeks(): Promise<Days> {
  const rhythm = { cadence: 'weekly', weekday: 5 } as const
  return beginDays(round, '2026-03-05T12:00:00Z', { ada: rhythm, bob: rhythm })
}

describe('a week that waits', () => {
  it('goes before the days of who has turned to them meanwhile, and takes none of them', async () => {
    const days = await beginWeeks()
    const name = await putOneOff(days, '2026-03-06T12:00:00Z')
    await turn(name, { cadence: 'daily' })
    await days.goOn('2026-03-07T12:00:00Z')
    expect(await explain(name, '2026-03-05', 'weekly')).toBe('It was sent.')
    await days.goOn('2026-03-09T07:00:00Z')
    expect(of(days, name)).toEqual([
      '2026-03-07T07:00 2026-03-05 weekly',
      '2026-03-08T07:00 2026-03-07 daily',
      '2026-03-09T07:00 2026-03-08 daily',
    ])
    expect(await explain(name, '2026-03-06', 'daily')).toBe(
      'It went into your digest of Sat 7 March: never several emails at once.',
    )
  })

  it('keeps the days waiting no longer than it is news', async () => {
    const days = await beginWeeks()
    const name = await putOneOff(days, '2026-03-06T12:00:00Z')
    await turn(name, { cadence: 'daily' })
    round.provider.quota = { day: 0, month: null }
    await days.goOn('2026-03-10T12:00:00Z')
    round.provider.quota = { day: 9, month: null }
    await days.goOn('2026-03-11T12:00:00Z')
    expect(of(days, name)).toEqual(['2026-03-11T07:00 2026-03-10 daily'])
    expect(await explain(name, '2026-03-05', 'weekly')).toBe('It was delayed too long to still be news.')
  })
})

describe('a day that waits', () => {
  it('goes into the week of who has turned to weeks meanwhile', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', { ada: {}, bob: {} })
    const name = await putOneOff(days, '2026-03-03T12:00:00Z')
    await turn(name, { cadence: 'weekly', weekday: 3 })
    await days.goOn('2026-03-04T12:00:00Z')
    expect(of(days, name)).toEqual(['2026-03-04T07:00 2026-03-03 weekly'])
    expect(await explain(name, '2026-03-02', 'daily')).toBe(
      'It went into your digest of Tue 3 March: never several emails at once.',
    )
  })

  it('goes by itself where no week comes that day', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', { ada: {}, bob: {} })
    const name = await putOneOff(days, '2026-03-03T12:00:00Z')
    await turn(name, { cadence: 'weekly', weekday: 5 })
    await days.goOn('2026-03-04T12:00:00Z')
    round.provider.quota = { day: 9, month: null }
    await days.goOn('2026-03-06T12:00:00Z')
    expect(of(days, name)).toEqual(['2026-03-04T07:00 2026-03-02 daily', '2026-03-06T07:00 2026-03-05 weekly'])
  })
})
