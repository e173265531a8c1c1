// The archive, a month a page, and the door to searching it. Whatever the address asks for, there
// is an answer or there is nothing: it can break nothing.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { cleanText } from '../../digest/text/text.ts'
import { counted, monthName, shortDate } from '../../digest/text/words.ts'
import { type ArchiveDay, findMonths, listMonth } from '../../edition/archive.ts'
import { dateFrom } from '../../edition/edition.ts'
import { publicAnswer } from '../page/caching.ts'
import { definePage, type Pages } from '../page/pages.ts'
import { pathOf } from './edition.ts'
import { type SearchOptions, showFound, wordsFrom } from './search.ts'

/** A month of the archive. */
interface EditionsValues {
  /** The month in words; '' when nothing has been collected yet. */
  month: string
  days: { label: string; path: string; standing: string; papers: string; first: string; weekPath: string }[]
  /** '' at either end. */
  earlierPath: string
  earlierLabel: string
  laterPath: string
  laterLabel: string
}

export const editionsPage = definePage<EditionsValues>('editions')

const DESCRIPTION = 'Every day of research papers since this site began, in the order of their votes.'
/** Before anything is collected. */
const NO_MONTH: EditionsValues = {
  month: '',
  days: [],
  earlierPath: '',
  earlierLabel: '',
  laterPath: '',
  laterLabel: '',
}

/**
 * Shows what `?q=` finds, else the month of `?month=`, else the newest one. A month without
 * editions is not found.
 */
export function showEditions(options: SearchOptions) {
  const { db, pages } = options
  return async (c: Context): Promise<Response> => {
    const words = wordsFrom(c.req.query('q'))
    if (words !== '') return showFound(c, options, words)
    const asked = c.req.query('month')
    const month = asked === undefined ? await newestMonth(db) : monthFrom(asked)
    if (month === undefined) return asked === undefined ? answer(c, pages, NO_MONTH, '/editions') : c.notFound()
    const days = await listMonth(db, month)
    if (days.length === 0) return c.notFound()
    const { earlier, later } = await findMonths(db, month)
    const pathTo = (other: string) => `${pages.base}/editions?month=${other}`
    const values = {
      month: monthName(month),
      days: days.map((day) => dayValues(day, pages.base)),
      earlierPath: earlier ? pathTo(earlier) : '',
      earlierLabel: earlier ? monthName(earlier) : '',
      laterPath: later ? pathTo(later) : '',
      laterLabel: later ? monthName(later) : '',
    }
    return answer(c, pages, values, asked === undefined ? '/editions' : `/editions?month=${month}`)
  }
}

function answer(c: Context, pages: Pages, values: EditionsValues, path: string): Response {
  const title = values.month === '' ? 'Editions' : `Editions of ${values.month}`
  const body = pages.render(editionsPage, { title, about: { path, description: DESCRIPTION } }, values)
  return publicAnswer(c, { body, type: 'text/html' })
}

async function newestMonth(db: Kysely<Database>): Promise<string | undefined> {
  return (await findMonths(db, '2000-01')).newest ?? undefined
}

/** Returns a month that exists, as `YYYY-MM`. */
function monthFrom(text: string): string | undefined {
  return dateFrom(`${text}-01`) && text
}

function dayValues(day: ArchiveDay, base: string): EditionsValues['days'][number] {
  const { date, papers } = day
  return {
    label: shortDate(date),
    path: base + pathOf(date, 'daily'),
    standing: standingOf(day),
    papers: papers === 0 ? '' : counted(papers, 'paper'),
    first: day.firstTitle === null ? '' : cleanText(day.firstTitle),
    weekPath: day.weekly ? base + pathOf(date, 'weekly') : '',
  }
}

/** In a chip; '' for an order that is final and whole. One that is held takes votes still. */
function standingOf({ state, reason, incomplete }: ArchiveDay): string {
  if (state === 'frozen') return incomplete ? 'May lack papers' : ''
  if (state === 'empty') return reason === 'weekend' ? 'Weekend' : 'No papers'
  return 'Still voting'
}
