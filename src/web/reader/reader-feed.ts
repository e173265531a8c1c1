// A reader's own digests as a feed, for whoever holds its link: the same selections that were
// mailed, from the same frozen places. Nothing in it can change anything, and it shows no address.
import type { Context } from 'hono'
import { listMailed, type Mailed } from '../../delivery/store.ts'
import { cardOf } from '../../digest/card.ts'
import { listSelections, type StoredSelection } from '../../digest/joining/store.ts'
import { counted } from '../../digest/text/words.ts'
import { isVoted, type Place } from '../../edition/place.ts'
import { listPlacesOf } from '../../edition/store.ts'
import { findFormerHolder, findHolder } from '../../subscriber/holder.ts'
import { signToken } from '../../subscriber/token.ts'
import { FEED_TYPES, type FeedEntry, type FeedFormat, feedEdition, renderFeed } from '../editions/feed-document.ts'
import { headingOf } from '../editions/shown-edition.ts'
import { tellWithdrawn } from '../page/tell.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'

/** Two weeks of days: a feed reader asks more often than that. */
const ENTRIES = 14
/** Some ten kilobytes each. */
const TOLD_KEPT = 300

/** What an entry says of a selection: the same for all of its readers, and for ever. */
interface Told {
  summary: string
  html: string
}

/** Answers with Atom, or with JSON Feed where it is asked for (`?format=json`, or by Accept). */
export function showReaderFeed(parts: ReaderParts) {
  const { db, linkKeys, pages } = parts
  const tell = openTelling(parts)
  return async (c: Context): Promise<Response> => {
    const token = tokenIn(c)
    const reader = await findHolder(db, linkKeys, 'feed', token)
    if (!reader) {
      const former = await findFormerHolder(db, linkKeys, 'feed', token)
      return former ? tellWithdrawn(c, pages, 'This feed link was withdrawn') : c.notFound()
    }
    const format = formatOf(c)
    const mailed = await listMailed(db, reader.id, ENTRIES)
    const told = await tell(mailed)
    const entries = mailed.map((digest, index) => entryOf(parts, reader.tokenEpoch, digest, told[index] as Told))
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

/** Tells what digests say, in their order; what was told lately is remembered. */
function openTelling({ db, pages }: ReaderParts) {
  const known = new Map<string, Told>()
  const keyOf = ({ editionId, selectionId }: Mailed) => `${editionId} ${selectionId}`
  return async (mailed: readonly Mailed[]): Promise<Told[]> => {
    const missing = mailed.filter((digest) => !known.has(keyOf(digest)))
    const places = await listPlacesOf(
      db,
      missing.map(({ editionId }) => editionId),
    )
    const made = missing.map(async (digest): Promise<[string, Told]> => {
      const { editionId, selectionId, kind } = digest
      const [selection] = await listSelections(db, editionId, [selectionId])
      return [keyOf(digest), tellSelection(pages, kind, selection, places.get(editionId) ?? [])]
    })
    const now = new Map([...known, ...(await Promise.all(made))])
    for (const digest of missing) known.set(keyOf(digest), now.get(keyOf(digest)) as Told)
    // What was kept longest goes first.
    for (const key of known.keys()) {
      if (known.size <= TOLD_KEPT) break
      known.delete(key)
    }
    return mailed.map((digest) => now.get(keyOf(digest)) as Told)
  }
}

function tellSelection(
  pages: ReaderParts['pages'],
  kind: Mailed['kind'],
  selection: StoredSelection | undefined,
  places: readonly Place[],
): Told {
  const hasVotes = isVoted(places)
  const byPosition = new Map(places.map((place) => [place.position, place]))
  const cards = (selection?.papers ?? []).flatMap((position) => {
    const place = byPosition.get(position)
    return place ? [cardOf(place, kind, selection?.length ?? 'short', hasVotes)] : []
  })
  return {
    summary: `${counted(cards.length, 'paper')}. First: ${cards[0]?.title ?? ''}`,
    html: pages.fill(feedEdition, { cards, note: '' }),
  }
}

function entryOf(
  { linkKeys, pages }: ReaderParts,
  epoch: number,
  { publicId, date, kind, at }: Mailed,
  told: Told,
): FeedEntry {
  const token = signToken(linkKeys, linkKeys.currentKeyId, 'view', { publicId, epoch, issuedAt: at })
  return {
    id: `urn:uuid:${publicId}`,
    url: `${pages.publicUrl}/view/${token}`,
    title: headingOf(date, kind),
    ...told,
    publishedAt: at,
    updatedAt: at,
  }
}

function formatOf(c: Context): FeedFormat {
  if (c.req.query('format') === 'json') return 'json'
  const accepted = c.req.header('Accept') ?? ''
  return /application\/(feed\+)?json/.test(accepted) && !accepted.includes('application/atom+xml') ? 'json' : 'atom'
}
