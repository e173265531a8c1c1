// The front page: the newest papers there are, by the votes of now while they are open, by the frozen order afterwards.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import { cardOf } from '../digest/card.ts'
import { counted, longDate, shortDate } from '../digest/words.ts'
import { dateOf, type Edition } from '../edition/edition.ts'
import type { Place } from '../edition/place.ts'
import { rankPapers } from '../edition/ranking.ts'
import { findNewestEdition, listPlaces, listUnfrozenEditions } from '../edition/store.ts'
import { listPapers } from '../source/store.ts'
import type { Pages } from './pages.ts'
import { subscribeForm } from './subscribe-form.ts'

interface FrontOptions {
  db: Kysely<Database>
  pages: Pages
  cutoffMinutes: number
  formStamp: () => string
  outbox: boolean
}

/** Shows the newest date that holds papers, and the form to subscribe with. */
export function showFront({ db, pages, cutoffMinutes, formStamp, outbox }: FrontOptions) {
  const cutoff = clockOf(cutoffMinutes)
  return async (c: Context): Promise<Response> => {
    const newest = await findNewest(db)
    const values = newest ? describe(newest.edition, newest.places) : NOTHING
    const form = subscribeForm(formStamp())
    return c.html(pages.render('front', { title: values.date, form: true }, { ...values, cutoff, form, outbox }))
  }
}

const NOTHING = { date: '', summary: '', standing: '', note: '', cards: [] }

async function findNewest(db: Kysely<Database>): Promise<{ edition: Edition; places: Place[] } | undefined> {
  const frozen = await findNewestEdition(db, 'daily')
  const voting = (await listUnfrozenEditions(db)).filter((edition) => !frozen || edition.date > frozen.date)
  for (const edition of voting.reverse()) {
    const ranked = rankPapers(await listPapers(db, [edition.date]))
    if (ranked.length > 0) {
      return { edition, places: ranked.map((entry) => ({ ...entry, position: entry.rank, section: 'ranked' })) }
    }
  }
  return frozen && { edition: frozen, places: await listPlaces(db, frozen.id) }
}

function describe(edition: Edition, all: readonly Place[]) {
  // Late risers belong to digests: they depend on what a reader already had.
  const places = all.filter((place) => place.section === 'ranked')
  const votes = places.reduce((sum, place) => sum + place.upvotes, 0)
  return {
    date: longDate(edition.date),
    summary: `${counted(places.length, 'paper')}, ${counted(votes, 'vote')}`,
    ...standingOf(edition),
    cards: places.map((place) => cardOf(place, 'daily', 'short')),
  }
}

function standingOf(edition: Edition): { standing: string; note: string } {
  if (edition.state === 'frozen') {
    const note = 'The source had not listed everything when this order was fixed: it may lack papers.'
    return { standing: '', note: edition.incomplete ? note : '' }
  }
  if (edition.state === 'held') {
    return {
      standing: 'Still voting',
      note: `The order is not fixed yet. ${edition.reason ?? 'Papers may be missing'}.`,
    }
  }
  const at = edition.cutoffAt
  return {
    standing: 'Still voting',
    note: `Votes count until ${shortDate(dateOf(at))}, ${at.toISOString().slice(11, 16)} UTC.`,
  }
}

/** Returns the time of day, UTC, that many minutes after midnight. */
function clockOf(minutes: number): string {
  return new Date(minutes * 60_000).toISOString().slice(11, 16)
}
