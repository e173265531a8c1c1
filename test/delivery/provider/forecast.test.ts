import { expect, it } from 'vitest'
import { foresee } from '../../../src/delivery/provider/forecast.ts'
import type { Quota } from '../../../src/delivery/provider/provider.ts'
import { openScriptedProvider } from '../../support/round.ts'

const NOW = new Date('2026-03-05T12:00:00Z')

function routeOf(given: {
  quota?: Quota
  left?: number
  ofMonth?: number
  requestsPerSecond?: number | null
  isOut?: boolean
}) {
  const { quota = { day: null, month: null }, left = Number.POSITIVE_INFINITY, requestsPerSecond = null } = given
  const { ofMonth = quota.month ?? Number.POSITIVE_INFINITY } = given
  return {
    provider: openScriptedProvider({ quota, requestsPerSecond, batchSize: 100 }),
    allowance: { mails: left, ofMonth, freeAt: null, waitMs: 0, reason: 'quota: tomorrow' as const, ramp: null },
    out: given.isOut ? { reason: 'the key was refused', waitMs: null } : undefined,
  }
}
const hour = (at: string, emails: number) => ({ at: new Date(at), emails })

it('adds up hours at the pace of the provider, one after the other', () => {
  const hours = [hour('2026-03-06T06:00:00Z', 100_000), hour('2026-03-06T06:05:00Z', 150)]
  expect(foresee([routeOf({ requestsPerSecond: 2 })], hours, NOW)).toEqual({
    provider: 'outbox',
    perMinute: 12_000,
    // 1,000 requests take 500 s; the second hour's two wait for them.
    endsAt: new Date('2026-03-06T06:08:21Z'),
    putOff: 0,
    ramp: null,
  })
  expect(foresee([routeOf({})], hours, NOW)).toMatchObject({ perMinute: null, endsAt: hours[1]?.at })
  expect(foresee([routeOf({ isOut: true })], hours, NOW)).toMatchObject({ provider: null })
  expect(foresee([routeOf({})], [], NOW)).toMatchObject({ endsAt: null, putOff: 0 })
})

it('counts whom a quota does not cover, by the days of UTC', () => {
  const hours = [hour('2026-03-05T23:00:00Z', 80), hour('2026-03-06T06:00:00Z', 90), hour('2026-03-06T20:00:00Z', 30)]
  const quota = { day: 100, month: 3_000 }
  // Who is put off on the first day goes first on the second.
  expect(foresee([routeOf({ quota, left: 50 })], hours, NOW).putOff).toBe(30 + 50)
  expect(foresee([routeOf({ quota, left: 50 }), routeOf({ quota, left: 25 })], hours, NOW).putOff).toBe(5)
})

it('lets what was put off before go first on its day', () => {
  const hours = [hour('2026-03-06T06:00:00Z', 10)]
  const quota = { day: 5, month: null }
  const routes = [routeOf({ quota, left: 0 })]
  expect(foresee(routes, hours, NOW).putOff).toBe(5)
  expect(foresee(routes, hours, NOW, [hour('2026-03-06T00:00:00Z', 2)]).putOff).toBe(7)
  // What waits for a day before this one's hours is gone by then, as far as the quota lasts.
  expect(foresee(routes, hours, NOW, [hour('2026-03-05T20:00:00Z', 2)]).putOff).toBe(7)
  expect(foresee([routeOf({ quota, left: 2 })], hours, NOW, [hour('2026-03-05T20:00:00Z', 2)]).putOff).toBe(5)
  expect(foresee(routes, hours, NOW, [hour('2026-03-07T00:00:00Z', 2)]).putOff).toBe(5)
})

it('knows what is left of the month on its other days', () => {
  const quota = { day: 100, month: 3_000 }
  const hours = [hour('2026-03-30T06:00:00Z', 90), hour('2026-03-31T06:00:00Z', 90)]
  expect(foresee([routeOf({ quota, left: 100, ofMonth: 120 })], hours, NOW).putOff).toBe(60)
  // What goes in March is none of April's.
  const quotaOfMonth = { day: null, month: 100 }
  const overNight = [hour('2026-03-31T06:00:00Z', 100), hour('2026-04-01T06:00:00Z', 90)]
  expect(foresee([routeOf({ quota: quotaOfMonth, left: 100, ofMonth: 100 })], overNight, NOW).putOff).toBe(0)
  expect(foresee([routeOf({ quota, left: 0, ofMonth: 0 })], [hour('2026-04-01T06:00:00Z', 90)], NOW).putOff).toBe(0)
})
