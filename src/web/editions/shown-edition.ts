// An edition as pages show it: frozen in the order that is kept, with what was listed under its
// date since, otherwise ranked by current votes. What stands in for a missing order is said in
// words. Late risers never show: they depend on what a reader already had.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { counted, longDate, shortDate } from '../../digest/text/words.ts'
import { dateOf, type Edition } from '../../edition/edition.ts'
import { isVoted, type Place } from '../../edition/place.ts'
import { daysOfWeek, placesOf } from '../../edition/places.ts'
import { findEdition, findNewestEdition, getEdition, listPlaces, listUnfrozenEditions } from '../../edition/store.ts'
import type { EditionDate } from '../../source/paper.ts'
import { type ListedPaper, listPapers } from '../../source/store.ts'
import { type PaperValues, paperValues, type Standing, voteValues } from './paper-values.ts'

export interface ShownEdition {
  date: EditionDate
  kind: EditionKind
  /** Undefined for a week that was made for this page only. */
  edition: Edition | undefined
  /** By rank. */
  places: Place[]
  /** What was listed under a date after its order was fixed, by current votes. */
  late: Place[]
  /** By paper, as the newest look found them. */
  now: ReadonlyMap<string, Standing>
}

/** What the pages print of an edition. */
export interface EditionValues {
  /** Its date or week in words. */
  heading: string
  /** One line on how many papers and votes there are; ''. */
  summary: string
  /** In a chip: how final the order is; '' when it is. */
  standing: string
  /** The sentence behind the chip, or behind an edition that may lack papers; ''. */
  note: string
  papers: PaperValues[]
  /** What was listed after the order was fixed. */
  late: PaperValues[]
}

/** A week holds a few hundred papers, of which nobody reads the last. A day's are all shown. */
const WEEK_PAPERS_MAX = 100
/** Stands where a place would: these were listed too late for one. */
const LATE_SIGN = '+'

/** Returns the newest date that holds papers, undefined before there is one. */
export async function findNewestShown(db: Kysely<Database>): Promise<ShownEdition | undefined> {
  const [frozen, unfrozen] = await Promise.all([findNewestEdition(db, 'daily'), listUnfrozenEditions(db)])
  for (const edition of unfrozen.filter(({ date }) => !frozen || date > frozen.date).reverse()) {
    const shown = await showUnfrozen(db, edition)
    if (shown.places.length > 0) return shown
  }
  return frozen && showFrozen(db, frozen)
}

/**
 * Returns the edition of a date and kind, undefined for a date that nothing is known of. A week is
 * made of any known date.
 */
export async function findShown(
  db: Kysely<Database>,
  date: EditionDate,
  kind: EditionKind,
): Promise<ShownEdition | undefined> {
  const edition = await findEdition(db, date, kind)
  if (edition?.state === 'frozen') return showFrozen(db, edition)
  if (kind === 'daily') return edition && showUnfrozen(db, edition)
  if (!edition && !(await findEdition(db, date, 'daily'))) return undefined
  return showRanked({ date, kind, edition }, await listPapers(db, daysOfWeek(date)))
}

/**
 * Returns a frozen edition as it froze, with nothing that is known since: the same for ever. Throws
 * when there is none.
 */
export async function getFrozen(db: Kysely<Database>, id: number): Promise<ShownEdition> {
  const [edition, kept] = await Promise.all([getEdition(db, id), listPlaces(db, id)])
  const places = kept.filter(({ section }) => section === 'ranked')
  return { date: edition.date, kind: edition.kind, edition, places, late: [], now: new Map() }
}

/** Returns what a page prints of an edition. */
export function editionValues({ date, kind, edition, places, late, now }: ShownEdition): EditionValues {
  const votes = places.reduce((sum, place) => sum + place.upvotes, 0)
  const shown = kind === 'weekly' ? places.slice(0, WEEK_PAPERS_MAX) : places
  const first = shown.length < places.length ? `the first ${shown.length} of ` : ''
  const counts = `${first}${counted(places.length, 'paper')}${votes === 0 ? '' : `, ${counted(votes, 'vote')}`}`
  const isOpen = edition?.state !== 'frozen'
  const hasVotes = isVoted([...places, ...late])
  const valuesOf = (place: Place, frozen: number | null) => {
    const values = voteValues(frozen, now.get(place.paper.id) ?? place, isOpen)
    return paperValues(place, kind, hasVotes ? values : { ...values, votes: '', votesWhen: '', votesNow: '' })
  }
  return {
    heading: headingOf(date, kind),
    summary: places.length === 0 ? '' : counts.charAt(0).toUpperCase() + counts.slice(1),
    ...(edition ? standingOf(edition, kind) : MADE_NOW),
    papers: shown.map((place) => valuesOf(place, isOpen ? null : place.upvotes)),
    late: late.map((place) => ({ ...valuesOf(place, null), numeral: LATE_SIGN })),
  }
}

/** Returns the date in words, or the week that ends with it. */
export function headingOf(date: EditionDate, kind: EditionKind): string {
  return kind === 'weekly' ? `Week to ${longDate(date)}` : longDate(date)
}

/** Returns why a date has no papers, in a sentence. */
function emptyNote(reason: string | null): string {
  if (reason === 'weekend') return 'On Saturdays and Sundays nothing new is listed.'
  return 'The source listed no papers for this date.'
}

const MADE_NOW = {
  standing: 'By current votes',
  note: 'The order of this week is not fixed: it changes with the votes.',
}

async function showFrozen(db: Kysely<Database>, edition: Edition): Promise<ShownEdition> {
  const { date, kind } = edition
  const [kept, listed] = await Promise.all([
    listPlaces(db, edition.id),
    listPapers(db, kind === 'weekly' ? daysOfWeek(date) : [date]),
  ])
  const newest = placesOf(listed)
  const now = new Map(newest.map((place) => [place.paper.id, place]))
  // The order stays as it was; what is said of a paper may have been mended since.
  const places = kept
    .filter(({ section }) => section === 'ranked')
    .map((place) => ({ ...place, paper: now.get(place.paper.id)?.paper ?? place.paper }))
  const ranked = new Set(places.map(({ paper }) => paper.id))
  const late = kind === 'weekly' ? [] : newest.filter(({ paper }) => !ranked.has(paper.id))
  return { date, kind, edition, places, late, now }
}

async function showUnfrozen(db: Kysely<Database>, edition: Edition): Promise<ShownEdition> {
  return showRanked({ date: edition.date, kind: 'daily', edition }, await listPapers(db, [edition.date]))
}

function showRanked(
  shown: Pick<ShownEdition, 'date' | 'kind' | 'edition'>,
  listed: readonly ListedPaper[],
): ShownEdition {
  const places = placesOf(listed)
  return { ...shown, places, late: [], now: new Map(places.map((place) => [place.paper.id, place])) }
}

function standingOf(edition: Edition, kind: EditionKind): { standing: string; note: string } {
  if (edition.state === 'frozen') {
    const note = 'The source had not listed everything when this order was fixed: it may lack papers.'
    return { standing: '', note: edition.incomplete ? note : '' }
  }
  if (edition.state === 'held') {
    const note = `The order is not fixed yet. ${edition.reason ?? 'Papers may be missing'}.`
    return { standing: 'Still voting', note }
  }
  if (edition.state === 'empty' && kind === 'daily') {
    return { standing: edition.reason === 'weekend' ? 'Weekend' : 'No papers', note: emptyNote(edition.reason) }
  }
  if (edition.state === 'empty') return MADE_NOW
  const at = edition.cutoffAt
  const until = `${shortDate(dateOf(at))}, ${at.toISOString().slice(11, 16)} UTC`
  return { standing: 'Still voting', note: `Votes count until ${until}.` }
}
