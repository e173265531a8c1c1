// The port to a witness: a place outside the database that remembers how far its marks went, so
// that a copy restored from a backup is found to be older than what was sent. It only ever rises.

/** A mark as the database numbered it. */
export interface Mark {
  databaseId: string
  /** Raised whenever a restored copy goes on. */
  branch: number
  /** How many marks there were, this one included. */
  number: number
}

/** How far marks went. */
export type Height = Pick<Mark, 'branch' | 'number'>

export interface Witness {
  /** As `status` names it: `Redis`, `STATE_DIR`. */
  name: string
  /** Returns how far the marks of a database went, undefined where nothing is known of it. */
  read(databaseId: string): Promise<Height | undefined>
  /** Keeps a mark unless a higher one is kept. Rejects when that is not certain. */
  raise(mark: Mark): Promise<void>
  /** Tries to write beside what it keeps, which stays as it is. Rejects when that fails. */
  check(): Promise<void>
  close?(): Promise<void>
}

/** Tells whether `a` is above `b`: the branch first, then the number. */
export function isAbove(a: Height, b: Height): boolean {
  return a.branch === b.branch ? a.number > b.number : a.branch > b.branch
}

/** Tells a mark from the words for why there is none. */
export function isMark(marked: unknown): marked is Mark {
  return typeof marked === 'object' && marked !== null && 'databaseId' in marked
}
