import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limiterFor } from '../../../src/jobs/queue/work.ts'

describe('limiterFor', () => {
  it('stays below the pace, and close to it, in windows of about a fifth of a second at most or one request', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1_000, noNaN: true }), (requestsPerSecond) => {
        const { max, duration } = limiterFor(requestsPerSecond)
        const pace = (max * 1_000) / duration
        expect(pace).toBeLessThanOrEqual(requestsPerSecond)
        expect(pace).toBeGreaterThan(requestsPerSecond * 0.79)
        expect(max === 1 || duration <= 210).toBe(true)
        expect(Number.isInteger(max) && Number.isInteger(duration)).toBe(true)
      }),
    )
  })

  it('keeps to the pace in every second, though requests arrive up to a twentieth of a second late', () => {
    const rates = fc.integer({ min: 1, max: 300 })
    fc.assert(
      fc.property(rates, fc.infiniteStream(fc.double({ min: 0, max: 49, noNaN: true })), (rate, late) => {
        const { max, duration } = limiterFor(rate)
        const arrivals = Array.from(
          { length: 3 * rate },
          (_, nth) => Math.floor(nth / max) * duration + late.next().value,
        )
        for (const from of arrivals) {
          expect(arrivals.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(rate)
        }
      }),
      { numRuns: 30 },
    )
  })

  it.each([
    [0.5, 1, 2_050],
    [5, 1, 210],
    [10, 1, 105],
    [14, 2, 150],
    [100, 10, 105],
  ])('gives %d a second in windows of %d', (rate, max, duration) => {
    expect(limiterFor(rate)).toEqual({ max, duration })
  })
})
