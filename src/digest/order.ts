// Which pieces make a selection's mail, and in which order. Pure, and part of what JOIN_VERSION
// stands for: another answer is another version.
import type { Section } from '../database/states.ts'
import { fitCards, fits, type Level, NO_SIZE, type Size, sumSizes } from './budget.ts'
import { printRemark } from './remark.ts'
import { REASON_CODES, REASON_PLACE, remarksOf, type Selection } from './selection.ts'

/** What can be joined: the section of each position, and the bytes of each piece by name. */
export interface Stock {
  sections: ReadonlyMap<number, Section>
  /**
   * Undefined when there is no such piece. `name` is without its medium: the size is that of its
   * HTML and its text together.
   */
  sizeOf(name: string): Size | undefined
}

export interface Order {
  /** The position that the subject names. */
  lead: number
  /** Papers that the mail prints or counts. */
  papers: number
  /** Names without their medium: `head`, `card/1`, `section/rising`, `more/14` … `foot`. */
  body: string[]
}

/** Lines of "also today". */
export const ALSO_MAX = 5

/**
 * Returns the order of a mail, shortened where it would be too long. Throws on a selection that the
 * pieces cannot print.
 */
export function orderOfMail(stock: Stock, selection: Selection): Order {
  const cards = printable(stock, selection)
  // Decided from the first place to the last, whatever the order of the mail: so it is decided
  // alike for every choice.
  const places = cards.toSorted((a, b) => a - b)
  const remarks = remarksOf(selection)
  const weigh = (position: number, level: Level) => {
    const size = stock.sizeOf(cardName(position, level))
    return size && sumSizes([size, printRemark(remarks.get(position) ?? '').size])
  }
  const frame = sumSizes(['head', 'foot', ...headings(stock, cards)].map((name) => demand(stock, name)))
  const fit = fitCards(
    places.length,
    frame,
    (index, level) => weigh(places[index] ?? 0, level),
    (left) => demand(stock, `more/${left}`),
  )
  const names = new Map(
    places.slice(0, fit.kept).map((place, index) => [place, cardName(place, fit.levels[index] ?? 0)]),
  )
  const left = places.length - fit.kept
  const whole = left === 0 && fit.levels.every((level) => level === 0)
  const body = [...cardsOf(stock, cards, names), ...(left > 0 ? [`more/${left}`] : [])]
  const also = whole
    ? alsoOf(stock, selection, sumSizes([frame, ...places.map((position) => weigh(position, 0) ?? NO_SIZE)]))
    : []
  return { lead: leadOf(stock, cards), papers: cards.length, body: ['head', ...body, ...also, 'foot'] }
}

/** Returns the order of the page that shows a digest: nothing clips it, so nothing is shortened. */
export function orderOfView(stock: Stock, selection: Selection): Order {
  const cards = printable(stock, selection)
  const body = cardsOf(stock, cards, new Map(cards.map((position) => [position, cardName(position, 0)])))
  const also = alsoOf(stock, selection, NO_SIZE)
  return { lead: leadOf(stock, cards), papers: cards.length, body: ['head', ...body, ...also, 'foot-view'] }
}

/** Returns the name of a card's piece, without its medium. */
export function cardName(position: number, level: Level): string {
  return level === 0 ? `card/${position}` : `card/${position}/${level}`
}

/**
 * Returns the position of a card's piece, by its name without the medium; undefined for any other
 * piece.
 */
export function positionOf(name: string): number | undefined {
  const position = /^card\/(\d+)/.exec(name)?.[1]
  return position === undefined ? undefined : Number(position)
}

/**
 * Lists the positions that there are cards of: a paper that could not be rendered costs no mail.
 */
function printable(stock: Stock, selection: Selection): number[] {
  const { papers, reasons } = selection
  if (papers.length === 0) throw new Error('a digest holds at least one paper')
  if ((selection.remarks?.length || papers.length) !== papers.length)
    throw new Error('a selection has one remark a paper or none')
  if (reasons.length !== papers.length || reasons.some((reason) => !REASON_CODES.includes(reason))) {
    throw new Error('a selection needs one reason a paper, of those that pieces print')
  }
  const stray = papers.find((position) => !stock.sections.has(position))
  if (stray !== undefined) throw new Error(`the pieces have no place ${stray}`)
  const cards = papers.filter((position) => stock.sizeOf(cardName(position, 0)) !== undefined)
  if (cards.length === 0) throw new Error('none of the papers of a selection could be rendered')
  return cards
}

/**
 * Names the cards in the order of the selection, each section under its heading; what is not in
 * `names` is left out.
 */
function cardsOf({ sections }: Stock, cards: readonly number[], names: ReadonlyMap<number, string>): string[] {
  const body: string[] = []
  let section: Section = 'ranked'
  for (const position of cards) {
    const name = names.get(position)
    const own = sections.get(position)
    if (name === undefined || own === undefined) continue
    if (own !== section && own !== 'ranked') body.push(`section/${own}`)
    section = own
    body.push(name)
  }
  return body
}

function headings({ sections }: Stock, cards: readonly number[]): string[] {
  const own = new Set(cards.map((position) => sections.get(position)))
  return (['rising', 'late'] as const).filter((section) => own.has(section)).map((section) => `section/${section}`)
}

/**
 * Names the lines of the ranked papers that follow the reader's own, while they fit. Only for a
 * selection that is the first places of the edition as they stand: to whoever had papers before, or
 * wants none below some votes or without code, the others are no news.
 */
function alsoOf(stock: Stock, { papers, reasons }: Selection, size: Size): string[] {
  const ranked = papers.filter((position) => stock.sections.get(position) === 'ranked')
  const filtered = reasons.some((reason) => reason !== REASON_PLACE)
  if (filtered || ranked.length === 0 || ranked.some((position, index) => position !== index + 1)) return []
  const names: string[] = []
  let total = sumSizes([size, stock.sizeOf('section/also') ?? NO_SIZE])
  for (let position = ranked.length + 1; names.length < ALSO_MAX; position++) {
    if (stock.sections.get(position) !== 'ranked') break
    const name = `also/${position}`
    const own = stock.sizeOf(name)
    // Withdrawn or bad: the next one counts instead.
    if (!own) continue
    total = sumSizes([total, own])
    if (!fits(total)) break
    names.push(name)
  }
  return names.length > 0 ? ['section/also', ...names] : []
}

function leadOf({ sections }: Stock, cards: readonly number[]): number {
  return cards.find((position) => sections.get(position) === 'ranked') ?? (cards[0] as number)
}

function demand(stock: Stock, name: string): Size {
  const size = stock.sizeOf(name)
  if (!size) throw new Error(`the piece ${name} is missing`)
  return size
}
