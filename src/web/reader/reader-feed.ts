// A reader's own digests as a feed, for whoever holds its link: the same selections that were
// mailed, from the same frozen places. Nothing in it can change anything, and it shows no address.
import type { Context } from 'hono'
import { listMailed, type Mailed } from '../../delivery/store.ts'
import { cardOf } from '../../digest/card.ts'
import { listSelections } from '../../digest/store.ts'
import { counted } from '../../digest/words.ts'
import { listPlaces } from '../../edition/store.ts'
import { findFormerHolder, findHolder } from '../../subscriber/holder.ts'
import { signToken } from '../../subscriber/token.ts'
import { FEED_TYPES, type FeedEntry, type FeedFormat, feedEdition, renderFeed } from '../editions/feed-document.ts'
import { headingOf } from '../editions/shown-edition.ts'
import { tellWithdrawn } from '../page/tell.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'

/** Two weeks of days: a feed reader asks more often than that. */
const ENTRIES = 14

/** Answers with Atom, or with JSON Feed where it is asked for (`?format=json`, or by Accept). */
export function showReaderFeed(parts: ReaderParts) {
  const { db, linkKeys, pages } = parts
  return async (c: Context): Promise<Response> => {
    const token = tokenIn(c)
    const reader = await findHolder(db, linkKeys, 'feed', token)
    if (!reader) {
      const former = await findFormerHolder(db, linkKeys, 'feed', token)
      return former ? tellWithdrawn(c, pages, 'This feed link was withdrawn') : c.notFound()
    }
    const format = formatOf(c)
    const mailed = await listMailed(db, reader.id, ENTRIES)
    const entries = await Promise.all(mailed.map((digest) => entryOf(parts, reader.tokenEpoch, digest)))
    const selfUrl = `${pages.publicUrl}/feed/${token}${format === 'json' ? '?format=json' : ''}`
    const body = renderFeed(
      {
        // Not the token: the feed stays the same one when its link is made anew.
        id: `urn:uuid:${reader.publicId}`,
        title: `${pages.name}, as chosen`,
        description: 'The digests of one reader.',
        homeUrl: `${pages.publicUrl}/`,
        selfUrl,
        author: pages.name,
        entries,
      },
      format,
    )
    return c.body(body, 200, { 'Content-Type': `${FEED_TYPES[format]}; charset=utf-8`, Vary: 'Accept' })
  }
}

async function entryOf(
  { db, linkKeys, pages }: ReaderParts,
  epoch: number,
  { editionId, selectionId, publicId, date, kind, at }: Mailed,
): Promise<FeedEntry> {
  const [selection] = await listSelections(db, editionId, [selectionId])
  const places = new Map((await listPlaces(db, editionId)).map((place) => [place.position, place]))
  const length = selection?.length ?? 'short'
  const cards = (selection?.papers ?? []).flatMap((position) => {
    const place = places.get(position)
    return place ? [cardOf(place, kind, length)] : []
  })
  const token = signToken(linkKeys, linkKeys.currentKeyId, 'view', { publicId, epoch, issuedAt: at })
  return {
    id: `urn:uuid:${publicId}`,
    url: `${pages.publicUrl}/view/${token}`,
    title: headingOf(date, kind),
    summary: `${counted(cards.length, 'paper')}. First: ${cards[0]?.title ?? ''}`,
    html: pages.fill(feedEdition, { cards, note: '' }),
    publishedAt: at,
    updatedAt: at,
  }
}

function formatOf(c: Context): FeedFormat {
  if (c.req.query('format') === 'json') return 'json'
  const accepted = c.req.header('Accept') ?? ''
  return /application\/(feed\+)?json/.test(accepted) && !accepted.includes('application/atom+xml') ? 'json' : 'atom'
}
