// Pieces become mails: concatenation and slots, nothing else. The same pieces, selection and slots
// give the same bytes for ever; whatever would change them needs a new JOIN_VERSION.
import type { Section } from '../database/states.ts'
import type { Size } from './budget.ts'
import type { Envelope } from './envelope.ts'
import { type Order, orderOfMail, orderOfView, positionOf, type Stock } from './order.ts'
import {
  type Piece,
  REMARK,
  SLOT_MAX_LENGTH,
  SLOT_NAMES,
  type SlotName,
  type Slotted,
  splitSlots,
  twinSize,
} from './piece.ts'
import { printRemark } from './remark.ts'
import { remarksOf, type Selection } from './selection.ts'

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
  /**
   * Of what there is in HTML and text, by name without the medium: in both encodings, so that both
   * choose the same pieces.
   */
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
  /** One line a remark that it prints. */
  remarks: string[]
  subject: string
  html: Slotted
  text: Slotted
}

const NO_REMARKS: ReadonlyMap<number, string> = new Map()

/** A batch joins a hundred mails of a few selections: each is put together once. */
const drafts = new WeakMap<PreparedPieces, WeakMap<Selection, Draft>>()

/**
 * Parses pieces in the encoding in which they are to leave. Throws when one that every mail needs
 * is missing.
 */
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

/**
 * Joins one reader's mail. Throws on a slot value that is not URL-safe and on a selection that the
 * pieces cannot print.
 */
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

/**
 * Joins the page that shows a digest to whoever holds its link: read only, whole, without anything
 * personal, remarks among it.
 */
export function joinView(prepared: PreparedPieces, selection: Selection): { html: string } {
  if (prepared.encoding !== 'utf8') throw new Error('a page is joined from pieces in utf8')
  const { body } = orderOfView(stockOf(prepared), selection)
  return { html: fill(concatenate(prepared, 'html', body, NO_REMARKS), undefined) }
}

/**
 * Returns the canonical text of everything that a selection's bytes are made of, remarks included,
 * slots not.
 */
export function recipeOf(prepared: PreparedPieces, selection: Selection): string {
  const { names, remarks } = draftOf(prepared, selection)
  const lines = names.map((name) => `${name} ${pieceOf(prepared, name).sha256}`)
  return `${[`encoding ${prepared.encoding}`, ...lines, ...remarks].join('\n')}\n`
}

function draftOf(prepared: PreparedPieces, selection: Selection): Draft {
  const known = drafts.get(prepared) ?? new WeakMap<Selection, Draft>()
  drafts.set(prepared, known)
  const draft = known.get(selection) ?? makeDraft(prepared, selection, orderOfMail(stockOf(prepared), selection))
  known.set(selection, draft)
  return draft
}

function makeDraft(prepared: PreparedPieces, selection: Selection, { lead, papers, body }: Order): Draft {
  const remarks = remarksOf(selection)
  const subject = ['subject/day', `subject/lead/${lead}`]
  const html = inMedium('html', body)
  const text = inMedium('text', body)
  const start = subject.map((name) => plain(prepared, name)).join('')
  return {
    names: ['envelope', 'sections', ...subject, ...html, ...text],
    remarks: body.flatMap((name) => {
      const position = positionOf(name)
      const remark = position === undefined ? undefined : remarks.get(position)
      return remark === undefined ? [] : [`remark ${position} ${remark}`]
    }),
    subject: papers === 1 ? start : `${start} and ${papers - 1} more`,
    html: concatenate(prepared, 'html', body, remarks),
    text: concatenate(prepared, 'text', body, remarks),
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

/** Puts pieces in a row, remarks in their place; what stands between two slots becomes one text. */
function concatenate(
  prepared: PreparedPieces,
  medium: 'html' | 'text',
  body: readonly string[],
  remarks: ReadonlyMap<number, string>,
): Slotted {
  const joined: Slotted = { literals: [], slots: [] }
  let last = ''
  for (const name of body) {
    const { literals, slots } = pieceOf(prepared, `${medium}/${name}`).body
    last += literals[0] ?? ''
    for (const [index, slot] of slots.entries()) {
      const next = literals[index + 1] ?? ''
      if (slot === REMARK) {
        const remark = printRemark(remarks.get(positionOf(name) ?? 0) ?? '')[prepared.encoding][medium]
        // Without a remark the line break that ends its line in quoted-printable would stand alone.
        last += remark === '' ? next.replace(/^=\r\n/, '') : remark + next
      } else {
        joined.literals.push(last)
        joined.slots.push(slot)
        last = next
      }
    }
  }
  joined.literals.push(last)
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
