// The rule of turns by a clock of the test's own: several workers whose requests take their time to
// arrive, at a provider that counts them in any second.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  askTurn,
  LATE_MS,
  type Limits,
  NO_REQUESTS,
  notePause,
  noteReached,
  type Window,
} from '../../../src/delivery/pace/window.ts'

interface World {
  perSecond: number
  /** Requests of ours. */
  requests: number
  /** How much later than the quickest one arrives, in milliseconds. */
  jitter(): number
  /** How long after its turn the first byte leaves. */
  lateness(): number
  answersAfterMs?: number
  /** How long before its turn one is asked for. */
  aheadMs?: number
  weight?: number
  /** Whether the workers hear what an answer took, or allow for the most. */
  tells?: boolean
  /** Whether the very first is already as quick as they come. */
  beginsQuick?: boolean
}

const BASE_MS = 20
const even = { jitter: () => 0, lateness: () => 0 }

/** Lets workers ask without a pause; returns when their requests arrived, and their turns. */
function run(world: World): { arrivals: number[]; turns: number[] } {
  const { perSecond, requests, answersAfterMs = 150, aheadMs = 20, weight = 1 } = world
  const { tells = true, beginsQuick = true } = world
  let window: Window = NO_REQUESTS
  let now = 1_000_000
  const arrivals: number[] = []
  const turns: number[] = []
  const answers: { at: number; turn: number; leftBy: number; tookMs: number }[] = []
  const hear = () => {
    for (const { at, ...told } of answers.splice(0, answers.findLastIndex(({ at }) => at <= now) + 1)) {
      window = noteReached(window, { ...told, limits: null, now: at, perSecond })
    }
  }
  while (arrivals.length < requests * weight) {
    hear()
    const asked = askTurn(window, { perSecond, weight, now, aheadMs })
    if (asked.window === undefined) {
      now += asked.waitMs
      continue
    }
    window = asked.window
    const left = asked.at + world.lateness()
    const late = beginsQuick && arrivals.length === 0 ? 0 : world.jitter()
    turns.push(asked.at)
    for (let each = 0; each < weight; each++) arrivals.push(left + BASE_MS + late)
    const tookMs = BASE_MS + late + answersAfterMs
    if (tells) answers.push({ at: left + tookMs, turn: asked.at, leftBy: left, tookMs })
    answers.sort((a, b) => a.at - b.at)
  }
  return { arrivals, turns }
}

/** The same numbers from 0 to 1 for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** The most that fall into any second. */
function crowd(arrivals: number[]): number {
  const sorted = [...arrivals].sort((a, b) => a - b)
  return Math.max(...sorted.map((from, first) => sorted.slice(first).filter((at) => at < from + 1_000).length))
}

function paceOf(moments: number[]): number {
  const sorted = [...moments].sort((a, b) => a - b)
  return (1_000 * (sorted.length - 1)) / ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0))
}

describe('askTurn', () => {
  it('never lets more into a second than it takes, however unevenly they arrive', () => {
    const delay = (max: number) => fc.infiniteStream(fc.double({ min: 0, max, noNaN: true }))
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120 }),
        delay(LATE_MS - 1),
        delay(15),
        fc.boolean(),
        fc.integer({ min: 5, max: 900 }),
        (perSecond, jitter, lateness, tells, answersAfterMs) => {
          const one = () => jitter.next().value
          // Who is not told allows for all of it, and so does a pace of very many.
          const isToldOf = tells && perSecond <= 50
          const world = {
            jitter: isToldOf ? one : () => one() / 2,
            lateness: () => (tells ? lateness.next().value : 0),
          }
          const { arrivals } = run({ perSecond, requests: 3 * perSecond, ...world, tells, answersAfterMs })
          expect(crowd(arrivals)).toBeLessThanOrEqual(perSecond)
        },
      ),
    )
  })

  it('hardly ever lets too many into a second before it has seen how quick one can be', () => {
    const random = randomFrom(1)
    const world = { perSecond: 5, requests: 60, lateness: () => random() * 2, beginsQuick: false }
    const worlds = Array.from({ length: 500 }, () => run({ ...world, jitter: () => random() * LATE_MS }))
    expect(worlds.filter(({ arrivals }) => crowd(arrivals) > 5).length).toBeLessThanOrEqual(10)
  })

  it.each([
    [0, 0.985],
    [15, 0.98],
    [50, 0.955],
  ])('keeps most of the pace where arrivals are uneven by %d ms', (most, share) => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (random) => {
        const jitter = () => random.next().value * most
        const { arrivals } = run({ perSecond: 5, requests: 300, jitter, lateness: () => random.next().value * 2 })
        expect(crowd(arrivals)).toBeLessThanOrEqual(5)
        expect(paceOf(arrivals) / 5).toBeGreaterThan(share)
      }),
      { numRuns: 20 },
    )
  })

  it.each([0.2, 0.5, 1, 2, 2.5, 5, 14, 50, 100, 700])(
    'comes close to a pace of %d a second, and evenly',
    (perSecond) => {
      const { turns } = run({ perSecond, requests: 50 * Math.ceil(perSecond), ...even })
      expect(paceOf(turns)).toBeLessThanOrEqual(perSecond * 1.003)
      expect(paceOf(turns) / perSecond).toBeGreaterThan(0.94)
      const gaps = turns.slice(1).map((at, index) => at - (turns[index] as number))
      expect(Math.min(...gaps)).toBeGreaterThan((0.89 * 1_000) / perSecond)
    },
  )

  it('counts several requests at once as so many', () => {
    const { arrivals } = run({ perSecond: 10, requests: 60, weight: 2, ...even })
    expect(crowd(arrivals)).toBeLessThanOrEqual(10)
    expect(paceOf(arrivals)).toBeGreaterThan(9.4)
  })

  it('catches up no turn that nobody took', () => {
    const first = askTurn(NO_REQUESTS, { perSecond: 5, weight: 1, now: 10_000, aheadMs: 0 })
    const second = askTurn(first.window as Window, { perSecond: 5, weight: 1, now: 60_000, aheadMs: 0 })
    expect(second).toMatchObject({ at: 60_000 })
    expect(askTurn(second.window as Window, { perSecond: 5, weight: 1, now: 60_001, aheadMs: 0 })).toEqual({
      waitMs: 179,
    })
  })

  it('lets nothing go in a pause, and then at once', () => {
    const paused = notePause(NO_REQUESTS, 13_000)
    const ask = (now: number) => askTurn(notePause(paused, 11_000), { perSecond: 5, weight: 1, now, aheadMs: 10 })
    expect(ask(10_000)).toEqual({ waitMs: 2_990 })
    expect(ask(12_995)).toMatchObject({ at: 13_000 })
    expect(ask(13_500)).toMatchObject({ at: 13_500 })
  })
})

describe('noteReached', () => {
  const at = { perSecond: 5, weight: 1, aheadMs: 0 }
  /** A first request at 10 s, answered with these limits. */
  function heard(limits: Limits | null, perSecond = 5): Window {
    const { window } = askTurn(NO_REQUESTS, { ...at, perSecond, now: 10_000 })
    const reached = { turn: 10_000, leftBy: 10_010, tookMs: 190, now: 10_200, limits, perSecond }

    return noteReached(window as Window, reached)
  }
  /** When the next turn is, for whoever asks at 10.2 s and stays. */
  function next(window: Window): number {
    const asked = askTurn(window, { ...at, now: 10_200 })
    return 'at' in asked ? asked.at : 10_200 + asked.waitMs
  }

  it.each<[string, Limits | null, number]>([
    ['nothing', null, 10_200],
    ['that only this one counts', { limit: 5, remaining: 4, resetMs: 1_000 }, 10_200],
    ['that others took the rest', { limit: 5, remaining: 0, resetMs: 1_000 }, 11_059.5],
    ['that others took some of what we leave', { limit: 10, remaining: 5, resetMs: 1_000 }, 10_200],
    ['that others took too much of it', { limit: 10, remaining: 0, resetMs: 1_000 }, 11_059.5],
    ['that a longer window is used up', { limit: 100, remaining: 0, resetMs: 40_000 }, 50_200],
    ['that a longer window is not', { limit: 100, remaining: 7, resetMs: 40_000 }, 10_200],
    ['a moment instead of a wait', { limit: 100, remaining: 0, resetMs: 1_790_000_000_000 }, 10_200],
  ])('follows an answer that says %s', (_, limits, wanted) => {
    expect(next(heard(limits))).toBe(wanted)
  })

  it('goes by a smaller limit than the host allows, for as long as it is said', () => {
    const window = heard({ limit: 1, remaining: 0, resetMs: 1_000 })
    expect(next(window)).toBe(11_059.5)
    expect(askTurn(window, { ...at, now: 90_000 })).toMatchObject({ at: 90_000, window: { nextAt: 90_180 } })
  })
})
