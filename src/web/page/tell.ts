// The page that says what was done, and where to go from here.
import type { Context } from 'hono'
import { definePage, type Pages } from './pages.ts'

interface Link {
  path: string
  label: string
  /** Whether it is the one to follow. */
  first: boolean
}

interface ToldValues {
  heading: string
  paragraphs: string[]
  /** In small print; ''. */
  note: string
  links: Link[]
}

const toldPage = definePage<ToldValues>('told')

/** What is told. Beside `links` there is always one to the front page, which may say why. */
type Told = Pick<ToldValues, 'heading' | 'paragraphs'> & {
  /** For the tab; the heading unless named. */
  title?: string
  note?: string
  links?: Link[]
  front?: Pick<Link, 'label' | 'first'>
}

/** Answers with what was done. */
export function tell(
  c: Context,
  pages: Pages,
  { heading, paragraphs, title = heading, note = '', links = [], front }: Told,
  status: 200 | 403 | 409 | 410 | 429 = 200,
): Response {
  const toFront = { ...linkTo(pages, '/', 'See the latest papers'), ...front }
  return c.html(pages.render(toldPage, { title }, { heading, paragraphs, note, links: [...links, toFront] }), status)
}

/** Returns a link to a path of ours; `first` for the one to follow. */
export function linkTo({ base }: Pages, path: string, label: string, first = false): Link {
  return { path: base + path, label, first }
}

/** Answers a link that its reader no longer has, and says nothing but that. */
export function tellWithdrawn(c: Context, pages: Pages, heading: string): Response {
  return tell(c, pages, { heading, paragraphs: ['It no longer shows anything.'] }, 410)
}
