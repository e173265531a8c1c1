// The pace of a host, by a clock of the test's own.
import { describe, expect, it } from 'vitest'
import {
  type HostPace,
  PAUSE_MS,
  perMinuteAt,
  slowDown,
  takeTurns,
  UNKNOWN_PACE,
} from '../../../src/delivery/provider/host-pace.ts'

const NOW = Date.parse('2026-03-05T07:00:00Z')
const MINUTE_MS = 60_000

describe('a pace', () => {
  it('holds nobody back of whom nothing is known, unless the settings do', () => {
    expect(perMinuteAt(UNKNOWN_PACE, null, NOW)).toBe(Number.POSITIVE_INFINITY)
    expect(takeTurns(UNKNOWN_PACE, 1_000, null, NOW).turns).toEqual({ granted: 1_000, waitMs: 0 })
    expect(perMinuteAt(UNKNOWN_PACE, 30, NOW)).toBe(30)
  })

  it('goes down by half with each word of its own, once a burst, and never to nothing', () => {
    const first = slowDown(UNKNOWN_PACE, null, NOW)
    expect(perMinuteAt(first, null, NOW)).toBe(60)
    expect(slowDown(first, null, NOW + PAUSE_MS - 1)).toBe(first)
    let pace = first
    for (let at = 1; at <= 20; at++) pace = slowDown(pace, null, NOW + at * PAUSE_MS)
    expect(perMinuteAt(pace, null, NOW + 20 * PAUSE_MS)).toBe(1)
    expect(perMinuteAt(slowDown(UNKNOWN_PACE, 30, NOW), 30, NOW)).toBe(15)
  })

  it('comes back twice as high each half hour, up to what the settings allow, or to no limit', () => {
    const pace = slowDown(UNKNOWN_PACE, null, NOW)
    const later = (minutes: number, most: number | null = null) => perMinuteAt(pace, most, NOW + minutes * MINUTE_MS)
    expect([later(30), later(60), later(90)]).toEqual([120, 240, 480])
    expect(later(60, 100)).toBe(100)
    expect(later(201)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('turns', () => {
  /** Asks again as told, for so many minutes, and returns how many went in each. */
  function follow(start: HostPace, mails: number, minutes: number, most: number | null = null, size = 5): number[] {
    let pace = start
    const went = Array.from({ length: minutes }, () => 0)
    // Batches that come at once, and each by itself when its wait is over.
    let batches = Array.from({ length: Math.ceil(mails / size) }, () => ({ left: size, at: NOW }))
    for (let now = NOW; now < NOW + minutes * MINUTE_MS; now += 1_000) {
      for (const batch of batches.filter(({ at }) => at <= now)) {
        const taken = takeTurns(pace, batch.left, most, now, 0.5)
        pace = taken.pace
        batch.left -= taken.turns.granted
        batch.at = now + taken.turns.waitMs
        const minute = Math.floor((now - NOW) / MINUTE_MS)
        went[minute] = (went[minute] ?? 0) + taken.turns.granted
      }
      batches = batches.filter(({ left }) => left > 0)
    }
    return went
  }

  it.each([
    [30, 5],
    [12, 8],
    [12, 20],
    [60, 20],
  ])('are as many a minute as the pace says, however many wait: %i by batches of %i', (most, size) => {
    for (const mails of [100, 1_000]) {
      const minutes = Math.min(10, Math.floor(mails / most))
      const went = follow(UNKNOWN_PACE, mails, minutes, most, size)
      // So much as goes in ten seconds may go at once.
      for (const count of went) expect(count).toBeLessThanOrEqual(most + Math.floor(most / 6))
      expect(went.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0.95 * most * minutes)
    }
  })

  it('of a slow host begin after its pause, and come to everybody', () => {
    const went = follow(slowDown(UNKNOWN_PACE, null, NOW), 200, 10)
    expect(went[0]).toBe(0)
    expect(went.reduce((sum, count) => sum + count, 0)).toBe(200)
    expect(Math.max(...went)).toBeLessThanOrEqual(90)
  })

  it('tell whoever waits when to ask again, one behind the other', () => {
    let pace: HostPace = { ...UNKNOWN_PACE, nextAt: NOW + 20_000 }
    const waits: number[] = []
    for (let index = 0; index < 3; index++) {
      const taken = takeTurns(pace, 2, 60, NOW)
      pace = taken.pace
      waits.push(taken.turns.waitMs)
    }
    expect(waits).toEqual([12_000, 14_000, 16_000])
    const far = takeTurns({ ...pace, queuedUntil: NOW + 3_600_000 }, 2, 60, NOW, 0)
    expect(far.turns).toEqual({ granted: 0, waitMs: 150_000 })
  })
})
