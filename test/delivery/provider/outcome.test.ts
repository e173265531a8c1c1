import { describe, expect, it } from 'vitest'
import { refuseReplay, stepAfter } from '../../../src/delivery/provider/outcome.ts'
import type { BatchOutcome } from '../../../src/delivery/provider/provider.ts'

const facts = { mails: 2, attempts: 0, replayMs: 1_000 }
const taken = { state: 'submitted' as const, providerId: null }

describe('stepAfter', () => {
  it.each<[BatchOutcome, object]>([
    [
      { kind: 'answered', outcomes: [taken, taken] },
      { do: 'settle', outcomes: [taken, taken] },
    ],
    [
      { kind: 'answered', outcomes: [taken] },
      { do: 'repeat', waitMs: 5_000 },
    ],
    [
      { kind: 'refused', reason: 'r' },
      { do: 'halve', reason: 'r' },
    ],
    [
      { kind: 'throttled', retryAfterMs: 7 },
      { do: 'hold', waitMs: 7 },
    ],
    [
      { kind: 'concurrent', retryAfterMs: 7 },
      { do: 'repeat', waitMs: 7 },
    ],
    [
      { kind: 'stopped', reason: 'r' },
      { do: 'stop', reason: 'r', waitMs: null },
    ],
    [
      { kind: 'quota', reason: 'r', retryAfterMs: 7 },
      { do: 'stop', reason: 'r', waitMs: 7 },
    ],
    [
      { kind: 'mismatch', reason: 'r' },
      { do: 'give-up', reason: 'r' },
    ],
    [
      { kind: 'unknown', reason: 'r' },
      { do: 'repeat', reason: 'r', waitMs: 5_000 },
    ],
  ])('answers %j with %j', (outcome, step) => {
    expect(stepAfter(outcome, facts)).toMatchObject(step)
  })

  it('waits twice as long after each unknown, a quarter of an hour at most', () => {
    const waits = [0, 1, 2, 7, 8, 30].map((attempts) =>
      stepAfter({ kind: 'unknown', reason: '' }, { ...facts, attempts }),
    )
    expect(waits.map((step) => ('waitMs' in step ? step.waitMs : 0))).toEqual([
      5_000, 10_000, 20_000, 640_000, 900_000, 900_000,
    ])
  })

  it('never repeats where a provider has no replay', () => {
    const never = { ...facts, replayMs: 0 }
    expect(stepAfter({ kind: 'unknown', reason: 'cut' }, never)).toEqual({ do: 'give-up', reason: 'cut' })
    expect(stepAfter({ kind: 'answered', outcomes: [] }, never)).toMatchObject({ do: 'give-up' })
  })
})

describe('refuseReplay', () => {
  const provider = { name: 'resend', replayMs: 1_000 }
  it.each([
    [{ provider: 'resend', version: 1, ageMs: 999 }, undefined],
    [{ provider: 'resend', version: 1, ageMs: 1_000 }, /no longer replays/],
    [{ provider: 'smtp', version: 1, ageMs: 0 }, /through smtp/],
    [{ provider: 'resend', version: 2, ageMs: 0 }, /version 2/],
  ])('of %j says %s', (fixed, said) => {
    const reason = refuseReplay(provider, fixed, [0, 1])
    if (said === undefined) expect(reason).toBeUndefined()
    else expect(reason).toMatch(said)
  })
})
