// The front page: the newest papers there are, by current votes while they are open, by the
// frozen order afterwards, and the form to subscribe with. It is the same for everybody.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { shortDate } from '../../digest/text/words.ts'
import { findNeighbours } from '../../edition/archive.ts'
import { pathOf } from '../editions/edition.ts'
import { type EditionValues, editionValues, findNewestShown } from '../editions/shown-edition.ts'
import { publicAnswer } from '../page/caching.ts'
import { definePage, type Pages } from '../page/pages.ts'
import { type SubscribeFormValues, subscribeForm } from './subscribe-form.ts'

/** The newest papers; no heading when nothing has been collected yet. */
interface FrontValues extends EditionValues {
  /** The edition's own page; ''. */
  datePath: string
  /** The day before it; ''. */
  earlierPath: string
  earlierLabel: string
  /** When an order becomes final. */
  cutoff: string
  form: SubscribeFormValues
  /** Whether there is an outbox to look at. */
  outbox: boolean
}

export const frontPage = definePage<FrontValues>('front')

interface FrontOptions {
  db: Kysely<Database>
  pages: Pages
  cutoffMinutes: number
  formStamp: () => string
  outbox: boolean
}

const NOTHING = { heading: '', summary: '', standing: '', note: '', papers: [], late: [] }

const DESCRIPTION =
  "Get trending papers in your email inbox: the day's research papers, ranked by the votes of the people who read them."

/** Shows the newest date that holds papers. */
export function showFront({ db, pages, cutoffMinutes, formStamp, outbox }: FrontOptions) {
  const cutoff = clockOf(cutoffMinutes)
  const about = { path: '/', description: DESCRIPTION }
  return async (c: Context): Promise<Response> => {
    const shown = await findNewestShown(db)
    const values = shown ? editionValues(shown) : NOTHING
    const pathTo = (date: string | null | undefined) => (date ? pages.base + pathOf(date, 'daily') : '')
    const earlier = shown && (await findNeighbours(db, shown.date)).earlier
    const day = {
      datePath: pathTo(shown?.date),
      earlierPath: pathTo(earlier),
      earlierLabel: earlier ? shortDate(earlier) : '',
    }
    const opened = formStamp()
    const body = pages.render(
      frontPage,
      { title: values.heading, form: true, about },
      { ...values, ...day, cutoff, form: subscribeForm(opened), outbox },
    )
    return publicAnswer(c, { body, type: 'text/html', passing: opened })
  }
}

/** Returns the time of day, UTC, that many minutes after midnight. */
function clockOf(minutes: number): string {
  return new Date(minutes * 60_000).toISOString().slice(11, 16)
}
