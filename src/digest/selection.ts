// What of an edition goes to a reader: pure, the same for everyone with the same choices and the same history.
import type { Place } from '../edition/place.ts'
import type { Choices } from '../subscriber/preferences.ts'

export interface Selection {
  /** Positions in the edition, in the order of the mail: ranked papers, late risers, papers of editions that were missed. */
  papers: number[]
  /** One code a paper: why it is in. */
  reasons: number[]
}

/** The code of a paper that is in by its own place in the edition: the place's reason says it all. */
const REASON_PLACE = 0
/** More late risers than this would make yesterday's news of a digest. */
const LATE_RISERS_MAX = 3

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
  return { papers, reasons: papers.map(() => REASON_PLACE) }
}

function isWanted(place: Place, choices: Choices): boolean {
  if (place.paper.withdrawnAt !== null) return false
  return place.upvotes >= choices.minimumVotes && (!choices.onlyWithCode || place.paper.codeUrl !== null)
}
