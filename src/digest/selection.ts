// What of an edition goes to a reader: pure, the same for everyone with the same choices and the same history.
import type { Section } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import { type Choices, PAPERS_MAX } from '../subscriber/preferences.ts'

export interface Selection {
  /** Positions in the edition, in the order of the mail: ranked papers, late risers, papers of editions that were missed. */
  papers: number[]
  /** One code a paper: why it is in. */
  reasons: number[]
}

/** The code of a paper that is in by its own place in the edition: the place's reason says it all. */
export const REASON_PLACE = 0
/** By its place among those that the reader's choices leave: the others are not wanted, not even in a line. */
const REASON_CHOSEN = 1
export const REASON_CODES: readonly number[] = [REASON_PLACE, REASON_CHOSEN]
/** More late risers than this would make yesterday's news of a digest. */
const LATE_RISERS_MAX = 3
/** The most places of each section that a selection holds. */
export const SECTION_MAX: Record<Section, number> = { ranked: PAPERS_MAX, rising: LATE_RISERS_MAX, late: PAPERS_MAX }

/**
 * Selects from an edition for one set of choices. `had` are the positions whose papers the reader already had: they never
 * come again. Late risers join a digest, never make one: without other papers the selection is empty.
 */
export function selectPapers(places: readonly Place[], choices: Choices, had: ReadonlySet<number>): Selection {
  const wanted = places.filter((place) => !had.has(place.position) && isWanted(place, choices))
  const ranked = wanted.filter((place) => place.section === 'ranked').slice(0, choices.papers)
  // Offered only to readers who missed an edition: for everybody else they count as had.
  const late = wanted.filter((place) => place.section === 'late').slice(0, choices.papers)
  if (ranked.length + late.length === 0) return { papers: [], reasons: [] }
  // A riser counts when its place would have been within this reader's number of papers.
  const risers = wanted
    .filter((place) => place.section === 'rising' && place.rank <= choices.papers)
    .slice(0, LATE_RISERS_MAX)
  const papers = [...ranked, ...risers, ...late].map((place) => place.position)
  const reason = choices.minimumVotes > 0 || choices.onlyWithCode ? REASON_CHOSEN : REASON_PLACE
  return { papers, reasons: papers.map(() => reason) }
}

function isWanted(place: Place, choices: Choices): boolean {
  if (place.paper.withdrawnAt !== null) return false
  return place.upvotes >= choices.minimumVotes && (!choices.onlyWithCode || place.paper.codeUrl !== null)
}
