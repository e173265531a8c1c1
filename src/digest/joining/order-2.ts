// Which pieces make a selection's mail, and in which order, as join version 2 had it. Editions
// frozen before version 3 are joined so for ever: mails in flight and the pages that show old
// digests. Never changes its answers.
import type { Section } from '../../database/states.ts'
import { REASON_PLACE, remarksOf, type Selection } from '../choosing/selection.ts'
import { fitCards, fits, type Level, NO_SIZE, type Size, sumSizes } from '../piece/budget.ts'
import { printRemark } from '../piece/remark.ts'
import { cardsIn, demand, type Order2, type Stock } from './order.ts'

/** Lines of "also today". */
const ALSO_MAX = 5

/**
 * Returns the order of a mail, shortened where it would be too long. Throws on a selection that the
 * pieces cannot print.
 */
export function orderOfMail2(stock: Stock, selection: Selection): Order2 {
  const cards = bySection(stock, selection)
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
export function orderOfView2(stock: Stock, selection: Selection): Order2 {
  const cards = bySection(stock, selection)
  const body = cardsOf(stock, cards, new Map(cards.map((position) => [position, cardName(position, 0)])))
  const also = alsoOf(stock, selection, NO_SIZE)
  return { lead: leadOf(stock, cards), papers: cards.length, body: ['head', ...body, ...also, 'foot-view'] }
}

/**
 * Lists the selection's cards, each section in a row: selections made since may mix late risers in.
 */
function bySection(stock: Stock, selection: Selection): number[] {
  const cards = cardsIn(stock, selection, (position) => cardName(position, 0))
  const of = (section: Section) => cards.filter((position) => stock.sections.get(position) === section)
  return [...of('ranked'), ...of('rising'), ...of('late')]
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

function cardName(position: number, level: Level): string {
  return level === 0 ? `card/${position}` : `card/${position}/${level}`
}
