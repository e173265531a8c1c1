// The order of an edition: by votes, total and explained. Pure: the same papers give the same
// order, whatever order they came in.
import type { EditionDate } from '../source/paper.ts'

/** What ranking looks at; nothing else about a paper counts. */
export interface Contender {
  paper: { id: string }
  upvotes: number
  comments: number
  /** When it was first seen put on the source, ISO 8601 in UTC. */
  submittedAt: string | null
}

export type Ranked<T extends Contender> = T & { rank: number; reason: string }

/**
 * A late riser stands at most this deep on its own date, whatever number of papers its reader
 * chose, unless votes lifted it over their bar.
 */
export const RISING_DEPTH = 10

/**
 * Ranks by votes; ties by comments, then by the later listing (the same votes in less time; unknown
 * last), then by id as text. Each place says in words why it is there. Ids must be distinct.
 */
export function rankPapers<T extends Contender>(contenders: readonly T[]): Ranked<T>[] {
  const ordered = contenders.toSorted(compareContenders)
  return ordered.map((contender, index) => ({
    ...contender,
    rank: index + 1,
    reason: reasonFor(ordered, index),
  }))
}

/** Where a paper stood when the edition of its date froze. */
interface Frozen {
  rank: number
  upvotes: number
}

export type Riser<T extends Contender> = Ranked<T> & {
  listedOn: EditionDate
  /** What it had when its date's edition froze; missing where it was not in that edition. */
  rankBefore?: number
  upvotesBefore?: number
}

/**
 * Picks the candidates for late risers from earlier dates: papers that were not in their date's
 * frozen edition, or have a better place or more votes since, and now stand within its first ten or
 * have come over one of the `bars` (votes that some reader asks for, above 0). Most votes first,
 * then the better place, the newer date, id.
 */
export function findRisers<T extends Contender>(
  earlier: readonly { date: EditionDate; ranked: readonly Ranked<T>[]; frozen: ReadonlyMap<string, Frozen> }[],
  bars: readonly number[] = [],
): Riser<T>[] {
  const risers = new Map<string, Riser<T>>()
  const candidates = earlier.flatMap(({ date, ranked, frozen }) =>
    ranked.flatMap((entry): Riser<T>[] => {
      const before = frozen.get(entry.paper.id)
      if (!hasRisen(entry, before)) return []
      if (entry.rank > RISING_DEPTH && !bars.some((bar) => isOverBar(entry, before?.upvotes, bar))) return []
      const reason = risenWords(entry, ranked.length, date, before)
      const had = before && { rankBefore: before.rank, upvotesBefore: before.upvotes }
      return [{ ...entry, listedOn: date, reason, ...had }]
    }),
  )
  candidates.sort(
    (a, b) =>
      b.upvotes - a.upvotes ||
      a.rank - b.rank ||
      compareText(b.listedOn, a.listedOn) ||
      compareText(a.paper.id, b.paper.id),
  )
  // A paper listed under two dates comes once, with its most votes.
  for (const candidate of candidates) if (!risers.has(candidate.paper.id)) risers.set(candidate.paper.id, candidate)
  return [...risers.values()]
}

/** Tells whether votes came over a bar since; what was not listed (undefined) was under each. */
export function isOverBar({ upvotes }: { upvotes: number }, before: number | undefined, bar: number): boolean {
  return upvotes >= bar && (before === undefined || before < bar)
}

/** More votes at the same place count too: they may be what a reader's bar was waiting for. */
function hasRisen(now: { rank: number; upvotes: number }, frozen: Frozen | undefined): boolean {
  return !frozen || now.rank < frozen.rank || now.upvotes > frozen.upvotes
}

function risenWords(
  now: { rank: number; upvotes: number },
  count: number,
  date: EditionDate,
  frozen: Frozen | undefined,
): string {
  const place = `${ordinal(now.rank)} of ${count}`
  if (!frozen) return `listed late on ${date}, now ${place}`
  if (now.rank < frozen.rank) return `up from ${ordinal(frozen.rank)} to ${place} since ${date}`
  return `up from ${frozen.upvotes} to ${now.upvotes} votes since ${date}, now ${place}`
}

/** Returns `1st`, `2nd`, `3rd`, `4th` … for a whole number above 0. */
export function ordinal(n: number): string {
  const isTeen = n % 100 >= 11 && n % 100 <= 13
  return `${n}${(isTeen ? undefined : SUFFIXES[n % 10]) ?? 'th'}`
}

const SUFFIXES = ['th', 'st', 'nd', 'rd']

/** The tie-breaks in order; each gives the words for a place that it decided. */
const criteria: { words: string; compare: (a: Contender, b: Contender) => number }[] = [
  { words: 'by votes', compare: (a, b) => b.upvotes - a.upvotes },
  { words: 'by comments', compare: (a, b) => b.comments - a.comments },
  { words: 'by later listing', compare: (a, b) => listedAt(b) - listedAt(a) },
  { words: 'by id', compare: (a, b) => compareText(a.paper.id, b.paper.id) },
]

function compareContenders(a: Contender, b: Contender): number {
  for (const { compare } of criteria) {
    const order = compare(a, b)
    if (order !== 0) return order
  }
  return 0
}

function reasonFor(ordered: readonly Contender[], index: number): string {
  const place = `${ordinal(index + 1)} of ${ordered.length} by votes`
  const self = ordered[index] as Contender
  const tied = ordered.filter((other) => other.upvotes === self.upvotes).length
  if (tied === 1) return place
  // What set it apart from its neighbour within the tie: the one above, or for the first of the tie
  // the one below.
  const above = ordered[index - 1]
  const neighbour = above?.upvotes === self.upvotes ? above : (ordered[index + 1] as Contender)
  const decisive = criteria.find(({ compare }) => compare(self, neighbour) !== 0)
  return `${place}, ${tied} tied at ${self.upvotes}: ${decisive?.words ?? 'by id'}`
}

/** Unknown sorts last; equal unknowns compare as equal, not as NaN. */
function listedAt(contender: Contender): number {
  return contender.submittedAt === null ? Number.MIN_SAFE_INTEGER : Date.parse(contender.submittedAt)
}

/** Compares code units, as "id as text" means the same on every machine and locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
