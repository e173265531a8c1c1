// "View in browser": a digest as it was mailed, for whoever holds its link. Read only: nothing in
// it belongs to the reader, so a forwarded link hands nothing over.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { findDelivery } from '../../delivery/store.ts'
import { joinView } from '../../digest/joining/joining.ts'
import { loadMaterials } from '../../digest/joining/materials.ts'
import { longDate } from '../../digest/text/words.ts'
import type { Edition } from '../../edition/edition.ts'
import { getEdition } from '../../edition/store.ts'
import { type LinkKeys, verifyToken } from '../../subscriber/token.ts'
import { definePage, type Pages } from '../page/pages.ts'
import { framingPage, mailBody } from '../page/safety.ts'
import { linkTo, tell, tellWithdrawn } from '../page/tell.ts'
import { pathOf } from './edition.ts'

/** A digest in its frame. */
interface ViewValues {
  heading: string
  /** Where the frame's content is. */
  mailPath: string
}

const viewPage = definePage<ViewValues>('view')

interface ViewOptions {
  db: Kysely<Database>
  linkKeys: LinkKeys
  pages: Pages
}

/**
 * Shows the page around a digest. A link that was withdrawn says that and no more; anything else
 * but a genuine link to a digest that was mailed is not found.
 */
export function showView({ db, linkKeys, pages }: ViewOptions) {
  return async (c: Context): Promise<Response> => {
    const token = c.req.param('token') ?? ''
    const found = await findMailed(db, linkKeys, token)
    if (found === 'withdrawn') return tellWithdrawn(c, pages, 'This link was withdrawn')
    if (!found) return c.notFound()
    const edition = await getEdition(db, found.editionId)
    if (edition.prunedAt !== null) return tellPruned(c, pages, edition)
    const { date, kind } = edition
    const heading = kind === 'weekly' ? `Week to ${longDate(date)}` : longDate(date)
    const mailPath = `${pages.base}/view/${token}/mail`
    return framingPage(c, pages.render(viewPage, { title: heading, wide: true }, { heading, mailPath }))
  }
}

/** Answers with the digest itself, joined from the pieces that its mail was joined from. */
export function showViewMail({ db, linkKeys, pages }: ViewOptions) {
  return async (c: Context): Promise<Response> => {
    const found = await findMailed(db, linkKeys, c.req.param('token') ?? '')
    if (found === 'withdrawn') return tellWithdrawn(c, pages, 'This link was withdrawn')
    if (!found) return c.notFound()
    const edition = await getEdition(db, found.editionId)
    if (edition.prunedAt !== null) return tellPruned(c, pages, edition)
    const materials = await loadMaterials(db, found.editionId, [found.selectionId], 'utf8')
    const material = materials.get(found.selectionId)
    if (!material) return c.notFound()
    return mailBody(c, joinView(material.pieces, material.selection).html)
  }
}

/** What was mailed is past its time; the papers are not. */
function tellPruned(c: Context, pages: Pages, { date, kind }: Edition): Response {
  return tell(
    c,
    pages,
    {
      heading: 'This email is no longer kept',
      paragraphs: ['We keep emails for a while only. The papers of its day are still here.'],
      links: [linkTo(pages, pathOf(date, kind), 'See its papers', true)],
    },
    410,
  )
}

async function findMailed(
  db: Kysely<Database>,
  linkKeys: LinkKeys,
  token: string,
): Promise<{ editionId: number; selectionId: number } | 'withdrawn' | undefined> {
  const claim = verifyToken(linkKeys, 'view', token)
  const delivery = claim && (await findDelivery(db, claim.publicId))
  if (!claim || !delivery || delivery.isErased) return undefined
  // A raised epoch revokes the links of all earlier mails; what was withheld was never mailed.
  if (delivery.tokenEpoch !== claim.epoch || delivery.selectionId === null || delivery.state === 'withheld') {
    return 'withdrawn'
  }
  return { editionId: delivery.editionId, selectionId: delivery.selectionId }
}
