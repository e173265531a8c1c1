// The form that emails a reader the link to their preferences, twin of link-form.hbs. It says
// nothing about any address.
import type { Context } from 'hono'
import { definePage, type Pages } from './pages.ts'

interface LinkPageValues {
  heading: string
  /** '' where the form says it all. */
  text: string
  /** What is wrong with what was typed; ''. */
  problem: string
  /** As it was typed. */
  address: string
  /** When the form was opened, signed. */
  opened: string
}

const page = definePage<LinkPageValues>('link')

/** Answers with the form on a page of its own. */
export function linkPage(
  c: Context,
  pages: Pages,
  given: Partial<LinkPageValues> & { opened: string; status: 403 | 422 | 429 },
): Response {
  const { status, ...values } = given
  const heading = given.heading ?? 'Email me my link'
  return c.html(
    pages.render(page, { title: heading }, { text: '', problem: '', address: '', ...values, heading }),
    status,
  )
}
