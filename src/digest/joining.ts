// Pieces become mails: concatenation and slots, nothing else. The same pieces, selection and slots give the same bytes for
// ever; whatever would change them needs a new JOIN_VERSION.
import type { Section } from '../database/states.ts'
import type { Size } from './budget.ts'
import type { Envelope } from './envelope.ts'
import { type Order, orderOfMail, orderOfView, type Stock } from './order.ts'
import { type Piece, SLOT_MAX_LENGTH, SLOT_NAMES, type SlotName, type Slotted, splitSlots, twinSize } from './piece.ts'
import type { Selection } from './selection.ts'

/** Stored with every marked batch: another version's recipe is never rebuilt. */
export const JOIN_VERSION = 2

/** How html and text leave: as they read, or ready for a MIME message. */
export type MailEncoding = 'utf8' | 'quoted-printable'

export type Slots = Readonly<Record<SlotName, string>>

/** The pieces of an edition and length, parsed once for all of its mails. */
export interface PreparedPieces {
  encoding: MailEncoding
  from: string
  headers: { name: string; value: Slotted }[]
  /** Section of each position. */
  sections: ReadonlyMap<number, Section>
  byName: ReadonlyMap<string, { sha256: string; body: Slotted }>
  /** Of what there is in HTML and text, by name without the medium: in both encodings, so that both choose the same pieces. */
  sizes: ReadonlyMap<string, Size>
}

export interface JoinedDigest {
  from: string
  subject: string
  headers: Record<string, string>
  html: string
  text: string
}

/** Anything else could need escaping; tokens are base64url. */
const SLOT_VALUE = new RegExp(`^[A-Za-z0-9_-]{1,${SLOT_MAX_LENGTH}}$`)

/** A mail without its slots: what all readers of a selection share. */
interface Draft {
  /** Names of all its pieces. */
  names: string[]
  subject: string
  html: Slotted
  text: Slotted
}

/** A batch joins a hundred mails of a few selections: each is put together once. */
const drafts = new WeakMap<PreparedPieces, WeakMap<Selection, Draft>>()

/** Parses pieces in the encoding in which they are to leave. Throws when one that every mail needs is missing. */
export function preparePieces(pieces: readonly Piece[], encoding: MailEncoding): PreparedPieces {
  const byName = new Map(
    pieces.map(({ name, sha256, body, quotedPrintable }) => {
      const isContent = name.startsWith('html/') || name.startsWith('text/')
      // Subject and headers are encoded by the provider, each in its own way.
      const text = !isContent ? body.slice(0, -1) : encoding === 'utf8' ? body : quotedPrintable
      return [name, { sha256: sha256.toString('hex'), body: splitSlots(text) }]
    }),
  )
  const { from, headers } = JSON.parse(plain({ byName }, 'envelope')) as Envelope
  const sections = JSON.parse(plain({ byName }, 'sections')) as [number, Section][]
  return {
    encoding,
    from,
    headers: headers.map(([name, value]) => ({ name, value: splitSlots(value) })),
    sections: new Map(sections),
    byName,
    sizes: sizesOf(pieces),
  }
}

/** Joins one reader's mail. Throws on a slot value that is not URL-safe and on a selection that the pieces cannot print. */
export function joinDigest(prepared: PreparedPieces, selection: Selection, slots: Slots): JoinedDigest {
  for (const name of SLOT_NAMES) {
    if (!SLOT_VALUE.test(slots[name]))
      throw new Error(`the slot "${name}" holds no URL-safe value of 1 to ${SLOT_MAX_LENGTH} characters`)
  }
  const draft = draftOf(prepared, selection)
  const headers: Record<string, string> = {}
  for (const { name, value } of prepared.headers) headers[name] = fill(value, slots)
  return {
    from: prepared.from,
    subject: draft.subject,
    headers,
    html: fill(draft.html, slots),
    text: fill(draft.text, slots),
  }
}

/** Joins the page that shows a digest to whoever holds its link: read only, whole, without anything personal. */
export function joinView(prepared: PreparedPieces, selection: Selection): { html: string } {
  if (prepared.encoding !== 'utf8') throw new Error('a page is joined from pieces in utf8')
  const { body } = orderOfView(stockOf(prepared), selection)
  return { html: fill(concatenate(prepared, inMedium('html', body)), undefined) }
}

/** Returns the canonical text of everything that a selection's bytes are made of, apart from the slots. */
export function recipeOf(prepared: PreparedPieces, selection: Selection): string {
  const { names } = draftOf(prepared, selection)
  const lines = names.map((name) => `${name} ${pieceOf(prepared, name).sha256}`)
  return `${[`encoding ${prepared.encoding}`, ...lines].join('\n')}\n`
}

function draftOf(prepared: PreparedPieces, selection: Selection): Draft {
  const known = drafts.get(prepared) ?? new WeakMap<Selection, Draft>()
  drafts.set(prepared, known)
  const draft = known.get(selection) ?? makeDraft(prepared, orderOfMail(stockOf(prepared), selection))
  known.set(selection, draft)
  return draft
}

function makeDraft(prepared: PreparedPieces, { lead, papers, body }: Order): Draft {
  const subject = ['subject/day', `subject/lead/${lead}`]
  const html = inMedium('html', body)
  const text = inMedium('text', body)
  const start = subject.map((name) => plain(prepared, name)).join('')
  return {
    names: ['envelope', 'sections', ...subject, ...html, ...text],
    subject: papers === 1 ? start : `${start} and ${papers - 1} more`,
    html: concatenate(prepared, html),
    text: concatenate(prepared, text),
  }
}

function stockOf({ sections, sizes }: PreparedPieces): Stock {
  return { sections, sizeOf: (name) => sizes.get(name) }
}

function sizesOf(pieces: readonly Piece[]): Map<string, Size> {
  const texts = new Map(pieces.map((piece) => [piece.name, piece]))
  const sizes = new Map<string, Size>()
  for (const html of pieces) {
    const name = /^html\/(.*)/.exec(html.name)?.[1]
    const text = texts.get(`text/${name}`)
    if (name !== undefined && text) sizes.set(name, twinSize(html, text))
  }
  return sizes
}

function inMedium(medium: 'html' | 'text', body: readonly string[]): string[] {
  return body.map((name) => `${medium}/${name}`)
}

/** Puts pieces in a row; what stands between two slots becomes one text. */
function concatenate(prepared: PreparedPieces, names: readonly string[]): Slotted {
  const joined: Slotted = { literals: [''], slots: [] }
  for (const name of names) {
    const { literals, slots } = pieceOf(prepared, name).body
    joined.literals.push((joined.literals.pop() ?? '') + (literals[0] ?? ''), ...literals.slice(1))
    joined.slots.push(...slots)
  }
  return joined
}

function fill({ literals, slots: marks }: Slotted, slots: Slots | undefined): string {
  let out = literals[0] ?? ''
  for (let index = 0; index < marks.length; index++) {
    const mark = marks[index] as SlotName
    if (!slots) throw new Error(`the slot "${mark}" has no place on a page without a reader`)
    out += slots[mark] + literals[index + 1]
  }
  return out
}

function plain(prepared: Pick<PreparedPieces, 'byName'>, name: string): string {
  return pieceOf(prepared, name).body.literals.join('')
}

function pieceOf({ byName }: Pick<PreparedPieces, 'byName'>, name: string) {
  const piece = byName.get(name)
  if (!piece) throw new Error(`the piece ${name} is missing`)
  return piece
}
