// The page for who has left: that nothing comes, the way back, and what is still kept of them to
// take along or to have erased. Looking at it does nothing.
import type { Context } from 'hono'
import { LEAVING_REASONS } from '../../subscriber/leaving.ts'
import { definePage, type Pages } from './pages.ts'

interface GoodbyeValues {
  heading: string
  paragraphs: string[]
  /** In small print; ''. */
  note: string
  /** Where the button to come back posts to; '' once it is too late. */
  comeBackPath: string
  /** Why they may have left, and where the buttons post to; '' where nobody is asked. */
  reasons: { reason: string; label: string }[]
  reasonPath: string
  /** Where the buttons about their data post to; '' where none can be offered. */
  dataPath: string
  /** Sent along where the page belongs to a sitting; ''. */
  formToken: string
}

const goodbyePage = definePage<GoodbyeValues>('goodbye')

/** Offers nothing but what `given` says. */
const NOTHING = { note: '', comeBackPath: '', reasonPath: '', reasons: [], dataPath: '', formToken: '' }

/** Answers a reader who has left. */
export function sayGoodbye(
  c: Context,
  pages: Pages,
  given: Partial<Omit<GoodbyeValues, 'reasons'>> & Pick<GoodbyeValues, 'heading' | 'paragraphs'>,
): Response {
  const reasons = given.reasonPath ? [...LEAVING_REASONS] : []
  return c.html(pages.render(goodbyePage, { title: 'Unsubscribed' }, { ...NOTHING, ...given, reasons }))
}
