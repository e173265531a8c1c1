// One place of an edition: a paper with its rank, its votes at the freeze and the reason for
// standing there.
import type { Section } from '../database/states.ts'
import type { EditionDate, Paper } from '../source/paper.ts'

/**
 * So many papers of an edition, its first, a reader who missed it still gets: what a default digest
 * would have held.
 */
export const LATE_PAPERS = 10

export interface Place {
  /** From 1, unique within the edition over all sections. */
  position: number
  section: Section
  /** The date under which the source lists the paper: the edition's own for ranked papers. */
  listedOn: EditionDate
  /** The place on its own date, from 1. */
  rank: number
  upvotes: number
  comments: number
  reason: string
  /**
   * Votes when the edition of its own date froze; only of papers of earlier dates, and not of one
   * that was not in it.
   */
  upvotesBefore?: number
  /** Its place there at that time; only of late risers, and unknown for those of older rows. */
  rankBefore?: number
  paper: Paper
}

/**
 * Tells whether a place of an earlier date is offered to whoever missed the edition of that date:
 * also where it stands as a late riser, as an edition holds a paper once.
 */
export function isOfferedLate({ section, rankBefore }: Pick<Place, 'section' | 'rankBefore'>): boolean {
  return section === 'late' || (section === 'rising' && rankBefore !== undefined && rankBefore <= LATE_PAPERS)
}

/** Tells whether anybody voted for any of these: where the source has no votes, none are told. */
export function isVoted(places: readonly Pick<Place, 'upvotes'>[]): boolean {
  return places.some(({ upvotes }) => upvotes > 0)
}
