// Pieces become mails: concatenation and slots, nothing else. The same pieces, selection and slots give the same bytes for
// ever; whatever would change them needs a new JOIN_VERSION.
import type { Section } from '../database/states.ts'
import type { Envelope } from './envelope.ts'
import { type Piece, SLOT_NAMES, type SlotName, type Slotted, splitSlots } from './piece.ts'
import type { Selection } from './selection.ts'

/** Stored with every marked batch: another version's recipe is never rebuilt. */
export const JOIN_VERSION = 1

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
}

export interface JoinedDigest {
  from: string
  subject: string
  headers: Record<string, string>
  html: string
  text: string
}

/** Anything else could need escaping; tokens are base64url. 75 is what fits a line of quoted-printable. */
const SLOT_VALUE = /^[A-Za-z0-9_-]{1,75}$/
/** The only code of a reason there is: the card already says it. */
const REASON_PLACE = 0

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
  }
}

/** Joins one reader's mail. Throws on a slot value that is not URL-safe and on a selection that the pieces cannot print. */
export function joinDigest(prepared: PreparedPieces, selection: Selection, slots: Slots): JoinedDigest {
  for (const name of SLOT_NAMES) {
    if (!SLOT_VALUE.test(slots[name]))
      throw new Error(`the slot "${name}" holds no URL-safe value of 1 to 75 characters`)
  }
  const order = orderOf(prepared, selection)
  const headers: Record<string, string> = {}
  for (const { name, value } of prepared.headers) headers[name] = fill('', value, slots)
  return {
    from: prepared.from,
    subject: subjectOf(prepared, order.subject, selection.papers.length),
    headers,
    html: concatenate(prepared, order.html, slots),
    text: concatenate(prepared, order.text, slots),
  }
}

/** Joins the page that shows a digest to whoever holds its link: read only, without anything personal. */
export function joinView(prepared: PreparedPieces, selection: Selection): { html: string } {
  if (prepared.encoding !== 'utf8') throw new Error('a page is joined from pieces in utf8')
  return { html: concatenate(prepared, orderOf(prepared, selection).view, undefined) }
}

/** Returns the canonical text of everything that a selection's bytes are made of, apart from the slots. */
export function recipeOf(prepared: PreparedPieces, selection: Selection): string {
  const order = orderOf(prepared, selection)
  const names = ['envelope', 'sections', ...order.subject, ...order.html, ...order.text]
  const lines = names.map((name) => `${name} ${pieceOf(prepared, name).sha256}`)
  return `${[`encoding ${prepared.encoding}`, ...lines].join('\n')}\n`
}

/** Names the pieces of a selection in the order in which they are joined. */
function orderOf({ sections }: PreparedPieces, { papers, reasons }: Selection) {
  if (papers.length === 0) throw new Error('a digest holds at least one paper')
  if (reasons.length !== papers.length || reasons.some((reason) => reason !== REASON_PLACE)) {
    throw new Error('a selection needs one reason a paper, of those that pieces print')
  }
  const body: string[] = []
  let section: Section = 'ranked'
  for (const position of papers) {
    const own = sections.get(position)
    if (own === undefined) throw new Error(`the pieces have no place ${position}`)
    if (own !== section && own !== 'ranked') body.push(`section/${own}`)
    section = own
    body.push(`card/${position}`)
  }
  const lead = papers.find((position) => sections.get(position) === 'ranked') ?? papers[0]
  const html = ['head', ...body].map((name) => `html/${name}`)
  return {
    subject: ['subject/day', `subject/lead/${lead}`],
    html: [...html, 'html/foot'],
    view: [...html, 'html/foot-view'],
    text: ['head', ...body, 'foot'].map((name) => `text/${name}`),
  }
}

function subjectOf(prepared: PreparedPieces, names: readonly string[], papers: number): string {
  const start = names.map((name) => plain(prepared, name)).join('')
  return papers === 1 ? start : `${start} and ${papers - 1} more`
}

function concatenate(prepared: PreparedPieces, names: readonly string[], slots: Slots | undefined): string {
  let out = ''
  for (const name of names) out = fill(out, pieceOf(prepared, name).body, slots)
  return out
}

function fill(start: string, { literals, slots: marks }: Slotted, slots: Slots | undefined): string {
  let out = start + literals[0]
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
