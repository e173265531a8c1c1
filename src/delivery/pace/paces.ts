// The turns of one process at the providers. A turn is asked for once a request is built and
// shortly before it is marked, so that the mark is not long before the request; the first byte then
// waits for the very moment. What became of the request tells everybody when the next one may go.
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { PaceStore } from './pace-store.ts'
import {
  askTurn,
  isEven,
  isWorthTelling,
  LATE_MS,
  type Limits,
  notePause,
  noteReached,
  type Reached,
  readWindow,
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
  /** Waits until the first byte may leave. */
  comes(): Promise<void>
  /** The first byte leaves now. */
  leaves(): void
  /** What the provider says of its limits. */
  limits(said: Limits): void
  /** The answer is there; with `pauseMs`, and the provider wants nothing for so long. */
  ends(pauseMs: number | null): void
}

export interface Paces {
  /**
   * Waits for a turn for `weight` requests; who is urgent goes first. Returns how long it would
   * take, in milliseconds, where that is longer than `patienceMs`.
   */
  take(provider: Paced, asked: { weight: number; isUrgent: boolean; patienceMs: number }): Promise<Turn | number>
  /** Lets what was told arrive, and closes the store. */
  close(): Promise<void>
}

/** What needs no turns. */
const FREE: Turn = { comes: async () => {}, leaves() {}, limits() {}, ends() {} }

/** For providers that nothing paces. */
export const UNPACED: Paces = { take: async () => FREE, close: async () => {} }

/** How long before its turn a request is marked: as long as marks took of late, within these. */
const AHEAD = { least: 4, most: 25 }
/** So many marks are remembered. */
const MARKS_KEPT = 9
/** Another worker changed what was read; more often than this something else is wrong. */
const SWAPS_MAX = 50

/** A moment of the store, and between which two of this process it was read. */
type Clock = { read: number; earliest: number; latest: number }

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
  const marks = openLast(MARKS_KEPT)
  const telling = new Set<Promise<void>>()
  const memory = openMemory(isEven(perSecond))
  /** By this process's clock: what others are told may not have reached them yet. */
  let pausedUntil = 0
  const aheadMs = () => Math.min(AHEAD.most, Math.max(AHEAD.least, marks.median() + 2))

  async function look(): Promise<Seen> {
    const earliest = performance.now()
    const { text, now } = await store.read(name)
    const latest = performance.now()
    return { text, window: readWindow(text), clock: { read: now, earliest, latest } }
  }

  /** Decides by what all workers know, and keeps it; once more where one was faster. */
  async function decide<Decision extends { window?: Window }>(
    rule: (window: Window, now: number) => Decision,
  ): Promise<{ decided: Decision; clock: Clock }> {
    for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
      const recalled = memory.recall()
      const { text, window: seen, clock } = recalled ?? (await look())
      const decided = rule(seen, nowOf(clock))
      const { window } = decided
      if (window === undefined) return { decided, clock }
      const after = JSON.stringify(window)
      if (await store.swap(name, text, after)) {
        memory.keep({ text: after, window, clock })
        return { decided, clock }
      }
      if (recalled) memory.giveUp()
    }
    throw new Error(`the pace of ${name} could not be kept: other workers were always first`)
  }

  function tell(rule: (window: Window, now: number) => Window): void {
    const told: Promise<void> = decide((window, now) => ({ window: rule(window, now) }))
      .then(() => undefined)
      .catch((error: unknown) => {
        // The others then allow for the most that it can be.
        logger.debug({ event: 'pace.untold', provider: name, reason: describeError(error) }, 'a turn was not told')
      })
      .finally(() => telling.delete(told))
    telling.add(told)
  }

  async function take({ weight, isUrgent, patienceMs }: Parameters<Paces['take']>[1]): Promise<Turn | number> {
    const until = performance.now() + patienceMs
    const leave = await queue.enter(isUrgent, patienceMs)
    if (leave === undefined) return patienceMs
    try {
      for (;;) {
        const { decided, clock } = await decide((window, now) =>
          askTurn(window, { perSecond, weight, now, aheadMs: aheadMs() }),
        )
        if ('at' in decided) return openTurn(decided.at, clock)
        if (performance.now() + decided.waitMs > until) return decided.waitMs
        await pause(decided.waitMs)
      }
    } finally {
      leave()
    }
  }

  function openTurn(at: number, { read, earliest, latest }: Clock): Turn {
    const takenAt = performance.now()
    // Never earlier than the turn, whichever way the clock's word went.
    const comesAt = latest + (at - read)
    let left: number | undefined
    let limits: Limits | null = null
    /** The store's moment of one of ours, at the latest. */
    const momentOf = (own: number) => read + (own - earliest)
    return {
      async comes() {
        marks.add(performance.now() - takenAt)
        await pause(Math.max(comesAt, pausedUntil) - performance.now())
      },
      leaves() {
        left = performance.now()
        const leftBy = momentOf(left)
        // Before anybody else goes by what was to be expected.
        if (leftBy > at + LATE_MS) tellReached({ turn: at, leftBy, tookMs: null, limits: null })
      },
      limits(said) {
        limits = said
      },
      ends(pauseMs) {
        const ended = performance.now()
        if (pauseMs !== null) pausedUntil = Math.max(pausedUntil, ended + pauseMs)
        if (pauseMs === null && !isWorthTelling(perSecond, limits)) return
        const tookMs = left === undefined ? null : ended - left
        tellReached({ turn: at, leftBy: momentOf(left ?? takenAt), tookMs, limits })
        if (pauseMs !== null) tell((window) => notePause(window, momentOf(ended) + pauseMs))
      },
    }
  }

  function tellReached(reached: Omit<Reached, 'now' | 'perSecond'>): void {
    tell((window, now) => noteReached(window, { ...reached, now, perSecond }))
  }

  return {
    take,
    async close() {
      await Promise.all(telling)
    },
  }
}

/** What the store held, and the moment of it. */
interface Seen {
  text: string | null
  window: Window
  clock: Clock
}

/** The store's moment now, at least. */
function nowOf({ read, latest }: Clock): number {
  return read + (performance.now() - latest)
}

/** So long the store's moment is known by this process's clock, in milliseconds. */
const CLOCK_KNOWN_MS = 10_000

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
      return seen && performance.now() - seen.clock.latest < CLOCK_KNOWN_MS ? seen : undefined
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
    median: () => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0,
  }
}

/** One at a time, in their order, the urgent first. */
function openGate() {
  let isTaken = false
  const waiting: { isUrgent: boolean; enter(): void }[] = []
  function leave(): void {
    const next = waiting.findIndex(({ isUrgent }) => isUrgent)
    const [first] = waiting.splice(Math.max(0, next), 1)
    if (first) first.enter()
    else isTaken = false
  }
  return {
    /** Returns how to leave; undefined where it took longer than `patienceMs`. */
    enter(isUrgent: boolean, patienceMs: number): Promise<(() => void) | undefined> {
      if (!isTaken) {
        isTaken = true
        return Promise.resolve(leave)
      }
      return new Promise((resolve) => {
        const one = {
          isUrgent,
          enter() {
            clearTimeout(timer)
            resolve(leave)
          },
        }
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(one), 1)
          resolve(undefined)
        }, patienceMs)
        waiting.push(one)
      })
    },
  }
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}
