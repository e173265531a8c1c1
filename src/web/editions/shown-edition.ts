// An edition as pages show it: frozen as it is kept, otherwise ranked by the votes of now. What
// stands in for a missing order is said in words. Late risers never show: they depend on what a
// reader already had.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { type Card, cardOf } from '../../digest/card.ts'
import { counted, longDate, shortDate } from '../../digest/words.ts'
import { dateOf, type Edition } from '../../edition/edition.ts'
import type { Place } from '../../edition/place.ts'
import { daysOfWeek, placesOf } from '../../edition/places.ts'
import { rankPapers } from '../../edition/ranking.ts'
import { findEdition, findNewestEdition, listPlaces, listUnfrozenEditions } from '../../edition/store.ts'
import type { EditionDate } from '../../source/paper.ts'
import { listPapers } from '../../source/store.ts'

export interface ShownEdition {
  date: EditionDate
  kind: EditionKind
  /** Undefined for a week that was made for this page only. */
  edition: Edition | undefined
  /** By rank. */
  places: Place[]
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
  cards: Card[]
}

/** A week holds a few hundred papers, of which nobody reads the last. */
const CARDS_MAX = 100

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
  return { date, kind, edition, places: placesOf(await listPapers(db, daysOfWeek(date))) }
}

/** Returns what a page prints of an edition. */
export function editionValues({ date, kind, edition, places }: ShownEdition): EditionValues {
  const votes = places.reduce((sum, place) => sum + place.upvotes, 0)
  const shown = places.slice(0, CARDS_MAX)
  const first = shown.length < places.length ? `the first ${shown.length} of ` : ''
  const counts = `${first}${counted(places.length, 'paper')}, ${counted(votes, 'vote')}`
  return {
    heading: headingOf(date, kind),
    summary: places.length === 0 ? '' : counts.charAt(0).toUpperCase() + counts.slice(1),
    ...(edition ? standingOf(edition, kind) : MADE_NOW),
    cards: shown.map((place) => cardOf(place, kind, 'short')),
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

const MADE_NOW = { standing: 'By the votes of now', note: 'No edition was fixed for this week: its order still moves.' }

async function showFrozen(db: Kysely<Database>, edition: Edition): Promise<ShownEdition> {
  const places = await listPlaces(db, edition.id)
  const { date, kind } = edition
  return { date, kind, edition, places: places.filter((place) => place.section === 'ranked') }
}

async function showUnfrozen(db: Kysely<Database>, edition: Edition): Promise<ShownEdition> {
  const ranked = rankPapers(await listPapers(db, [edition.date]))
  const places = ranked.map((entry): Place => ({ ...entry, position: entry.rank, section: 'ranked' }))
  return { date: edition.date, kind: 'daily', edition, places }
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
