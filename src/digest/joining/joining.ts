// Pieces become mails: concatenation and slots, nothing else. The same pieces, selection and slots
// give the same bytes for ever; whatever would change them needs a new JOIN_VERSION.
import type { Section } from '../../database/states.ts'
import { type Opening, remarksOf, type Selection } from '../choosing/selection.ts'
import type { Size } from '../piece/budget.ts'
import { checkSlots, type Draft, fill, fillHeaders, type Row, type Slots } from '../piece/draft.ts'
import type { Envelope } from '../piece/envelope.ts'
import { type Piece, REMARK, type SlotName, type Slotted, splitSlots, twinSize, WORD_NAMES } from '../piece/piece.ts'
import { printRemark } from '../piece/remark.ts'
import { type Layout, orderOfMail, orderOfView, positionOf, type Stock } from './order.ts'
import { orderOfMail2, orderOfView2 } from './order-2.ts'
import { isLead, leadLines, type PrintedWords, printFrame, printLead } from './printed-opening.ts'

/** What pieces are rendered for now; stored with every marked batch. */
export const JOIN_VERSION = 3
/**
 * Versions that are joined to the byte as ever: editions keep the one of their pieces. Another
 * version's recipe is never rebuilt.
 */
export const JOIN_VERSIONS: readonly number[] = [2, JOIN_VERSION]

/** How html and text leave: as they read, or ready for a MIME message. */
export type MailEncoding = 'utf8' | 'quoted-printable'

/** The pieces of an edition and length, parsed once for all of its mails. */
export interface PreparedPieces {
  /** One of JOIN_VERSIONS. */
  version: number
  encoding: MailEncoding
  from: string
  headers: { name: string; value: Slotted }[]
  /** Section of each position. */
  sections: ReadonlyMap<number, Section>
  /** Undefined for pieces of version 2, which knew one form of card and no opening. */
  layout: (Layout & { plain: Opening }) | undefined
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

/** The piece that says how an edition's mails are laid out. */
export interface LayoutPiece extends Layout {
  join: number
  sections: (readonly [position: number, section: Section])[]
  /** For a mail that cannot print what its selection's opening names. */
  plain: Opening
}

/** A draft, and what it is made of. */
interface Drafted {
  /** Names of all its pieces. */
  names: string[]
  /** One line for the opening, and one a remark that it prints. */
  said: string[]
  draft: Draft
}

/** What a selection says in its mail beyond the pieces. */
interface Said {
  remarks: ReadonlyMap<number, string>
  frame: PrintedWords
  /** In the order of the lead block. */
  lead: readonly PrintedWords[]
}

const SILENT: Said = { remarks: new Map(), frame: {}, lead: [] }

/** A batch joins a hundred mails of a few selections: each is put together once. */
const drafts = new WeakMap<PreparedPieces, WeakMap<Selection, Drafted>>()

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
  const layout = byName.has('layout') ? (JSON.parse(plain({ byName }, 'layout')) as LayoutPiece) : undefined
  const sections = layout?.sections ?? (JSON.parse(plain({ byName }, 'sections')) as [number, Section][])
  const version = layout?.join ?? 2
  if (!JOIN_VERSIONS.includes(version)) throw new Error(`pieces of join version ${version}, which is not known here`)
  return {
    version,
    encoding,
    from,
    headers: headers.map(([name, value]) => ({ name, value: splitSlots(value) })),
    sections: new Map(sections),
    layout,
    byName,
    sizes: sizesOf(pieces),
  }
}

/**
 * Returns what a selection's mails share. Throws on a selection that the pieces cannot print.
 */
export function draftOf(prepared: PreparedPieces, selection: Selection): Draft {
  return draftedOf(prepared, selection).draft
}

/**
 * Joins one reader's mail. Throws on a slot value that is not URL-safe and on a selection that the
 * pieces cannot print.
 */
export function joinDigest(prepared: PreparedPieces, selection: Selection, slots: Slots): JoinedDigest {
  checkSlots(slots)
  const draft = draftOf(prepared, selection)
  const { from, subject, html, text } = draft
  return { from, subject, headers: fillHeaders(draft, slots), html: fill(html, slots), text: fill(text, slots) }
}

/**
 * Joins the page that shows a digest to whoever holds its link: read only, whole, without anything
 * personal, what names its reader's choices among it.
 */
export function joinView(prepared: PreparedPieces, selection: Selection): { html: string } {
  if (prepared.encoding !== 'utf8') throw new Error('a page is joined from pieces in utf8')
  const { layout } = prepared
  if (!layout) {
    const { body } = orderOfView2(stockOf(prepared), selection)
    return { html: fill(concatenate(prepared, 'html', body, SILENT), undefined) }
  }
  const opening = selection.opening ?? layout.plain
  const { body } = orderOfView(stockOf(prepared), layout, { ...selection, opening })
  const said = { ...SILENT, frame: printFrame(opening, true), lead: leadLines(opening, true).map(printLead) }
  return { html: fill(concatenate(prepared, 'html', body, said), undefined) }
}

/**
 * Returns the canonical text of everything that a selection's bytes are made of, its opening and
 * remarks included, slots not.
 */
export function recipeOf(prepared: PreparedPieces, selection: Selection): string {
  const { names, said } = draftedOf(prepared, selection)
  const lines = names.map((name) => `${name} ${pieceOf(prepared, name).sha256}`)
  return `${[`encoding ${prepared.encoding}`, ...lines, ...said].join('\n')}\n`
}

function draftedOf(prepared: PreparedPieces, selection: Selection): Drafted {
  const known = drafts.get(prepared) ?? new WeakMap<Selection, Drafted>()
  drafts.set(prepared, known)
  const { layout } = prepared
  const draft =
    known.get(selection) ?? (layout ? makeDraft(prepared, layout, selection) : makeDraft2(prepared, selection))
  known.set(selection, draft)
  return draft
}

function makeDraft(prepared: PreparedPieces, layout: Layout & { plain: Opening }, selection: Selection): Drafted {
  const stock = stockOf(prepared)
  let opening = selection.opening ?? layout.plain
  let order = orderOfMail(stock, layout, { ...selection, opening })
  // No mail begins with a paper that it does not hold.
  if (!opening.papers.every((position) => order.printed.includes(position))) {
    opening = layout.plain
    order = orderOfMail(stock, layout, { ...selection, opening })
  }
  const { subject } = opening
  const lead = leadLines(opening, false).map(printLead)
  const said = { remarks: remarksOf(selection), frame: printFrame(opening, false), lead }
  const html = inMedium('html', order.body)
  const text = inMedium('text', order.body)
  return {
    names: ['envelope', 'layout', ...html, ...text],
    said: [`opening ${saidIn(opening)}`, ...remarksIn(order.body, said.remarks)],
    draft: makeRows(prepared, subject, order.body, said),
  }
}

function makeDraft2(prepared: PreparedPieces, selection: Selection): Drafted {
  const { lead, papers, body } = orderOfMail2(stockOf(prepared), selection)
  const remarks = remarksOf(selection)
  const subject = ['subject/day', `subject/lead/${lead}`]
  const html = inMedium('html', body)
  const text = inMedium('text', body)
  const start = subject.map((name) => plain(prepared, name)).join('')
  return {
    names: ['envelope', 'sections', ...subject, ...html, ...text],
    said: remarksIn(body, remarks),
    draft: makeRows(prepared, papers === 1 ? start : `${start} and ${papers - 1} more`, body, { ...SILENT, remarks }),
  }
}

function makeRows(prepared: PreparedPieces, subject: string, body: readonly string[], said: Said): Draft {
  return {
    from: prepared.from,
    subject,
    headers: prepared.headers,
    html: concatenate(prepared, 'html', body, said),
    text: concatenate(prepared, 'text', body, said),
  }
}

function remarksIn(body: readonly string[], remarks: ReadonlyMap<number, string>): string[] {
  return body.flatMap((name) => {
    const position = positionOf(name)
    const remark = position === undefined ? undefined : remarks.get(position)
    return remark === undefined ? [] : [`remark ${position} ${remark}`]
  })
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

/** Puts pieces in a row, what the selection says in its place. */
function concatenate(
  { encoding, byName }: PreparedPieces,
  medium: 'html' | 'text',
  body: readonly string[],
  { remarks, frame, lead }: Said,
): Row {
  const row: Row = { literals: [], slots: [] }
  const add = (literal: string, slot: SlotName | null) => {
    row.literals.push(literal)
    row.slots.push(slot)
  }
  let line = -1
  for (const name of body) {
    const { literals, slots } = pieceOf({ byName }, `${medium}/${name}`).body
    const words = isLead(name) ? lead[++line] : frame
    let literal = literals[0] ?? ''
    for (const [index, slot] of slots.entries()) {
      const next = literals[index + 1] ?? ''
      if (isToken(slot)) {
        add(literal, slot)
        literal = next
        continue
      }
      const said =
        slot === REMARK
          ? printRemark(remarks.get(positionOf(name) ?? 0) ?? '')[encoding][medium]
          : (words?.[slot]?.[encoding][medium] ?? '')
      add(literal, null)
      if (said !== '') add(said, null)
      // With nothing said, the line break that ends its line in quoted-printable would stand alone.
      literal = said === '' ? next.replace(/^=\r\n/, '') : next
    }
    add(literal, null)
  }
  return row
}

/** The same however the opening was kept: no key has a place of its own. */
function saidIn({ subject, preheader, headline, day, lead, papers }: Opening): string {
  const lines = lead.map(({ label, title, url, fact, personal }) => [label, title, url, fact, personal])
  return JSON.stringify([subject, preheader, headline, day, lines, papers])
}

function isToken(slot: Slotted['slots'][number]): slot is SlotName {
  return slot !== REMARK && !(WORD_NAMES as readonly string[]).includes(slot)
}

function plain(prepared: Pick<PreparedPieces, 'byName'>, name: string): string {
  return pieceOf(prepared, name).body.literals.join('')
}

function pieceOf({ byName }: Pick<PreparedPieces, 'byName'>, name: string) {
  const piece = byName.get(name)
  if (!piece) throw new Error(`the piece ${name} is missing`)
  return piece
}
