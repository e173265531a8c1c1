// The page of one date, or of the week that ends with it, with its neighbours. The address is all
// that it is made from.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { shortDate } from '../../digest/text/words.ts'
import { findNeighbours, listKnown } from '../../edition/archive.ts'
import { dateFrom, shiftDate } from '../../edition/edition.ts'
import type { EditionDate } from '../../source/paper.ts'
import { publicAnswer } from '../page/caching.ts'
import { definePage, type Pages } from '../page/pages.ts'
import { type EditionValues, editionValues, findShown } from './shown-edition.ts'

/** One date of the archive, or the week that ends with it. */
interface EditionPageValues extends EditionValues {
  /** The neighbours; '' at either end. */
  earlierPath: string
  earlierLabel: string
  laterPath: string
  laterLabel: string
  /** What they are, for those who hear them read out. */
  earlierHint: string
  laterHint: string
  /** The same date the other way: its week, or its day; ''. */
  otherPath: string
  otherLabel: string
}

export const editionPage = definePage<EditionPageValues>('edition')

interface EditionOptions {
  db: Kysely<Database>
  pages: Pages
}

const WEEK_DAYS = 7
/** As many titles as a search engine or a shared link shows. */
const TITLES_SHOWN = 3

/** Shows the edition of `:date`. A date that nothing is known of is not found. */
export function showEdition({ db, pages }: EditionOptions, kind: EditionKind) {
  return async (c: Context): Promise<Response> => {
    const date = dateFrom(c.req.param('date') ?? '')
    const shown = date && (await findShown(db, date, kind))
    if (!shown) return c.notFound()
    const values = editionValues(shown)
    const links = kind === 'weekly' ? await weekLinks(db, shown.date) : await dayLinks(db, shown.date)
    const about = { path: pathOf(shown.date, kind), description: descriptionOf(values), article: true }
    const body = pages.render(
      editionPage,
      { title: values.heading, about },
      {
        ...values,
        earlierPath: links.earlier ? pages.base + pathOf(links.earlier, kind) : '',
        earlierLabel: links.earlier ? shortDate(links.earlier) : '',
        laterPath: links.later ? pages.base + pathOf(links.later, kind) : '',
        laterLabel: links.later ? shortDate(links.later) : '',
        earlierHint: kind === 'weekly' ? 'Previous week' : 'Previous day',
        laterHint: kind === 'weekly' ? 'Next week' : 'Next day',
        otherPath: links.other ? pages.base + pathOf(shown.date, links.other) : '',
        otherLabel: links.other === 'weekly' ? 'The week to this date' : 'This day alone',
      },
    )
    return publicAnswer(c, { body, type: 'text/html' })
  }
}

/** Returns the path of an edition's page, without that of PUBLIC_URL. */
export function pathOf(date: EditionDate, kind: EditionKind): string {
  return `/editions/${date}${kind === 'weekly' ? '/weekly' : ''}`
}

interface EditionLinks {
  earlier: EditionDate | null
  later: EditionDate | null
  other: EditionKind | undefined
}

async function dayLinks(db: Kysely<Database>, date: EditionDate): Promise<EditionLinks> {
  return { ...(await findNeighbours(db, date)), other: 'weekly' }
}

/** Weeks follow one another by seven days, wherever one begins. */
async function weekLinks(db: Kysely<Database>, date: EditionDate): Promise<EditionLinks> {
  const [earlier, later] = [shiftDate(date, -WEEK_DAYS), shiftDate(date, WEEK_DAYS)]
  const known = await listKnown(db, [earlier, date, later])
  const ifKnown = (day: EditionDate) => (known.includes(day) ? day : null)
  return { earlier: ifKnown(earlier), later: ifKnown(later), other: known.includes(date) ? 'daily' : undefined }
}

function descriptionOf({ heading, summary, note, papers }: EditionValues): string {
  if (papers.length === 0) return `${heading}. ${note}`
  const titles = papers.slice(0, TITLES_SHOWN).map(({ title }) => title)
  return `${summary}. First: ${titles.join(' · ')}`
}
