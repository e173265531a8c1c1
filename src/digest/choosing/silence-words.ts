// Why an edition brought a reader nothing, in words: the same ones wherever it is told, of what was
// and of what would have been. Pure.
import type { EditionKind } from '../../database/states.ts'
import type { Choices } from '../../subscriber/preferences.ts'
import { counted } from '../text/words.ts'
import { nearMisses } from './explaining.ts'
import type { PlaceIndex } from './place-index.ts'

/** A short name for programs and a sentence for people. */
export interface SilenceWords {
  reason: string
  sentence: string
}

/** What a frozen edition met when a reader's choices left nothing of it. */
export interface Filtered {
  /** The edition's own papers, and those of them that the reader had already. */
  ranked: number
  had: number
  /** Those that fell short of the bar of votes, alone or not; of the papers not had. */
  belowBar: number
  bar: number
  nearMisses: number
}

/** Counts what an edition met. `had`: positions whose papers the reader had. */
export function countFiltered(index: PlaceIndex, choices: Choices, had: ReadonlySet<number>): Filtered {
  const ranked = index.places.filter(({ section }) => section === 'ranked')
  const fresh = ranked.filter(({ position }) => !had.has(position))
  return {
    ranked: ranked.length,
    had: ranked.length - fresh.length,
    belowBar: fresh.filter(({ upvotes }) => upvotes < choices.minimumVotes).length,
    bar: choices.minimumVotes,
    nearMisses: nearMisses(index, choices, had).length,
  }
}

/** Says why a reader's choices left nothing; null where nothing more is known. */
export function filteredWords(filtered: Filtered | null): SilenceWords {
  if (filtered === null) return { reason: 'filtered', sentence: 'No paper matched your settings.' }
  const { ranked, had, belowBar, bar } = filtered
  const misses = filtered.nearMisses === 1 ? '1 near miss' : `${filtered.nearMisses} near misses`
  const near = filtered.nearMisses === 0 ? '' : `; ${misses}`
  const papers = counted(ranked, 'paper')
  if (had === ranked) return { reason: 'nothing-new', sentence: `Nothing new: you had all of its ${papers} already.` }
  if (belowBar === ranked - had) {
    const sentence = `Nothing above your bar of ${counted(bar, 'vote')} among its ${papers}${near}.`
    return { reason: 'below-bar', sentence }
  }
  return { reason: 'filtered', sentence: `None of its ${papers} matched your settings${near}.` }
}

/** Says why an edition is empty, by the reason that stands on it. */
export function emptyWords(reason: string | null, kind: EditionKind): SilenceWords {
  if (kind === 'weekly') return { reason: 'source', sentence: 'None of the seven days had papers.' }
  if (reason === 'weekend') return { reason, sentence: 'No papers are listed on weekends.' }
  if (reason === 'source') return { reason, sentence: 'The source gave no papers, and the wait for it is over.' }
  return { reason: 'empty', sentence: `There was nothing to send: ${reason ?? 'no papers'}.` }
}

/** Says why an edition is not frozen in time; `name` is how it is called. */
export function heldSentence(name: string, reason: string | null): string {
  return `${name} is held back: ${reason ?? 'its list is not complete'}.`
}
