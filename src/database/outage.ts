// What this process knows of PostgreSQL being away, by what its own connections say. After an
// outage every host first brings the wishes that it took meanwhile: until then nothing is marked.

/** So short a gap is a restart of the connection: nobody was answered by the journal in it. */
const OUTAGE_MIN_MS = 1_000
/** How long after an outage nothing is marked, so that the wishes of every host come first. */
export const SETTLING_MS = 10_000

export interface Outage {
  /** Notes that PostgreSQL did not answer. */
  lost(): void
  /** Notes that it did. */
  answered(): void
  /** How long it has not answered, as far as is known, in milliseconds; null while it does. */
  awayMs(): number | null
  /** Lets nothing be marked for so many milliseconds: an outage that this process has not seen. */
  settle(ms: number): void
  /** How long nothing may be marked yet, in milliseconds; 0 as a rule. */
  settlingMs(): number
}

/** `now` is in milliseconds and never goes back. */
export function openOutage(now: () => number = () => performance.now()): Outage {
  let lostAt: number | null = null
  let settledAt = Number.NEGATIVE_INFINITY
  const settle = (ms: number) => {
    settledAt = Math.max(settledAt, now() + ms)
  }
  return {
    lost() {
      lostAt ??= now()
    },
    answered() {
      if (lostAt === null) return
      if (now() - lostAt > OUTAGE_MIN_MS) settle(SETTLING_MS)
      lostAt = null
    },
    settle,
    awayMs: () => (lostAt === null ? null : now() - lostAt),
    settlingMs: () => Math.max(0, Math.ceil(settledAt - now())),
  }
}
