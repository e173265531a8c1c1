// How far votes lifted a paper after the edition of its own date froze, in words. Pure.
import type { Place } from '../edition/place.ts'
import type { EditionDate } from '../source/paper.ts'
import { counted, grouped, sinceDay } from './text/words.ts'

export interface Rise {
  from: number
  to: number
}

/**
 * Returns the votes at the freeze of a paper's own date and now; undefined where there are no more,
 * or where it was not in that edition.
 */
export function riseOf({ upvotesBefore, upvotes }: Place): Rise | undefined {
  return upvotesBefore !== undefined && upvotes > upvotesBefore ? { from: upvotesBefore, to: upvotes } : undefined
}

/** Returns `24 → 240`. */
export function riseNumbers({ from, to }: Rise): string {
  return `${grouped(from)} → ${grouped(to)}`
}

/**
 * Says of a late riser what happened, to readers of an edition: `24 → 240 votes since Thursday`,
 * `31 votes, listed late on Thursday`.
 */
export function riseWords(place: Place, date: EditionDate): string {
  const rise = riseOf(place)
  const day = sinceDay(place.listedOn, date)
  if (rise) return `${riseNumbers(rise)} votes since ${day}`
  return `${counted(place.upvotes, 'vote')}, ${place.upvotesBefore === undefined ? 'listed late on' : 'from'} ${day}`
}
