// What of an edition goes to a reader: pure, the same for everyone with the same choices and the
// same history.
import * as z from 'zod'
import type { Section } from '../../database/states.ts'
import { readStored } from '../../database/stored.ts'
import { isOfferedLate, type Place } from '../../edition/place.ts'
import { isOverBar, RISING_DEPTH } from '../../edition/ranking.ts'
import type { EditionDate } from '../../source/paper.ts'
import { type Choices, PAPERS_MAX } from '../../subscriber/preferences.ts'
import { fitRemark } from '../piece/remark.ts'
import type { PlaceIndex } from './place-index.ts'
import { isFiltering, judgePlace, openWishes, strengthAt, wishWords } from './wishes.ts'

/** What a reader knows of an edition's papers, and what kept them from others. */
export interface History {
  /** Positions whose papers they had: those never come again. */
  had: ReadonlySet<number>
  /** Dates whose editions never went to them: papers of those are new to them. */
  missed: ReadonlySet<EditionDate>
}

export const NO_HISTORY: History = { had: new Set(), missed: new Set() }

export interface Selection {
  /**
   * Positions in the edition, in the order of the mail: ranked papers and late risers by strength
   * and votes, then papers of editions that were missed.
   */
  papers: number[]
  /** One code a paper: why it is in. */
  reasons: number[]
  /**
   * What the reader's own choices add to a place's reason: one a paper, '' for nothing; none at all
   * where no paper has one.
   */
  remarks?: string[]
  /** What the mail says first. Null for selections from before openings: their pieces say it. */
  opening?: Opening | null
}

/** One line of the lead block. */
export interface LeadLine {
  label: string
  title: string
  /** '' for a paper that nothing is linked of. */
  url: string
  fact: string
  /** Names what the reader chose: no page that may be forwarded prints it. */
  personal: boolean
}

export interface Opening {
  subject: string
  preheader: string
  headline: string
  /** The day or week in one line. */
  day: string
  lead: LeadLine[]
  /** Positions of every paper that any of this names. */
  papers: number[]
}

const storedOpening = z.looseObject({
  subject: z.string().nullable().catch(null),
  preheader: z.string().catch(''),
  headline: z.string().nullable().catch(null),
  day: z.string().nullable().catch(null),
  lead: z
    .array(
      z
        .looseObject({
          label: z.string(),
          title: z.string(),
          url: z.string().catch(''),
          fact: z.string(),
          // What may name a choice is printed on no page that may be forwarded.
          personal: z.boolean().catch(true),
        })
        .nullable()
        .catch(null),
    )
    .transform((lines) => lines.filter((line) => line !== null))
    .catch([]),
  papers: z.array(z.int()).nullable().catch(null),
})

/**
 * Reads an opening as it was stored: see readStored. Null where its subject, one of its lines or
 * the papers that it names are missing: the edition's own plain one then says what the mail says
 * first.
 */
export function readOpening(stored: string | null): Opening | null {
  if (stored === null) return null
  const { subject, headline, day, papers, ...rest } = readStored(storedOpening, JSON.parse(stored))
  if (subject === null || headline === null || day === null || papers === null) return null
  return { ...rest, subject, headline, day, papers }
}

/**
 * The code of a paper that is in by its own place in the edition: the place's reason says it all.
 */
export const REASON_PLACE = 0
/**
 * By its place among those that the reader's choices leave: the others are not wanted, not even in
 * a line.
 */
export const REASON_CHOSEN = 1
/** By its place in an edition that the reader missed. */
const REASON_MISSED = 2
export const REASON_CODES: readonly number[] = [REASON_PLACE, REASON_CHOSEN, REASON_MISSED]
/** More late risers than this would make yesterday's news of a digest. */
export const LATE_RISERS_MAX = 3
/**
 * The most places of each section that a selection holds. Of those that are offered late some may
 * be its late risers: of an edition that its reader did not miss.
 */
export const SECTION_MAX: Record<Section, number> = {
  ranked: PAPERS_MAX,
  rising: LATE_RISERS_MAX,
  late: PAPERS_MAX + LATE_RISERS_MAX,
}

interface Candidate {
  at: number
  strength: number
}

/**
 * Selects from an edition for one set of choices and one history. What is included or followed
 * comes first. Late risers join a digest, the strongest three at most, and never make one: without
 * other papers the selection is empty.
 */
export function selectPapers(index: PlaceIndex, choices: Choices, { had, missed }: History): Selection {
  const { places } = index
  const wishes = openWishes(index, choices)
  const wanted: Record<Section, Candidate[]> = { ranked: [], rising: [], late: [] }
  for (const [at, place] of places.entries()) {
    const section = had.has(place.position) ? undefined : sectionFor(place, choices, missed)
    if (!section) continue
    const strength = strengthAt(wishes, at)
    if (strength >= 0) wanted[section].push({ at, strength })
  }
  const ranked = best(wanted.ranked, choices.papers)
  const late = best(wanted.late, choices.papers)
  if (ranked.length + late.length === 0) return { papers: [], reasons: [] }
  const fresh = withRisers(places, ranked, best(wanted.rising, LATE_RISERS_MAX))
  const chosen = [...fresh, ...late]
  const papers = chosen.map(({ at }) => places[at]?.position as number)
  const isFiltered = isFiltering(choices)
  const own = isFiltered ? REASON_CHOSEN : REASON_PLACE
  const reasons = papers.map((_, index) => (index < fresh.length ? own : REASON_MISSED))
  if (!isFiltered) return { papers, reasons }
  const remarks = chosen.map(({ at }) => fitRemark(wishWords(judgePlace(wishes, at), choices)))
  return {
    papers,
    reasons,
    ...(remarks.some((remark) => remark !== '') && { remarks }),
  }
}

/**
 * Returns where a place stands for a reader: a paper of an edition that they missed is one of that
 * edition, whatever its votes did since. Undefined where it is not offered to them.
 */
export function sectionFor(place: Place, choices: Choices, missed: History['missed']): Section | undefined {
  if (isOfferedLate(place) && missed.has(place.listedOn)) return 'late'
  if (place.section === 'late' || (place.section === 'rising' && !isRising(place, choices))) return undefined
  return place.section
}

/** Returns the positions that are in as papers of editions which the reader missed. */
export function missedIn({ papers, reasons }: Pick<Selection, 'papers' | 'reasons'>): ReadonlySet<number> {
  return new Set(papers.filter((_, index) => reasons[index] === REASON_MISSED))
}

/**
 * Tells whether a candidate is a late riser to a reader of these choices: it was outside their
 * number (at most 10), unlisted or under their bar when its own edition froze, and more votes or
 * its listing brought it inside.
 */
export function isRising(place: Place, choices: Choices): boolean {
  const { rank, rankBefore, upvotes, upvotesBefore } = place
  // A better place without a vote more comes of comments, or of what others lost.
  if (upvotesBefore !== undefined && upvotes <= upvotesBefore) return false
  const number = risingNumber(choices)
  // Unknown of rows from before it was kept: those count as they did then.
  if (rank <= number && (rankBefore === undefined || rankBefore > number)) return true
  return choices.minimumVotes > 0 && isOverBar(place, upvotesBefore, choices.minimumVotes)
}

/** Returns how many first places of a date are inside a reader's number. */
export function risingNumber({ papers }: Choices): number {
  return Math.min(papers, RISING_DEPTH)
}

/** Returns the remark of each position that has one. */
export function remarksOf({ papers, remarks = [] }: Selection): ReadonlyMap<number, string> {
  return new Map(papers.flatMap((position, index) => (remarks[index] ? [[position, remarks[index]] as const] : [])))
}

/**
 * Puts each late riser before the first of the day's own that has fewer votes, or is wanted less.
 * The day's own keep the order of their edition.
 */
function withRisers(places: readonly Place[], ranked: readonly Candidate[], risers: readonly Candidate[]): Candidate[] {
  const votes = ({ at }: Candidate) => places[at]?.upvotes ?? 0
  const ordered = [...ranked]
  for (const riser of risers) {
    const before = ordered.findIndex(
      (other) => other.strength < riser.strength || (other.strength === riser.strength && votes(other) < votes(riser)),
    )
    ordered.splice(before === -1 ? ordered.length : before, 0, riser)
  }
  return ordered
}

/** The strongest first; among equals the edition's own order stays. */
function best(candidates: readonly Candidate[], most: number): Candidate[] {
  return candidates.toSorted((a, b) => b.strength - a.strength).slice(0, most)
}
