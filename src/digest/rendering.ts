// An edition's places become pieces, once an edition and length: cards first, then what stands
// around them.
import type { EditionKind, Length } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import { fits, heaviest, type Level, NO_SIZE, type Size, shorteningSteps, sumSizes } from './budget.ts'
import { alsoLineOf, type Card, cardOf } from './card.ts'
import { envelopeOf, type Host, subjectDay, subjectLead } from './envelope.ts'
import { alsoHeading, headingOf, hostFrame, type Sheet, sheetFrame } from './frame.ts'
import { ALSO_MAX, cardName } from './order.ts'
import { makePiece, type Piece, twinSize } from './piece.ts'
import { REMARK_SIZE_MAX } from './remark.ts'
import { SECTION_MAX } from './selection.ts'
import { readTemplate } from './template/files.ts'
import { compileMjml } from './template/mjml.ts'
import {
  checkTemplate,
  compileParts,
  DIGEST_PARTS,
  type Medium,
  NOTICE_PARTS,
  type Parts,
} from './template/template.ts'
import { readTheme, type Theme } from './template/theme.ts'
import { readTopics, type Topics } from './topics/topics.ts'

export type { Host } from './envelope.ts'
export type { Sheet } from './frame.ts'

type DigestPart = (typeof DIGEST_PARTS)[number]
type NoticePart = (typeof NOTICE_PARTS)[number]

/**
 * The templates, read, checked and compiled: one compilation serves every edition, length and
 * notice.
 */
export interface Templates extends Record<Medium, Parts<DigestPart>> {
  theme: Theme
  /** From the same directory: what the topics that readers name are also called. */
  topics: Topics
  notice: Record<Medium, Parts<NoticePart>>
}

/** Told of each paper that could not be rendered and is left out of every mail. */
export type ReportBad = (place: Place, error: unknown) => void

/** HTML and text of one thing, and what they weigh together. */
interface Twin {
  pieces: [html: Piece, text: Piece]
  size: Size
}

interface CardTwin extends Twin {
  place: Place
  card: Card
}

/**
 * Reads the templates, those of a host's directory first. Throws a PermanentError that names file,
 * line and tag of whatever is wrong with them.
 */
export async function loadTemplates(directory?: string): Promise<Templates> {
  const theme = readTheme(directory)
  const look = { theme, style: readTemplate('mail.css', directory) }
  const html = async (file: string) => compileMjml(readTemplate(file, directory), file, look)
  const text = (file: string) => {
    const source = readTemplate(file, directory)
    checkTemplate(source, file)
    return source
  }
  return {
    theme,
    topics: readTopics(directory),
    html: compileParts(await html('digest.mjml'), DIGEST_PARTS, 'html', 'digest.mjml'),
    text: compileParts(text('digest.txt'), DIGEST_PARTS, 'text', 'digest.txt'),
    notice: {
      html: compileParts(await html('notice.mjml'), NOTICE_PARTS, 'html', 'notice.mjml'),
      text: compileParts(text('notice.txt'), NOTICE_PARTS, 'text', 'notice.txt'),
    },
  }
}

/**
 * Renders the pieces of an edition at one length: the same sheet, host and templates always give
 * the same bytes. A paper that cannot be rendered is reported and left out; when none can, the
 * first one's error is thrown.
 */
export async function renderEdition(
  sheet: Sheet,
  length: Length,
  host: Host,
  templates: Templates,
  report: ReportBad = () => {},
): Promise<Piece[]> {
  const { date, kind } = sheet
  const mostVotes = Math.max(0, ...sheet.places.filter(isRanked).map(({ upvotes }) => upvotes))
  const twin = (part: DigestPart, name: string, values: object) => fillTwin(templates, part, name, values)
  const render = (place: Place, level: Level): CardTwin => {
    const card = cardOf(place, kind, length, { level, mostVotes })
    return { place, card, ...twin('card', cardName(place.position, level), card) }
  }
  const cards = renderGood(sheet.places, (place) => render(place, 0), report)
  const good = cards.map(({ place }) => place)
  const brand = hostFrame(host, templates.theme)
  const frame = { ...brand, ...sheetFrame({ ...sheet, places: good }, host) }
  const around = [
    twin('head', 'head', frame),
    twin('foot', 'foot', frame),
    ...(['rising', 'late'] as const)
      .filter((section) => good.some((place) => place.section === section))
      .map((section) => twin('section', `section/${section}`, headingOf(section))),
  ]
  const more = (left: number) => twin('more', `more/${left}`, { left, viewUrl: frame.viewUrl })
  const shorter = renderShorter(cards, sumSizes(around.map(({ size }) => size)), render, more)
  const also = length === 'titles' ? [] : renderAlso(good, kind, twin)
  // For pages that anyone may be handed: nothing in it belongs to one reader.
  const footView = twin('foot', 'foot-view', {
    ...frame,
    unsubscribeUrl: '',
    viewUrl: '',
    preferencesUrl: '',
    steps: [],
  })
  const day = subjectDay(brand.name, date, kind)
  return [
    makePiece('envelope', JSON.stringify(envelopeOf(host, brand.name, kind, length))),
    makePiece('sections', JSON.stringify(sheet.places.map(({ position, section }) => [position, section]))),
    makePiece('subject/day', day),
    ...cards.map(({ place, card }) => makePiece(`subject/lead/${place.position}`, subjectLead(card.title, day))),
    ...[...around, ...cards, ...shorter, ...also, footView].flatMap(({ pieces }) => pieces),
  ]
}

/**
 * Renders what mails of this edition may need to stay within their size, each card with a remark:
 * nothing on most days.
 */
function renderShorter(
  cards: readonly CardTwin[],
  frame: Size,
  render: (place: Place, level: Level) => Twin,
  more: (left: number) => Twin,
): Twin[] {
  const shorter: Twin[] = []
  const remarked = ({ size }: Twin) => sumSizes([size, REMARK_SIZE_MAX])
  const sizes = cards.map(remarked)
  const groups = (['ranked', 'rising', 'late'] as const).map((section) => ({
    indexes: cards.flatMap(({ place }, index) => (place.section === section ? [index] : [])),
    most: SECTION_MAX[section],
  }))
  const allFit = (left = 0) => {
    const sized = groups.map(({ indexes, most }) => ({ sizes: indexes.map((index) => sizes[index] as Size), most }))
    return fits(sumSizes([frame, heaviest(sized, left), left > 0 ? more(left).size : NO_SIZE]))
  }
  for (const [index, level] of shorteningSteps(cards.length)) {
    if (allFit()) return shorter
    const twin = render((cards[index] as CardTwin).place, level)
    const size = remarked(twin)
    const { html, message } = sizes[index] as Size
    if (size.message >= message || size.html >= html) continue
    sizes[index] = size
    shorter.push(twin)
  }
  for (let left = 1; left < cards.length && !allFit(left - 1); left++) shorter.push(more(left))
  return shorter
}

/** Renders a line for every paper that may follow a reader's own. */
function renderAlso(
  good: readonly Place[],
  kind: EditionKind,
  twin: (part: DigestPart, name: string, values: object) => Twin,
): Twin[] {
  const lines = good
    .filter(({ position }) => position > 1 && position <= SECTION_MAX.ranked + ALSO_MAX)
    .filter((place) => isRanked(place) && place.paper.withdrawnAt === null)
    .map((place) => twin('also', `also/${place.position}`, alsoLineOf(place, kind)))
  return lines.length === 0 ? [] : [twin('section', 'section/also', alsoHeading(kind)), ...lines]
}

function renderGood(places: readonly Place[], render: (place: Place) => CardTwin, report: ReportBad): CardTwin[] {
  const bad: { place: Place; error: unknown }[] = []
  const cards = places.flatMap((place) => {
    try {
      return [render(place)]
    } catch (error) {
      bad.push({ place, error })
      return []
    }
  })
  // Not one bad paper but a bad template: nothing may be sent from it.
  if (cards.length === 0 && bad[0]) throw bad[0].error
  for (const { place, error } of bad) report(place, error)
  return cards
}

function fillTwin(templates: Templates, part: DigestPart, name: string, values: object): Twin {
  const html = makePiece(`html/${name}`, templates.html[part](values))
  const text = makePiece(`text/${name}`, templates.text[part](values))
  return { pieces: [html, text], size: twinSize(html, text) }
}

function isRanked({ section }: Place): boolean {
  return section === 'ranked'
}
