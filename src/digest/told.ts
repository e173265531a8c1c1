// A place as openings tell of it: its names and what is said beside them. Pure.
import type { Place } from '../edition/place.ts'
import { lazily, type PlaceIndex } from './choosing/place-index.ts'
import type { LeadLine } from './choosing/selection.ts'
import { paperLinks } from './piece/links.ts'
import { riseNumbers, riseOf } from './rise.ts'
import { isolated } from './text/direction.ts'
import { cleanText, nameOf } from './text/text.ts'
import { counted, together } from './text/words.ts'

/** In UTF-16 code units. */
const PREHEADER_TITLE_MAX = 44
const LEAD_TITLE_MAX = 44

/** A place with what is said of it more than once: read out once, however many readers it has. */
export interface Told {
  /** Where it is in the index. */
  at: number
  place: Place
  title: string
  /** Its name and votes, as a preheader has them. */
  inPreheader: () => string
  inLead: () => Pick<LeadLine, 'title' | 'url'>
}

/** By position, of each index. */
const tolds = new WeakMap<PlaceIndex, Map<number, Told>>()

/** A line of the lead block, and the place that it names. */
export interface Led {
  told: Told
  line: LeadLine
}

/** Returns those of an index that stand at these positions, in their order. */
export function toldIn(index: PlaceIndex, papers: readonly number[]): Told[] {
  const known = tolds.get(index) ?? new Map(index.places.map((place, at) => [place.position, readOut(place, at)]))
  tolds.set(index, known)
  return papers.flatMap((position) => known.get(position) ?? [])
}

function readOut(place: Place, at: number): Told {
  const title = lazily(() => cleanText(place.paper.title))
  return {
    at,
    place,
    get title() {
      return title()
    },
    inPreheader: lazily(() => {
      const rise = place.section === 'rising' ? riseOf(place) : undefined
      const votes = rise ? riseNumbers(rise) : place.upvotes > 0 ? counted(place.upvotes, 'vote') : ''
      return [isolated(nameOf(title(), PREHEADER_TITLE_MAX)), votes].filter((part) => part !== '').join(', ')
    }),
    inLead: lazily(() => ({
      title: isolated(nameOf(title(), LEAD_TITLE_MAX)),
      url: paperLinks(place.paper)?.paper ?? '',
    })),
  }
}

/** Returns a line of the lead block, its fact kept together. */
export function lineOf(told: Told, label: string, fact: string, personal: boolean): LeadLine {
  const { title, url } = told.inLead()
  return { label, title, url, fact: together(fact), personal }
}

export function votesOf({ place }: { place: Place }): number {
  return place.upvotes
}

/** Returns the first of those with the most of something; undefined where none has any. */
export function mostOf<T>(tolds: readonly T[], of: (told: T) => number): T | undefined {
  let best: T | undefined
  for (const told of tolds) if (of(told) > (best ? of(best) : 0)) best = told
  return best
}
