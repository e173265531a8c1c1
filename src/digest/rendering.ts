// An edition's places become pieces, once an edition and length: cards first, then what stands
// around them.
import type { EditionKind, Length } from '../database/states.ts'
import { isOfferedLate, isVoted, type Place } from '../edition/place.ts'
import { SECTION_MAX } from './choosing/selection.ts'
import { cardOf, itemOf, lineOf, type PrintedEdition } from './forms.ts'
import { alsoHeading, hostFrame, lateHeading, listHeading, type Sheet, sheetFrame } from './frame.ts'
import { JOIN_VERSION, type LayoutPiece } from './joining/joining.ts'
import { layoutOf } from './joining/layout.ts'
import { ALSO_MAX, type Form, type Layout, LINE_LEVEL, paperName } from './joining/order.ts'
import { OPENING_SIZE_MAX } from './joining/printed-opening.ts'
import { neededVariants } from './joining/variants.ts'
import { plainOpening } from './opening.ts'
import { type Level, type Size, sumSizes } from './piece/budget.ts'
import { envelopeOf, type Host } from './piece/envelope.ts'
import { makePiece, markSlot, type Piece, twinSize, WORD_NAMES } from './piece/piece.ts'
import { readTemplate } from './template/files.ts'
import { lighten } from './template/lighten.ts'
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
import { trendsOf } from './trends.ts'

export type { Sheet } from './frame.ts'
export type { Host } from './piece/envelope.ts'

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
  /**
   * Returns the form of a notice in one of NOTICE_VERSIONS; an earlier one is compiled when the
   * first notice of it is repeated.
   */
  notice(version: number): Promise<NoticeForm>
}

/** What is filled whole, in one part: a notice, or the host's morning report. */
export type NoticeForm = Record<Medium, Parts<NoticePart>>

/** What a process knows of the templates from its start on, and the rest once it is needed. */
export interface TemplateFiles {
  topics: Topics
  /**
   * Compiles what was read at the opening, at the first call only: half a second that whoever joins
   * and sends never needs. Throws a PermanentError that names file, line and tag of whatever is
   * wrong.
   */
  templates(): Promise<Templates>
  /** The same for the morning report, which one process a day needs. */
  reportTemplate(): Promise<NoticeForm & Pick<Templates, 'theme'>>
}

/** Told of each paper that could not be rendered and is left out of every mail. */
export type ReportBad = (place: Place, error: unknown) => void

/**
 * Reads the templates, those of a host's directory first; what is written to them later changes
 * nothing. `data` is from there too unless given. Throws a PermanentError when a file cannot be
 * read or theme or topics do not hold.
 */
export function openTemplates(directory?: string, data = readData(directory)): TemplateFiles {
  const read = {
    ...data,
    files: new Map(FILES.map((file) => [file, readTemplate(file, directory)])),
    // A host's own notice is the same in every version: what was attempted was made from it.
    notice1: new Map(NOTICE_FILES.map((file) => [file, readTemplate(file, directory, `version-1/${file}`)])),
  }
  let compiled: Promise<Templates> | undefined
  return {
    topics: read.topics,
    templates() {
      compiled ??= compileTemplates(read)
      return compiled
    },
    reportTemplate: () => compileReport(read),
  }
}

function readData(directory?: string): Pick<Templates, 'theme' | 'topics'> {
  return { theme: readTheme(directory), topics: readTopics(directory) }
}

/** Opens the templates and compiles them at once. */
export async function loadTemplates(directory?: string): Promise<Templates> {
  return openTemplates(directory).templates()
}

const NOTICE_FILES = ['notice.mjml', 'mail.css', 'notice.txt'] as const
const FILES = ['digest.mjml', 'digest.css', 'digest.txt', ...NOTICE_FILES, 'report.mjml', 'report.txt'] as const
type File = (typeof FILES)[number]
type Sources = ReadonlyMap<File, string>

interface Read {
  theme: Theme
  topics: Topics
  files: Sources
  notice1: Sources
}

/** Returns what checks and compiles files that were read. */
function openCompiler(theme: Theme, files: Sources) {
  const source = (file: File) => files.get(file) as string
  return {
    html: async (file: File, styleFile: File) =>
      compileMjml(source(file), file, { theme, style: source(styleFile), styleFile }),
    text(file: File) {
      checkTemplate(source(file), file)
      return source(file)
    },
  }
}

async function compileReport({ theme, files }: Read): Promise<NoticeForm & Pick<Templates, 'theme'>> {
  const { html, text } = openCompiler(theme, files)
  return {
    theme,
    html: compileParts(await html('report.mjml', 'mail.css'), NOTICE_PARTS, 'html', 'report.mjml'),
    text: compileParts(text('report.txt'), NOTICE_PARTS, 'text', 'report.txt'),
  }
}

async function compileTemplates(read: Read): Promise<Templates> {
  const { theme, topics, files } = read
  const { html, text } = openCompiler(theme, files)
  const notice = await compileNotice(theme, files)
  let notice1: Promise<NoticeForm> | undefined
  return {
    theme,
    topics,
    html: compileParts(lighten(await html('digest.mjml', 'digest.css')), DIGEST_PARTS, 'html', 'digest.mjml'),
    text: compileParts(text('digest.txt'), DIGEST_PARTS, 'text', 'digest.txt'),
    async notice(version) {
      if (version !== 1) return notice
      notice1 ??= compileNotice(theme, read.notice1)
      return notice1
    },
  }
}

async function compileNotice(theme: Theme, files: Sources): Promise<NoticeForm> {
  const { html, text } = openCompiler(theme, files)
  return {
    html: compileParts(await html('notice.mjml', 'mail.css'), NOTICE_PARTS, 'html', 'notice.mjml'),
    text: compileParts(text('notice.txt'), NOTICE_PARTS, 'text', 'notice.txt'),
  }
}

/** HTML and text of one thing, and what they weigh together. */
interface Twin {
  pieces: [html: Piece, text: Piece]
  size: Size
}

/** A paper in the forms that mails of this length print it in. */
interface PaperTwins {
  place: Place
  forms: Partial<Record<Form, Twin>> & { line: Twin }
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
  const layout = layoutOf(sheet.kind, length)
  const edition: PrintedEdition = { date: sheet.date, kind: sheet.kind, isVoted: isVoted(sheet.places) }
  const twin = (part: DigestPart, name: string, values: object) => fillTwin(templates, part, name, values)
  const card = (place: Place, form: Exclude<Form, 'line'>, level: Level) =>
    twin('paper', paperName(form, place.position, level), cardOf(place, edition, length, form, level))
  const papers = renderGood(
    sheet.places,
    (place): PaperTwins => ({
      place,
      forms: {
        line: twin('line', paperName('line', place.position), lineOf(place, edition, length === 'titles')),
        ...(layout.large > 0 && { large: card(place, 'large', 0) }),
        ...(layout.compact > 0 && { compact: card(place, 'compact', 0) }),
      },
    }),
    report,
  )
  const good = papers.map(({ place }) => place)
  const brand = hostFrame(host, templates.theme)
  const frame = { ...brand, ...sheetFrame(sheet, host) }
  const around = [
    twin('head', 'head', frame),
    twin('foot', 'foot', frame),
    ...renderSections(sheet, good, layout, twin),
    ...renderTrends(sheet, templates, twin),
  ]
  const contents = layout.contentsFrom === null ? [] : renderContents(good, sheet.kind, twin)
  const more = (left: number) => twin('more', `more/${left}`, { left, viewUrl: frame.viewUrl })
  const fixed = sumSizes([OPENING_SIZE_MAX, ...[...around, ...contents].map(({ size }) => size)])
  const shorter = neededVariants<Twin>(
    papers.map(({ place, forms }) => ({ section: isOfferedLate(place) ? 'late' : place.section, forms })),
    layout,
    fixed,
    {
      shorten: (index, form, level) => {
        const { place, forms } = papers[index] as PaperTwins
        return level === LINE_LEVEL ? forms.line : card(place, form, level)
      },
      more,
    },
  )
  const also = length === 'titles' ? [] : renderAlso(good, edition, twin)
  // For pages that anyone may be handed: nothing in them belongs to one reader.
  const forwarded = { ...frame, unsubscribeUrl: '', viewUrl: '', preferencesUrl: '', steps: [] }
  const views = [twin('head', 'head-view', forwarded), twin('foot', 'foot-view', forwarded)]
  const sections = sheet.places.map(({ position, section }) => [position, section] as const)
  const plan: LayoutPiece = { join: JOIN_VERSION, ...layout, sections, plain: plainOpening(sheet) }
  const forms = papers.flatMap(({ forms: { large, compact, line } }) => [large ?? [], compact ?? [], line].flat())
  return [
    makePiece('envelope', JSON.stringify(envelopeOf(host, brand.name, sheet.kind, length))),
    makePiece('layout', JSON.stringify(plan)),
    ...[...around, ...renderLead(twin), ...contents, ...forms, ...shorter, ...also, ...views].flatMap(
      ({ pieces }) => pieces,
    ),
  ]
}

type FillTwin = (part: DigestPart, name: string, values: object) => Twin

/** Renders the line of the lead block, which a selection's words fill: with a link and without. */
function renderLead(twin: FillTwin): Twin[] {
  const words = Object.fromEntries(WORD_NAMES.map((name) => [name, markSlot(name)]))
  return [twin('lead', 'lead', words), twin('lead', 'lead/plain', { ...words, url: '' })]
}

function renderSections({ kind }: Sheet, good: readonly Place[], { large, compact }: Layout, twin: FillTwin): Twin[] {
  const isList = kind === 'weekly' && large + compact > 0
  return [
    ...(isList ? [twin('section', 'section/list', listHeading())] : []),
    ...(good.some(isOfferedLate) ? [twin('section', 'section/late', lateHeading())] : []),
  ]
}

function renderTrends({ kind, places, weekBefore }: Sheet, { topics }: Templates, twin: FillTwin): Twin[] {
  if (kind !== 'weekly' || !weekBefore) return []
  const trends = trendsOf(places, weekBefore, topics)
  return trends.up === '' && trends.down === '' ? [] : [twin('trends', 'trends', trends)]
}

function renderContents(good: readonly Place[], kind: EditionKind, twin: FillTwin): Twin[] {
  return [
    twin('contents', 'contents', {}),
    ...good.map((place) => twin('item', `item/${place.position}`, itemOf(place, kind))),
    twin('contentsEnd', 'contents-end', {}),
  ]
}

/** Renders a line for every paper that may follow a reader's own. */
function renderAlso(good: readonly Place[], edition: PrintedEdition, twin: FillTwin): Twin[] {
  const lines = good
    .filter(({ position }) => position > 1 && position <= SECTION_MAX.ranked + ALSO_MAX)
    .filter(({ section, paper }) => section === 'ranked' && paper.withdrawnAt === null)
    .map((place) => twin('line', `also/${place.position}`, { ...lineOf(place, edition), remark: '' }))
  return lines.length === 0 ? [] : [twin('section', 'section/also', alsoHeading(edition)), ...lines]
}

function renderGood(places: readonly Place[], render: (place: Place) => PaperTwins, report: ReportBad): PaperTwins[] {
  const bad: { place: Place; error: unknown }[] = []
  const papers = places.flatMap((place) => {
    try {
      return [render(place)]
    } catch (error) {
      bad.push({ place, error })
      return []
    }
  })
  // Not one bad paper but a bad template: nothing may be sent from it.
  if (papers.length === 0 && bad[0]) throw bad[0].error
  for (const { place, error } of bad) report(place, error)
  return papers
}

function fillTwin(templates: Templates, part: DigestPart, name: string, values: object): Twin {
  const html = makePiece(`html/${name}`, templates.html[part](values))
  const text = makePiece(`text/${name}`, templates.text[part](values))
  return { pieces: [html, text], size: twinSize(html, text) }
}
