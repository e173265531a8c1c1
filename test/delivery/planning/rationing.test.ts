// Days on which a quota or a ramp does not last: whoever is put off goes at an hour of their own
// with the newest edition, before those who were not.
// @module-tag long
import { sql } from 'kysely'
import { DateTime } from 'luxon'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findPutOffUntil, listWaitingReasons } from '../../../src/delivery/account/accounting.ts'
import { explainEdition } from '../../../src/delivery/account/explaining.ts'
import { listPutOff } from '../../../src/delivery/planning/outlook.ts'
import { foresee } from '../../../src/delivery/provider/forecast.ts'
import type { Quota } from '../../../src/delivery/provider/provider.ts'
import { readRoutes } from '../../../src/delivery/provider/routes.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { markResumed } from '../../../src/delivery/sending/brake.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planDue } from '../../../src/jobs/plan.ts'
import { ration } from '../../../src/jobs/ration.ts'
import type { Rhythm } from '../../../src/subscriber/preferences.ts'
import { findSubscriberByAddress } from '../../../src/subscriber/store.ts'
import { keepClock, setKeptClock } from '../../support/clock.ts'
import { beginDays, type Went } from '../../support/days.ts'
import { isFull } from '../../support/full.ts'
import { keepRound } from '../../support/kept-round.ts'
import { only, openScriptedProvider, readAccounts, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeAll(() => keepClock(round.databaseUrl, '2026-03-02T12:00:00Z'))
beforeEach(() => limit({ day: 5, month: null }))

function limit(quota: Quota): void {
  round = { ...round, ...only(openScriptedProvider({ name: 'resend', quota })) }
}

type Readers = Record<string, Partial<Rhythm>>

function all(names: readonly string[], rhythm: Partial<Rhythm> = {}): Readers {
  return Object.fromEntries(names.map((name) => [name, rhythm]))
}

const ten = Array.from({ length: 10 }, (_, at) => `r${at}`)

/** Who got an email, by moment and edition. */
function byMoment(went: readonly Went[]): Map<string, string[]> {
  const moments = new Map<string, string[]>()
  for (const { at, edition, reader } of went) {
    const key = `${at} ${edition}`
    moments.set(key, [...(moments.get(key) ?? []), reader].sort())
  }
  return moments
}

async function explain(date: string, name: string): Promise<string> {
  const reader = await findSubscriberByAddress(round.db, `${name}@example.org`)
  if (!reader) throw new Error(`${name} is not there`)
  const { topics, cutoffMinutes } = round
  return (await explainEdition(round.db, reader, { date, kind: 'daily', topics, cutoffMinutes })).outcome.sentence
}

describe('whoever is put off', () => {
  it('waits for the freeze where their hour is the cut-off, and gets what froze then', async () => {
    limit({ day: 3, month: null })
    const days = await beginDays(round, '2026-03-02T12:00:00Z', all(ten.slice(0, 6), { zone: 'Asia/Kolkata', hour: 6 }))
    await days.goOn('2026-03-06T12:00:00Z')
    expect([...byMoment(days.went)].map(([key, names]) => [key, names.length])).toEqual([
      ['2026-03-03T00:30 2026-03-02 daily', 3],
      ['2026-03-04T00:30 2026-03-03 daily', 3],
      ['2026-03-05T00:30 2026-03-04 daily', 3],
      ['2026-03-06T00:30 2026-03-05 daily', 3],
    ])
  })

  it('goes at their own hour of the next day, first and with the newest edition', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', all(ten))
    await days.goOn('2026-03-03T07:00:00Z')
    const first = days.went.map(({ reader }) => reader)
    expect(first).toHaveLength(5)
    const [waiting = ''] = ten.filter((name) => !first.includes(name))
    expect(await explain('2026-03-02', waiting)).toBe(
      'It is planned and waits until 2026-03-04 07:00: as many emails as may go in a day had gone.',
    )
    const edition = days.editions.get('2026-03-02 daily') as number
    expect(await listWaitingReasons(round.db, edition)).toEqual({ 'quota: tomorrow': 5 })
    expect(await findPutOffUntil(round.db, edition)).toEqual(new Date('2026-03-04T07:00:00Z'))
    await days.goOn('2026-03-05T07:00:00Z')
    const second = ten.filter((name) => !first.includes(name))
    expect([...byMoment(days.went)]).toEqual([
      ['2026-03-03T07:00 2026-03-02 daily', [...first].sort()],
      ['2026-03-04T07:00 2026-03-03 daily', second],
      ['2026-03-05T07:00 2026-03-04 daily', [...first].sort()],
    ])
    expect(await readAccounts(round.db, edition)).toMatchObject({ due: 10, submitted: 5, withheld: { merged: 5 } })
  })

  it('does not starve for a late hour: what they need is kept back', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', {
      ...all(ten.slice(0, 5), { hour: 2 }),
      ...all(ten.slice(5), { hour: 20 }),
    })
    await days.goOn('2026-03-05T12:00:00Z')
    expect([...byMoment(days.went)]).toEqual([
      ['2026-03-03T02:00 2026-03-02 daily', ten.slice(0, 5)],
      ['2026-03-04T20:00 2026-03-03 daily', ten.slice(5)],
      ['2026-03-05T02:00 2026-03-04 daily', ten.slice(0, 5)],
    ])
  })

  it('gives what was kept back to others when it is not needed', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', {
      ...all(ten.slice(0, 5), { hour: 2 }),
      ...all(ten.slice(5), { hour: 20 }),
    })
    await days.goOn('2026-03-04T12:00:00Z')
    await sql`update subscribers set paused_until = '2026-03-20' where address < 'r8'  and address > 'r5'`.execute(
      round.db,
    )
    await days.goOn('2026-03-04T20:00:00Z')
    const late = days.went.filter(({ at }) => at === '2026-03-04T20:00').map(({ reader }) => reader)
    expect(late).toHaveLength(5)
    expect(late).toEqual(expect.arrayContaining(['r8', 'r9']))
    expect(late.filter((name) => name < 'r5')).toHaveLength(3)
  })

  it('goes when the new day begins while their own is not over', async () => {
    const days = await beginDays(round, '2026-03-02T20:00:00Z', all(ten.slice(0, 6), { zone: 'America/Los_Angeles' }))
    await days.goOn('2026-03-04T12:00:00Z')
    expect([...byMoment(days.went)].map(([moment, readers]) => [moment, readers.length])).toEqual([
      ['2026-03-03T15:00 2026-03-02 daily', 5],
      ['2026-03-04T00:00 2026-03-02 daily', 1],
    ])
  })

  it('waits over a weekend with a ramp, and for no day of a working week', async () => {
    limit({ day: null, month: null, ramp: { domain: 'papers.example', days: [2, 3, 4] } })
    const days = await beginDays(
      round,
      '2026-03-05T12:00:00Z',
      all(ten.slice(0, 8), { cadence: 'working-days', zone: 'Europe/Berlin' }),
    )
    await days.goOn('2026-03-10T06:00:00Z')
    expect([...byMoment(days.went)].map(([moment, readers]) => [moment, readers.length])).toEqual([
      ['2026-03-06T06:00 2026-03-05 daily', 2],
      ['2026-03-09T06:00 2026-03-08 daily', 3],
      ['2026-03-10T06:00 2026-03-09 daily', 4],
    ])
    expect(new Set(days.went.map(({ reader }) => reader)).size).toBe(8)
  })

  it('waits for their own hour of the next month', async () => {
    limit({ day: null, month: 5 })
    const days = await beginDays(round, '2026-03-29T12:00:00Z', all(ten.slice(0, 7), { hour: 9 }))
    await days.goOn('2026-04-01T12:00:00Z')
    const moments = [...byMoment(days.went)].map(([moment, readers]) => [moment, readers.length])
    expect(moments).toEqual([
      ['2026-03-30T09:00 2026-03-29 daily', 5],
      ['2026-04-01T09:00 2026-03-31 daily', 5],
    ])
    expect(new Set(days.went.map(({ reader }) => reader)).size).toBe(7)
  })

  it('gets a week on the next day', async () => {
    limit({ day: 1, month: null })
    const days = await beginDays(round, '2026-03-05T12:00:00Z', all(['ada', 'bob'], { cadence: 'weekly', weekday: 5 }))
    await days.goOn('2026-03-07T07:00:00Z')
    expect(days.went.map(({ at, edition }) => `${at} ${edition}`)).toEqual([
      '2026-03-06T07:00 2026-03-05 weekly',
      '2026-03-07T07:00 2026-03-05 weekly',
    ])
  })

  it('gets nothing that is late by then', async () => {
    limit({ day: null, month: 1 })
    const days = await beginDays(round, '2026-03-26T12:00:00Z', all(['ada', 'bob'], { cadence: 'weekly', weekday: 5 }))
    await days.goOn('2026-04-01T07:00:00Z')
    const edition = days.editions.get('2026-03-26 weekly') as number
    expect(await readAccounts(round.db, edition)).toMatchObject({ due: 2, submitted: 1, withheld: { late: 1 } })
  })

  it('was given midnight by an older version, and goes at their hour all the same', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', all(ten))
    await days.goOn('2026-03-03T12:00:00Z')
    await sql`update batches set next_attempt_at = '2026-03-04T00:00:00Z' where state = 'deferred'`.execute(round.db)
    await days.goOn('2026-03-04T07:00:00Z')
    expect([...byMoment(days.went).keys()]).toEqual([
      '2026-03-03T07:00 2026-03-02 daily',
      '2026-03-04T07:00 2026-03-03 daily',
    ])
  })

  it('goes at their own hour too where a worker found the quota used up', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', all(ten.slice(0, 2)))
    await days.goOn('2026-03-03T06:30:00Z')
    await setKeptClock(round.databaseUrl, '2026-03-03T07:00:00Z')
    await planDue(round)
    round.provider.quota = { day: 0, month: null }
    for (const id of await listWaiting(round.db, BATCH, 10)) await dispatch(round, id)
    const edition = days.editions.get('2026-03-02 daily') as number
    expect(await listWaitingReasons(round.db, edition)).toEqual({ 'quota: tomorrow': 2 })
    await setKeptClock(round.databaseUrl, '2026-03-03T07:03:00Z')
    expect(await ration(round)).toBe(2)
    expect(await findPutOffUntil(round.db, edition)).toEqual(new Date('2026-03-04T07:00:00Z'))
  })
})

describe('a quota that is raised', () => {
  it.each([
    ['to more', { day: 1_000, month: null }],
    ['until there is none', { day: null, month: null }],
  ])('%s lets those go at once who were due that day', async (_, quota) => {
    // Their day is over at noon of UTC, and they wait for their hour.
    const days = await beginDays(round, '2026-03-02T12:00:00Z', {
      ...all(ten),
      ...all(['hana', 'ren'], { zone: 'Pacific/Auckland', hour: 20 }),
    })
    round.provider.quota = { day: 1, month: null }
    await days.goOn('2026-03-03T11:30:00Z')
    expect(days.went).toHaveLength(1)
    round.provider.quota = quota
    await days.goOn('2026-03-03T12:00:00Z')
    const [early = ''] = days.went.map(({ reader }) => reader)
    const others = days.went.slice(1).map(({ reader }) => reader)
    expect(others.sort()).toEqual(ten.filter((name) => name !== early))
    await days.goOn('2026-03-04T07:00:00Z')
    expect(days.went.filter(({ at }) => at === '2026-03-04T07:00')).toHaveLength(12)
  })

  it('by a little lets as many go as it covers, and puts nobody off anew', async () => {
    const days = await beginDays(round, '2026-03-02T12:00:00Z', all(ten))
    await days.goOn('2026-03-03T12:00:00Z')
    round.provider.quota = { day: 7, month: null }
    expect(await ration(round)).toBe(0)
    await days.work()
    expect(days.went).toHaveLength(7)
    const edition = days.editions.get('2026-03-02 daily') as number
    expect(await findPutOffUntil(round.db, edition)).toEqual(new Date('2026-03-04T07:00:00Z'))
  })
})

it('the operator lets everything go that was put off, whatever it waits for', async () => {
  const days = await beginDays(round, '2026-03-02T12:00:00Z', all(ten))
  await days.goOn('2026-03-04T02:00:00Z')
  await markResumed(round.db, null)
  await days.work()
  expect(days.went.slice(5).map(({ at }) => at)).toEqual(Array(5).fill('2026-03-04T02:00'))
})

it('the operator lets as many go as the quota lasts for, and nobody is stuck', async () => {
  limit({ day: 2, month: null })
  const days = await beginDays(round, '2026-03-02T12:00:00Z', { ...all(ten), early: { hour: 3 } })
  await days.goOn('2026-03-04T02:00:00Z')
  const before = days.went.length
  await markResumed(round.db, null)
  await days.work()
  expect(days.went.slice(before).map(({ at }) => at)).toEqual(Array(2).fill('2026-03-04T02:00'))
  await days.goOn('2026-03-05T07:00:00Z')
  expect(days.went.slice(before + 2).map(({ at, edition }) => `${at} ${edition}`)).toEqual(
    Array(2).fill('2026-03-05T07:00 2026-03-04 daily'),
  )
})

it('is foreseen as it comes', async () => {
  const days = await beginDays(round, '2026-03-02T12:00:00Z', {
    ...all(ten.slice(0, 6)),
    ...all(ten.slice(6), { zone: 'America/Los_Angeles' }),
  })
  await days.goOn('2026-03-03T23:00:00Z')
  // Of the four in Los Angeles some go at the new day's beginning, before the next edition.
  const before = days.went.length
  const cutoffAt = new Date('2026-03-04T00:30:00Z')
  const putOff = await listPutOff(round.db, { date: '2026-03-03', kind: 'daily', cutoffAt })
  const hours = [
    { at: new Date('2026-03-04T07:00:00Z'), emails: 6 },
    { at: new Date('2026-03-04T15:00:00Z'), emails: 4 },
  ]
  const foreseen = foresee(await readRoutes(round), hours, new Date('2026-03-03T23:00:00Z'), putOff)
  await days.goOn('2026-03-04T23:30:00Z')
  const next = days.went.slice(before)
  const atOnce = next.filter(({ at }) => at === '2026-03-04T00:00').length
  expect(putOff).toEqual([{ at: new Date('2026-03-04T00:00:00Z'), emails: atOnce }])
  expect(foreseen.putOff).toBe(10 - next.filter(({ edition }) => edition === '2026-03-03 daily').length)
})

it('over days, hours and zones nobody is sent at another hour, skipped twice or sent too much', {
  timeout: 240_000,
}, async () => {
  const rhythms: Record<string, Partial<Rhythm>> = {}
  const zones = ['UTC', 'Asia/Tokyo', 'America/Los_Angeles', 'Europe/Berlin', 'Pacific/Auckland']
  for (const [at, zone] of zones.entries()) {
    rhythms[`early${at}`] = { zone, hour: 2 + at }
    rhythms[`late${at}`] = { zone, hour: 23 - at }
    rhythms[`working${at}`] = { zone, hour: 7, cadence: 'working-days' }
  }
  rhythms.week = { cadence: 'weekly', weekday: 5, hour: 7 }
  const quota = Math.ceil(Object.keys(rhythms).length / 2)
  limit({ day: quota, month: null })
  const days = await beginDays(round, '2026-03-05T12:00:00Z', rhythms)
  await days.goOn(isFull ? '2026-03-14T00:00:00Z' : '2026-03-10T00:00:00Z')

  const perDay = new Map<string, number>()
  for (const { at } of days.went) perDay.set(at.slice(0, 10), (perDay.get(at.slice(0, 10)) ?? 0) + 1)
  for (const [date, count] of perDay) expect(count, date).toBeLessThanOrEqual(quota)
  // More than the quota is due on working days.
  for (const date of ['2026-03-06', '2026-03-09']) expect(perDay.get(date), date).toBe(quota)

  for (const [name, rhythm] of Object.entries(rhythms)) {
    const own = days.went.filter(({ reader }) => reader === name)
    const local = own.map(({ at }) => DateTime.fromISO(`${at}Z`, { zone: rhythm.zone ?? 'UTC' }))
    for (const [at, moment] of local.entries()) {
      const { at: sentAt, edition } = own[at] as Went
      // At the beginning of the quota's day their own may not be over.
      const isAtHour = moment.hour === rhythm.hour && moment.minute === 0
      expect(isAtHour || (sentAt.endsWith('T00:00') && moment.hour > (rhythm.hour ?? 0)), `${name} ${sentAt}`).toBe(
        true,
      )
      if (rhythm.cadence === 'working-days') expect(moment.weekday, `${name} ${sentAt}`).toBeLessThanOrEqual(5)
      // What froze last, half an hour after midnight.
      const newest = DateTime.fromISO(`${sentAt}Z`, { zone: 'UTC' }).minus({ days: 1, minutes: 30 }).toISODate()
      if (rhythm.cadence !== 'weekly') expect(edition, `${name} ${sentAt}`).toBe(`${newest} daily`)
    }
    expect(new Set(local.map((moment) => moment.toISODate())).size, name).toBe(local.length)
    const gaps = local.slice(1).map((moment, at) => daysBetween(local[at] as DateTime, moment, rhythm))
    expect(Math.max(0, ...gaps), `${name}: ${own.map(({ at }) => at).join(', ')}`).toBeLessThanOrEqual(2)
    expect(own.length, name).toBeGreaterThanOrEqual(rhythm.cadence === undefined ? 2 : 1)
  }
  for (const [name, id] of days.editions) {
    const { due, submitted, withheld, waiting } = await readAccounts(round.db, id)
    expect(due, name).toBe(submitted + waiting + (withheld.merged ?? 0))
  }
})

/** How many days of a rhythm lie between two, the latter included. */
function daysBetween(from: DateTime, to: DateTime, { cadence }: Partial<Rhythm>): number {
  let days = 0
  for (let day = from.startOf('day').plus({ days: 1 }); day <= to; day = day.plus({ days: 1 })) {
    if (cadence !== 'working-days' || day.weekday <= 5) days += 1
  }
  return days
}
