// The store's moments by this process's clock: it was read at one, between two of ours.

/** A moment of the store, and between which two of this process it was read. */
export type Clock = { read: number; earliest: number; latest: number }

/** The store's moment now, at least. */
export function nowOf({ read, latest }: Clock): number {
  return read + (performance.now() - latest)
}

/** A moment of the store by this process's clock, at the latest. */
export function latestOf(moment: number, { read, latest }: Clock): number {
  return latest + (moment - read)
}

/** How far the store's moment may be from what is taken for it, in milliseconds. */
export function spanOf({ earliest, latest }: Clock): number {
  return latest - earliest
}

/** Whether two readings are of one clock: it has not been set meanwhile. */
export function fits(one: Clock, other: Clock): boolean {
  const passed = other.read - one.read
  return passed >= other.earliest - one.latest && passed <= other.latest - one.earliest
}

/** So long the store's moment is known by this process's clock, in milliseconds. */
export const CLOCK_KNOWN_MS = 10_000

export function isOld({ latest }: Clock): boolean {
  return performance.now() - latest >= CLOCK_KNOWN_MS
}
