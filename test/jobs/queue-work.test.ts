import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limiterFor } from '../../src/jobs/queue-work.ts'

describe('limiterFor', () => {
  it('never allows more than the pace, and stays close to it, in windows of at most a fifth of a second or one request', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1_000, noNaN: true }), (requestsPerSecond) => {
        const { max, duration } = limiterFor(requestsPerSecond)
        const pace = (max * 1_000) / duration
        expect(pace).toBeLessThanOrEqual(requestsPerSecond * (1 + 1e-9))
        expect(pace).toBeGreaterThan(requestsPerSecond * 0.98)
        expect(max === 1 || duration <= 200).toBe(true)
        expect(Number.isInteger(max) && Number.isInteger(duration)).toBe(true)
      }),
    )
  })

  it('spaces five a second evenly', () => {
    expect(limiterFor(5)).toEqual({ max: 1, duration: 200 })
  })
})
