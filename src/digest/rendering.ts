// An edition's MJML and text templates become pieces, once an edition and length. The only file that knows MJML; what it
// refuses is never sent.
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EditionKind, Length, Section } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import { PermanentError } from '../errors.ts'
import type { EditionDate } from '../source/paper.ts'
import { type Card, cardOf } from './card.ts'
import { envelopeOf, type Host, subjectDay, subjectLead } from './envelope.ts'
import { hostLinks } from './links.ts'
import { makePiece, type Piece } from './piece.ts'
import { checkTags, checkTemplate, compileParts, type Medium, type Parts } from './template.ts'
import { cleanText, lineOf, shortTitle } from './text.ts'
import { applyTheme, parseTheme, type Theme } from './theme.ts'
import { counted, longDate, shortDate } from './words.ts'

export type { Host } from './envelope.ts'

/** The templates, read, checked and compiled: one compilation serves every edition and length. */
export interface Templates {
  theme: Theme
  html: Parts
  text: Parts
}

/** What is rendered: a frozen edition's places in order. */
export interface Sheet {
  date: EditionDate
  kind: EditionKind
  incomplete: boolean
  places: readonly Place[]
}

/** Beside src/ and beside dist/ alike. */
const TEMPLATES_DIR = fileURLToPath(new URL('../../templates', import.meta.url))
const HEADINGS: Record<Exclude<Section, 'ranked'>, { heading: string; explanation: string }> = {
  rising: { heading: 'Rising since', explanation: 'Papers of the last few days that votes have lifted.' },
  late: { heading: 'From earlier days', explanation: 'Papers of editions that went into this one.' },
}
/** A lead that is a whole title would make two lines of the day's one. */
const DAY_LEAD_MAX = 70
const PREHEADER_PAPERS = 3
const PREHEADER_LEAD_MAX = 50

/**
 * Reads the templates of a directory (the project's own by default). Throws a PermanentError that names file, line and tag
 * of whatever is wrong with them.
 */
export async function loadTemplates(directory = TEMPLATES_DIR): Promise<Templates> {
  const [mjml, text, themeJson] = await Promise.all(
    ['digest.mjml', 'digest.txt', 'theme.json'].map((file) => readTemplate(join(directory, file))),
  )
  const theme = parseTheme(themeJson as string, 'theme.json')
  checkTemplate(mjml as string, 'digest.mjml')
  checkTags(mjml as string, 'digest.mjml')
  checkTemplate(text as string, 'digest.txt')
  const html = await compileMjml(applyTheme(mjml as string, theme, 'digest.mjml'), 'digest.mjml')
  return {
    theme,
    html: compileParts(html, 'html', 'digest.mjml'),
    text: compileParts(text as string, 'text', 'digest.txt'),
  }
}

/** Renders the pieces of an edition at one length: the same sheet, host and templates always give the same bytes. */
export async function renderEdition(sheet: Sheet, length: Length, host: Host, templates: Templates): Promise<Piece[]> {
  const name = cleanText(host.name ?? templates.theme.name)
  const links = hostLinks(host.publicUrl)
  const frame = {
    ...frameOf(sheet, name),
    frontUrl: links.front,
    because: `You get this because you subscribed at ${new URL(host.publicUrl).host}.`,
    site: `${name} on the web`,
    postalAddress: cleanText(host.postalAddress ?? ''),
    unsubscribeUrl: links.unsubscribe,
    viewUrl: links.view,
  }
  const cards = sheet.places.map((place) => ({ place, card: cardOf(place, sheet.kind, length) }))
  const day = subjectDay(name, sheet.date, sheet.kind)
  return [
    makePiece('envelope', JSON.stringify(envelopeOf(host, name, sheet.kind, length))),
    makePiece('sections', JSON.stringify(sheet.places.map(({ position, section }) => [position, section]))),
    makePiece('subject/day', day),
    ...cards.map(({ place, card }) => makePiece(`subject/lead/${place.position}`, subjectLead(card.title, day))),
    ...(['html', 'text'] as const).flatMap((medium) => fillMedium(medium, templates[medium], frame, cards)),
  ]
}

function fillMedium(medium: Medium, parts: Parts, frame: object, cards: { place: Place; card: Card }[]): Piece[] {
  const sections = (['rising', 'late'] as const).filter((section) =>
    cards.some(({ place }) => place.section === section),
  )
  return [
    makePiece(`${medium}/head`, parts.head(frame)),
    ...cards.map(({ place, card }) => makePiece(`${medium}/card/${place.position}`, parts.card(card))),
    ...sections.map((section) => makePiece(`${medium}/section/${section}`, parts.section(HEADINGS[section]))),
    makePiece(`${medium}/foot`, parts.foot(frame)),
    // For pages that anyone may be handed: nothing in it belongs to one reader.
    makePiece(`${medium}/foot-view`, parts.foot({ ...frame, unsubscribeUrl: '', viewUrl: '' })),
  ]
}

/** The head's words: the date, the day in one line, what an inbox shows beside the subject. */
function frameOf({ date, kind, incomplete, places }: Sheet, name: string) {
  const ranked = places.filter((place) => place.section === 'ranked')
  const votes = ranked.reduce((sum, place) => sum + place.upvotes, 0)
  const lead = ranked[0]
  const count = `${counted(ranked.length, 'paper')}, ${votes === 0 ? 'no votes yet' : counted(votes, 'vote')}.`
  const first = ranked
    .slice(0, PREHEADER_PAPERS)
    .map((place) => shortTitle(cleanText(place.paper.title), PREHEADER_LEAD_MAX))
  const more = ranked.length - first.length
  return {
    name,
    date: kind === 'weekly' ? `Week to ${longDate(date)}` : longDate(date),
    dayLine: lead
      ? `${count} At the top: ${shortTitle(cleanText(lead.paper.title), DAY_LEAD_MAX)}, with ${counted(lead.upvotes, 'vote')}.`
      : count,
    preheader: more > 0 ? `${first.join(' · ')} · and ${more} more` : first.join(' · '),
    incomplete: incomplete
      ? `This edition may be incomplete: the source had not listed everything for ${shortDate(date)} when it was closed.`
      : '',
  }
}

async function readTemplate(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new PermanentError(`the template ${basename(path)} cannot be read`, { cause })
  }
}

/** Compiles strictly; Handlebars' marks pass through. Throws a PermanentError with a line for each problem. */
async function compileMjml(source: string, file: string): Promise<string> {
  const include = source.indexOf('<mj-include')
  if (include >= 0) {
    throw new PermanentError(`${file} line ${lineOf(source, include)} (mj-include): templates include no other files`)
  }
  // Loaded only here: processes that join and send never need it.
  const { default: mjml2html } = await import('mjml')
  try {
    // Left to itself, MJML links known font names to a font service that would see every reader.
    const { html } = await mjml2html(source, { validationLevel: 'strict', keepComments: true, fonts: {} })
    // Indentation is a fifth of the bytes and says nothing to a mail client.
    return html.replace(/^[ \t]+/gm, '').replace(/\n{2,}/g, '\n')
  } catch (cause) {
    const problems = mjmlProblems(cause).map(
      ({ line, tagName, message }) => `${file} line ${line} (${tagName}): ${message}`,
    )
    throw problems.length > 0 ? new PermanentError(problems.join('\n')) : new PermanentError(file, { cause })
  }
}

function mjmlProblems(error: unknown): { line: number; tagName: string; message: string }[] {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors : []
}
