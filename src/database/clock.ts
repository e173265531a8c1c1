// The one clock for decisions: the database's. Machines may disagree about the time; rows must not.
// SQL asks it by round_now(), when the transaction began, or round_clock(), this moment.
import { type Kysely, type RawBuilder, sql } from 'kysely'

/** Returns the database's time. */
export async function getNow<T>(db: Kysely<T>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select round_clock() as now`.execute(db)
  return (rows[0] as { now: Date }).now
}

/** A moment so many milliseconds from now, by the database's clock. */
export function inMs(waitMs: number): RawBuilder<Date> {
  return sql<Date>`round_clock() + make_interval(secs => ${waitMs / 1000})`
}

/** The database's clock while it cannot be asked. */
export interface FollowedClock {
  now(): Date
  close(): void
}

/** Machines' clocks are steady for longer, but may be put right at any moment, by days. */
const FOLLOW_EVERY_MS = 10_000
/** An answer that took longer says too little of when it was given. */
const ANSWER_MS = 1_000

/**
 * Follows the database's clock, to within the time that asking it takes. Where this machine's two
 * clocks disagree, by a step or a sleep, it says the later time.
 */
export async function followClock<T>(db: Kysely<T>): Promise<FollowedClock> {
  let steady = 0
  let wall = 0
  const look = async (withinMs: number) => {
    const asked = performance.now()
    const now = (await getNow(db)).getTime()
    const answered = performance.now()
    if (answered - asked > withinMs) return
    steady = now - (asked + answered) / 2
    wall = now - Date.now()
  }
  await look(Number.POSITIVE_INFINITY)
  // While the database is away, one look waits for it and no more.
  let isLooking = false
  const timer = setInterval(async () => {
    if (isLooking) return
    isLooking = true
    await look(ANSWER_MS).catch(() => {})
    isLooking = false
  }, FOLLOW_EVERY_MS)
  timer.unref()
  return {
    now: () => new Date(Math.max(performance.now() + steady, Date.now() + wall)),
    close: () => clearInterval(timer),
  }
}
