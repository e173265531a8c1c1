// How much room each paper gets, by the kind of an edition and the length that a reader chose. Kept
// with the pieces: another layout changes no edition that was frozen before.
import type { EditionKind, Length } from '../../database/states.ts'
import { PAPERS_MAX } from '../../subscriber/preferences.ts'
import type { Layout } from './order.ts'

/** The first three stand out, as on a front page. */
const LARGE = 3
/** Then as many with their sentence, so that ten papers are three screens of a phone. */
const COMPACT = 3
/** A week has five highlights. */
const WEEK_COMPACT = 2
/** More than a default digest with all of its late risers. */
const CONTENTS_FROM = 16

/** Returns the layout of the mails of an edition at one length. */
export function layoutOf(kind: EditionKind, length: Length): Layout {
  if (length === 'titles') return { large: 0, compact: 0, contentsFrom: null }
  // A week is a list by itself.
  if (kind === 'weekly') return { large: LARGE, compact: WEEK_COMPACT, contentsFrom: null }
  // Who wants abstracts wants all of them; the byte budget makes lines of the last.
  const compact = length === 'full' ? SELECTED_MAX - LARGE : COMPACT
  return { large: LARGE, compact, contentsFrom: CONTENTS_FROM }
}

/** Ranked papers, late risers and those of missed editions. */
const SELECTED_MAX = 2 * PAPERS_MAX + LARGE
