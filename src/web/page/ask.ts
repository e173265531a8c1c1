// The page that asks one question and holds the button that answers it. Opening it does nothing:
// scanners open every link of a mail.
import type { Context } from 'hono'
import { definePage, type Pages } from './pages.ts'

interface AskValues {
  heading: string
  paragraphs: string[]
  /** Where the button posts to. */
  path: string
  fields: { name: string; value: string }[]
  button: string
  /** Whether it cannot be taken back. */
  grave: boolean
  links: { path: string; label: string }[]
}

const askPage = definePage<AskValues>('ask')

/** What is asked. */
type Asked = Pick<AskValues, 'heading' | 'paragraphs' | 'path' | 'button'> &
  Partial<AskValues> & {
    /** For the tab; the heading, without its question mark, unless named. */
    title?: string
  }

/** Answers with a question. 410 is for a link that no longer does what it did. */
export function ask(c: Context, pages: Pages, { title, ...asked }: Asked, status: 200 | 410 = 200): Response {
  const values = { fields: [], grave: false, links: [], ...asked }
  return c.html(pages.render(askPage, { title: title ?? asked.heading.replace(/\?$/, '') }, values), status)
}
