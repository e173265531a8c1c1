// The page for who has left: that nothing comes, the way back, and what is still kept of them to
// take along or to have erased. Looking at it does nothing.
import type { Context } from 'hono'
import { definePage, type Pages } from './pages.ts'

interface GoodbyeValues {
  heading: string
  paragraphs: string[]
  /** In small print; ''. */
  note: string
  /** Where the button to come back posts to; '' once it is too late. */
  comeBackPath: string
  /** Where the buttons about their data post to; '' where none can be offered. */
  dataPath: string
  /** Sent along where the page belongs to a sitting; ''. */
  formToken: string
}

const goodbyePage = definePage<GoodbyeValues>('goodbye')

/** Answers a reader who has left. */
export function sayGoodbye(c: Context, pages: Pages, values: GoodbyeValues): Response {
  return c.html(pages.render(goodbyePage, { title: 'Unsubscribed' }, values))
}
