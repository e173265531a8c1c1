// The turns of one process at the providers. A turn is asked for once a request is built and
// shortly before it is marked, so that the mark is not long before the request; the first byte then
// waits for the very moment. What became of the request tells everybody when the next one may go.
import { setImmediate } from 'node:timers/promises'
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { CLOCK_KNOWN_MS, type Clock, fits, isOld, latestOf, nowOf, spanOf } from './clock.ts'
import { openGate } from './gate.ts'
import type { PaceStore } from './pace-store.ts'
import {
  askTurn,
  giveBack,
  isEven,
  isWorthTelling,
  LATE_MS,
  type Limits,
  notePause,
  noteReached,
  type Reached,
  readWindow,
  type Taken,
  type Window,
} from './window.ts'

/** Whose pace it is. */
export interface Paced {
  name: string
  /** Null where nothing paces it. */
  requestsPerSecond: number | null
}

/** Leave for one request. Where its worker dies it lapses. */
export interface Turn {
  /**
   * Waits until the first byte may leave, and returns 0. Where the provider has come to want a
   * pause meanwhile, it does not wait: it returns how long that is, in milliseconds, and the turn
   * is over.
   */
  comes(): Promise<number>
  /** The first byte leaves now. */
  leaves(): void
  /** What the provider says of its limits. */
  limits(said: Limits): void
  /** The answer is there; with `pauseMs`, and the provider wants nothing for so long. */
  ends(pauseMs: number | null): void
}

export interface Asked {
  weight: number
  isUrgent: boolean
  patienceMs: number
  /** Is run before a turn is asked for, one at a time, so that what it takes makes none late. */
  prepare?: () => Promise<unknown>
}

export interface Paces {
  /**
   * Waits for a turn for `weight` requests; who is urgent goes first. Returns how long it would
   * take, in milliseconds, where that is longer than `patienceMs`.
   */
  take(provider: Paced, asked: Asked): Promise<Turn | number>
  /** Lets what was told arrive, and closes the store. */
  close(): Promise<void>
}

/** What needs no turns. */
const FREE: Turn = { comes: async () => 0, leaves() {}, limits() {}, ends() {} }

/** For providers that nothing paces. */
export const UNPACED: Paces = { take: async () => FREE, close: async () => {} }

/**
 * How long before its turn a request is asked for: as long as nearly all took of late to have it
 * and to be marked, within these; the most before the first is known. One that is late makes all
 * behind it late.
 */
const AHEAD = { least: 4, most: 40, share: 0.8 }
/** So many are remembered. */
const READY_KEPT = 12
/** A timer rings within a millisecond or two of its moment: the rest is waited for awake. */
const AWAKE_MS = 2
/** A turn that was missed is changed for one that is at most so far away. */
const RENEWED_MS = 5_000
/** Another worker changed what was read; more often than this something else is wrong. */
const SWAPS_MAX = 50
/**
 * Who lost a swap waits up to the first of these before the next, and so much more each time, up to
 * the second: many at once would else all lose to one of them, again and again.
 */
const LOST_MS = { step: 5, most: 50 }

export function openPaces(store: PaceStore, logger: Logger): Paces {
  const lanes = new Map<string, ReturnType<typeof openLane>>()
  return {
    async take(provider, asked) {
      if (provider.requestsPerSecond === null) return FREE
      const lane = lanes.get(provider.name) ?? openLane(store, provider.name, provider.requestsPerSecond, logger)
      lanes.set(provider.name, lane)
      return lane.take(asked)
    },
    async close() {
      await Promise.all([...lanes.values()].map((lane) => lane.close()))
      store.close()
    },
  }
}

function openLane(store: PaceStore, name: string, perSecond: number, logger: Logger) {
  const queue = openGate()
  const readying = openLast(READY_KEPT)
  let deciding: Promise<unknown> = Promise.resolve()
  let untold: ((window: Window, now: number) => Window)[] = []
  let telling: Promise<void> | undefined
  const memory = openMemory(isEven(perSecond))
  /** By this process's clock: what others are told may not have reached the store yet. */
  let pausedUntil = 0
  const aheadMs = () => Math.min(AHEAD.most, Math.max(AHEAD.least, (readying.share(AHEAD.share) ?? AHEAD.most) + 2))
  let surest: Clock | undefined

  async function look(): Promise<Seen> {
    const earliest = performance.now()
    const { text, now } = await store.read(name)
    const clock = { read: now, earliest, latest: performance.now() }
    if (surest === undefined || isOld(surest) || !fits(surest, clock) || spanOf(clock) <= spanOf(surest)) surest = clock
    return { text, window: readWindow(text), clock: surest }
  }

  /**
   * Decides by what all workers know, and keeps it; once more where another was faster. One after
   * the other: two of one process would only be in each other's way.
   */
  function decide<Decision extends { window?: Window }>(
    rule: (window: Window, now: number) => Decision,
  ): Promise<Decided<Decision>> {
    const decided = deciding.then(() => decideAlone(rule))
    deciding = decided.catch(() => {})
    return decided
  }

  async function decideAlone<Decision extends { window?: Window }>(
    rule: (window: Window, now: number) => Decision,
  ): Promise<Decided<Decision>> {
    for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
      const recalled = memory.recall()
      const { text, window: seen, clock } = recalled ?? (await look())
      const decided = rule(seen, nowOf(clock))
      const { window } = decided
      if (window === undefined) return { decided, seen, clock }
      const after = JSON.stringify(window)
      if (await store.swap(name, text, after)) {
        memory.keep({ text: after, window, clock })
        return { decided, seen, clock }
      }
      if (recalled) memory.giveUp()
      else await pause(Math.random() * Math.min(LOST_MS.most, (swaps + 1) * LOST_MS.step))
    }
    throw new Error(`the pace of ${name} could not be kept: other workers were always first`)
  }

  /** The others then allow for the most that it can be. */
  function noteUntold(error: unknown): void {
    logger.debug({ event: 'pace.untold', provider: name, reason: describeError(error) }, 'a turn was not told')
  }

  /** What is to be told while something is being told goes together. */
  function tell(rule: (window: Window, now: number) => Window): void {
    untold.push(rule)
    telling ??= tellAll()
  }

  async function tellAll(): Promise<void> {
    while (untold.length > 0) {
      const rules = untold
      untold = []
      await decide((seen, now) => ({
        window: rules.reduce((window, rule) => rule(window, now), seen),
      })).catch(noteUntold)
    }
    telling = undefined
  }

  async function take({ weight, isUrgent, patienceMs, prepare }: Asked): Promise<Turn | number> {
    const until = performance.now() + patienceMs
    const leave = await queue.enter(isUrgent, patienceMs)
    if (leave === undefined) return patienceMs
    try {
      await prepare?.()
      let askedAt = performance.now()
      for (;;) {
        const { decided, clock } = await decide((window, now) => {
          const paused = notePause(window, now + pausedUntil - performance.now())
          return askTurn(paused, { perSecond, weight, now, aheadMs: aheadMs() })
        })
        if ('at' in decided) return openTurn(decided, clock, weight, askedAt)
        if (performance.now() + decided.waitMs > until) return decided.waitMs
        askedAt = performance.now() + decided.waitMs
        await pause(decided.waitMs)
      }
    } finally {
      leave()
    }
  }

  /** `askedAt`: when it was to be asked for, by this process's clock. */
  function openTurn({ at, window }: Taken, clock: Clock, weight: number, askedAt: number): Turn {
    let turn = { at, clock }
    const takenAt = performance.now()
    const isKnown = window.requests.some(([known]) => known === at)
    let left: number | undefined
    let limits: Limits | null = null
    // Never earlier than the turn, whichever way the clock's word went.
    const comesAt = () => Math.max(latestOf(turn.at, turn.clock), pausedUntil)
    /** The store's moment of one of ours, at the latest. */
    const momentOf = (own: number) => turn.clock.read + (own - turn.clock.earliest)

    /** Changes a turn that was missed for a later one: the others reckon with the moment of it. */
    async function renew(): Promise<void> {
      const { decided, seen, clock } = await decide((window, now) =>
        askTurn(giveBack(window, turn.at), { perSecond, weight, now, aheadMs: RENEWED_MS }),
      )
      pausedUntil = Math.max(pausedUntil, latestOf(seen.pausedUntil, clock))
      if ('at' in decided) turn = { at: decided.at, clock }
    }

    return {
      async comes() {
        readying.add(performance.now() - askedAt)
        // It is marked already, so that it goes even where nobody can be asked.
        if (isKnown && performance.now() > comesAt() + LATE_MS) await renew().catch(noteUntold)
        for (;;) {
          const now = performance.now()
          // An answer to another request may bring it at any moment. What is about over is waited
          // for.
          if (pausedUntil - now > LATE_MS) return pausedUntil - now
          const waitMs = comesAt() - now
          if (waitMs <= 0) return 0
          await (waitMs > AWAKE_MS ? pause(Math.min(waitMs - AWAKE_MS, LATE_MS)) : setImmediate())
        }
      },
      leaves() {
        left = performance.now()
        const leftBy = momentOf(left)
        // Before anybody else goes by what was to be expected.
        if (isKnown && leftBy > turn.at + LATE_MS) tellReached({ turn: turn.at, leftBy, tookMs: null, limits: null })
      },
      limits(said) {
        limits = said
      },
      ends(pauseMs) {
        const ended = performance.now()
        if (pauseMs !== null) pausedUntil = Math.max(pausedUntil, ended + pauseMs)
        if (pauseMs === null && !isWorthTelling(perSecond, limits)) return
        const tookMs = left === undefined ? null : ended - left
        tellReached({ turn: turn.at, leftBy: momentOf(left ?? takenAt), tookMs, limits })
        if (pauseMs !== null) tell((seen) => notePause(seen, momentOf(ended) + pauseMs))
      },
    }
  }

  function tellReached(reached: Omit<Reached, 'now' | 'perSecond'>): void {
    tell((window, now) => noteReached(window, { ...reached, now, perSecond }))
  }

  return {
    take,
    async close() {
      await telling
    },
  }
}

/** A decision, what it went by, and the moment of that. */
interface Decided<Decision> {
  decided: Decision
  seen: Window
  clock: Clock
}

/** What the store held, and the moment of it. */
interface Seen {
  text: string | null
  window: Window
  clock: Clock
}

/**
 * What this process was the last to keep: as long as no other worker keeps anything, it need not be
 * read. Where one does, it is read for a while. Only for a fast pace: what a slow one waits for is
 * what others tell.
 */
function openMemory(isFast: boolean) {
  let kept: Seen | undefined
  let sharedUntil = 0
  return {
    /** Once: whoever decides meanwhile reads. */
    recall(): Seen | undefined {
      const seen = kept
      kept = undefined
      return seen && !isOld(seen.clock) ? seen : undefined
    },
    keep(seen: Seen): void {
      if (isFast && performance.now() > sharedUntil) kept = seen
    },
    giveUp(): void {
      sharedUntil = performance.now() + CLOCK_KNOWN_MS
    },
  }
}

/** The last numbers of many. */
function openLast(most: number) {
  const numbers: number[] = []
  return {
    add(number: number) {
      numbers.push(number)
      if (numbers.length > most) numbers.shift()
    },
    /** What so much of them, 0 to 1, is at most; undefined before the first. */
    share: (part: number) => [...numbers].sort((a, b) => a - b)[Math.ceil(numbers.length * part) - 1],
  }
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}
