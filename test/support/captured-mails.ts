// Mails of captured days as a provider gets them, for tests and measurements of whole messages.
// Addresses and tokens are invented.
import type { EditionKind, Length } from '../../src/database/states.ts'
import type { Mail } from '../../src/delivery/provider/provider.ts'
import { joinDigest, type MailEncoding, preparePieces } from '../../src/digest/joining/joining.ts'
import type { Piece } from '../../src/digest/piece/piece.ts'
import { renderEdition, type Templates } from '../../src/digest/rendering.ts'
import type { Place } from '../../src/edition/place.ts'
import { HOST, SLOTS } from '../digest/golden/places.ts'
import type { CapturedDay } from './captured-days.ts'
import { selectionOf } from './digests.ts'

export const LENGTHS: readonly Length[] = ['titles', 'short', 'full']

type Day = Pick<CapturedDay, 'date' | 'places'>

let made = 0

/** By the templates, then by the places, then by what else there is to know. */
const rendered = new WeakMap<Templates, WeakMap<readonly Place[], Map<string, Promise<Piece[]>>>>()

/** Returns the pieces of a day as an edition, which are rendered once. */
export function piecesOf({ date, places }: Day, length: Length, templates: Templates, kind: EditionKind = 'daily') {
  const byPlaces = rendered.get(templates) ?? new WeakMap()
  rendered.set(templates, byPlaces)
  const known: Map<string, Promise<Piece[]>> = byPlaces.get(places) ?? new Map()
  byPlaces.set(places, known)
  const key = `${date} ${length} ${kind}`
  const pieces = known.get(key) ?? renderEdition({ date, kind, incomplete: false, places }, length, HOST, templates)
  known.set(key, pieces)
  return pieces
}

/**
 * Returns the mail of a day's first papers to one reader in each encoding: of the same tokens and
 * public id.
 */
export function mailsOf({ date, places }: Day, pieces: readonly Piece[], papers: number): Record<MailEncoding, Mail> {
  const chosen = places.slice(0, papers).map(({ position }) => position)
  const selection = selectionOf({ date, kind: 'daily', places }, chosen)
  made += 1
  const publicId = `0f8fad5b-d9cb-469f-a165-${String(made).padStart(12, '0')}`
  const mail = (encoding: MailEncoding): Mail => ({
    publicId,
    to: 'reader@example.org',
    date: `${date}T07:00:00.000Z`,
    ...joinDigest(preparePieces(pieces, encoding), selection, SLOTS),
  })
  return { utf8: mail('utf8'), 'quoted-printable': mail('quoted-printable') }
}
