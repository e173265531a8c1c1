// Which pieces make a selection's mail, and in which order. Pure, and part of what JOIN_VERSION
// stands for: another answer is another version.
import type { Section } from '../../database/states.ts'
import { missedIn, REASON_CHOSEN, REASON_CODES, remarksOf, type Selection } from '../choosing/selection.ts'
import { fitCards, fits, type Level, NO_SIZE, type Size, sumSizes } from '../piece/budget.ts'
import { printRemark } from '../piece/remark.ts'
import { leadLines, leadName, printedSize } from './printed-opening.ts'

/** What can be joined: the section of each position, and the bytes of each piece by name. */
export interface Stock {
  sections: ReadonlyMap<number, Section>
  /**
   * Undefined when there is no such piece. `name` is without its medium: the size is that of its
   * HTML and its text together.
   */
  sizeOf(name: string): Size | undefined
}

/** How much room each paper gets by its place in the mail; stored with an edition's pieces. */
export interface Layout {
  /** So many from the first on are large cards. */
  large: number
  /** So many after them are compact cards; the rest are lines. */
  compact: number
  /** A mail of so many papers or more lists its contents; null for none. */
  contentsFrom: number | null
}

export interface Order {
  /** Names without their medium: `head`, `large/1`, `compact/4`, `line/9`, `more/14` … `foot`. */
  body: string[]
  /** Positions that the mail prints. */
  printed: number[]
}

/** The order of a mail of join version 2. */
export interface Order2 {
  /** The position that the subject names. */
  lead: number
  /** Papers that the mail prints or counts. */
  papers: number
  body: string[]
}

/** Ways to print a paper: `large` says most. */
export const FORMS = ['large', 'compact', 'line'] as const
export type Form = (typeof FORMS)[number]

/** Lines of "also today", as long as a mail has few papers of its own. */
export const ALSO_MAX = 5
const ROWS_MAX = 12
/** At this level a paper is a line, whatever it was. */
export const LINE_LEVEL: Level = 6

/** Returns the form of the paper at an index of a mail. */
function formAt({ large, compact }: Layout, index: number): Form {
  return index < large ? 'large' : index < large + compact ? 'compact' : 'line'
}

/** Returns the name of a paper's piece, without its medium. */
export function paperName(form: Form, position: number, level: Level = 0): string {
  if (form === 'line' || level === LINE_LEVEL) return `line/${position}`
  return level === 0 ? `${form}/${position}` : `${form}/${position}/${level}`
}

/**
 * Returns the position of a paper's piece, by its name without the medium; undefined for any other
 * piece.
 */
export function positionOf(name: string): number | undefined {
  const position = /^(?:card|large|compact|line)\/(\d+)/.exec(name)?.[1]
  return position === undefined ? undefined : Number(position)
}

/**
 * Returns the order of a mail, shortened where it would be too long, from its last paper up. Throws
 * on a selection that the pieces cannot print.
 */
export function orderOfMail(stock: Stock, layout: Layout, selection: Selection): Order {
  const papers = papersIn(stock, selection)
  const remarks = remarksOf(selection)
  const nameAt = (index: number, level: Level) => paperName(formAt(layout, index), papers[index] as number, level)
  const weigh = (index: number, level: Level) => {
    // A line is as short as it gets.
    if (level > 0 && formAt(layout, index) === 'line') return undefined
    const size = stock.sizeOf(nameAt(index, level))
    return size && sumSizes([size, printRemark(remarks.get(papers[index] as number) ?? '').size])
  }
  const opening = openingNames(stock, selection, false)
  const contents = contentsOf(stock, layout, papers)
  const around = ['head', ...opening, ...contents, ...headings(stock, layout, selection, papers), 'foot']
  const frame = sumSizes([...around.map((name) => demand(stock, name)), printedSize(selection.opening)])
  const fit = fitCards(papers.length, frame, weigh, (left) => demand(stock, `more/${left}`))
  const printed = papers.slice(0, fit.kept)
  const left = papers.length - fit.kept
  const also =
    left > 0 || fit.levels.some((level) => level > 0)
      ? []
      : alsoOf(stock, selection, sumSizes([frame, ...papers.map((_, index) => weigh(index, 0) ?? NO_SIZE)]))
  const names = printed.map((_, index) => nameAt(index, fit.levels[index] ?? 0))
  return {
    printed,
    body: [
      'head',
      ...opening,
      ...contents,
      ...underHeadings(stock, layout, selection, printed, names),
      ...(left > 0 ? [`more/${left}`] : []),
      ...also,
      'foot',
    ],
  }
}

/**
 * Returns the order of the page that shows a digest: nothing clips it, so nothing is shortened, and
 * nothing in it names what its reader chose.
 */
export function orderOfView(stock: Stock, layout: Layout, selection: Selection): Order {
  const papers = papersIn(stock, selection)
  const names = papers.map((position, index) => paperName(formAt(layout, index), position))
  const opening = openingNames(stock, selection, true)
  const contents = contentsOf(stock, layout, papers)
  const cards = underHeadings(stock, layout, selection, papers, names)
  const also = alsoOf(stock, selection, NO_SIZE)
  return { printed: papers, body: ['head-view', ...opening, ...contents, ...cards, ...also, 'foot-view'] }
}

/**
 * Lists the positions of a selection that there are cards of, as `nameOf` calls them: a paper that
 * could not be rendered costs no mail.
 */
export function cardsIn(stock: Stock, selection: Selection, nameOf: (position: number) => string): number[] {
  const { papers, reasons } = selection
  if (papers.length === 0) throw new Error('a digest holds at least one paper')
  if ((selection.remarks?.length || papers.length) !== papers.length)
    throw new Error('a selection has one remark a paper or none')
  if (reasons.length !== papers.length || reasons.some((reason) => !REASON_CODES.includes(reason))) {
    throw new Error('a selection needs one reason a paper, of those that pieces print')
  }
  const stray = papers.find((position) => !stock.sections.has(position))
  if (stray !== undefined) throw new Error(`the pieces have no place ${stray}`)
  const cards = papers.filter((position) => stock.sizeOf(nameOf(position)) !== undefined)
  if (cards.length === 0) throw new Error('none of the papers of a selection could be rendered')
  return cards
}

/** Returns the size of a piece. Throws when there is none of that name. */
export function demand(stock: Stock, name: string): Size {
  const size = stock.sizeOf(name)
  if (!size) throw new Error(`the piece ${name} is missing`)
  return size
}

function papersIn(stock: Stock, selection: Selection): number[] {
  return cardsIn(stock, selection, (position) => paperName('line', position))
}

/** Names one piece a line of the lead block, then what an edition says of its week. */
function openingNames(stock: Stock, { opening }: Selection, forwarded: boolean): string[] {
  return [...leadLines(opening, forwarded).map(leadName), ...(stock.sizeOf('trends') ? ['trends'] : [])]
}

function contentsOf(stock: Stock, { contentsFrom }: Layout, papers: readonly number[]): string[] {
  if (contentsFrom === null || papers.length < contentsFrom || !stock.sizeOf('contents')) return []
  return ['contents', ...papers.map((position) => `item/${position}`), 'contents-end']
}

/**
 * Names the papers' pieces with a heading before what missed editions held, and before the lines of
 * a week.
 */
function underHeadings(
  stock: Stock,
  layout: Layout,
  selection: Selection,
  papers: readonly number[],
  names: readonly string[],
): string[] {
  const before = headingsBefore(stock, layout, selection, papers)
  return names.flatMap((name, index) => [...(before.get(index) ?? []), name])
}

function headings(stock: Stock, layout: Layout, selection: Selection, papers: readonly number[]): string[] {
  return [...headingsBefore(stock, layout, selection, papers).values()].flat()
}

function headingsBefore(
  { sections, sizeOf }: Stock,
  layout: Layout,
  selection: Selection,
  papers: readonly number[],
): Map<number, string[]> {
  const missed = missedIn(selection)
  const firstLate = papers.findIndex((position) => sections.get(position) === 'late' || missed.has(position))
  const firstLine = layout.large + layout.compact
  const list =
    firstLine < papers.length && firstLine > 0 && sizeOf('section/list') ? [[firstLine, 'section/list'] as const] : []
  const late = firstLate >= 0 && sizeOf('section/late') ? [[firstLate, 'section/late'] as const] : []
  return new Map([...list, ...late].map(([index, name]) => [index, [name]]))
}

/**
 * Names the lines of the ranked papers that follow the reader's own, while they fit. Only for a
 * selection that holds the first places of the edition: to whoever had papers before, or wants none
 * below some votes or without code, the others are no news.
 */
function alsoOf(stock: Stock, { papers, reasons }: Selection, size: Size): string[] {
  const heading = stock.sizeOf('section/also')
  const ranked = papers.filter((position) => stock.sections.get(position) === 'ranked')
  const filtered = reasons.includes(REASON_CHOSEN)
  if (!heading || filtered || ranked.length === 0 || ranked.some((position, index) => position !== index + 1)) return []
  const names: string[] = []
  let total = sumSizes([size, heading])
  const most = Math.min(ALSO_MAX, ROWS_MAX - papers.length)
  for (let position = ranked.length + 1; names.length < most; position++) {
    if (stock.sections.get(position) !== 'ranked') break
    const own = stock.sizeOf(`also/${position}`)
    // Withdrawn or bad: the next one counts instead.
    if (!own) continue
    total = sumSizes([total, own])
    if (!fits(total)) break
    names.push(`also/${position}`)
  }
  return names.length > 0 ? ['section/also', ...names] : []
}
