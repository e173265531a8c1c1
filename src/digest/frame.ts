// The words around the cards: the date, the day in one line, what an inbox shows beside the
// subject, headings and footer. Pure.
import type { EditionKind, Section } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import type { EditionDate } from '../source/paper.ts'
import { STEPS } from '../subscriber/change.ts'
import type { Host } from './envelope.ts'
import { hostLinks } from './links.ts'
import type { Theme } from './template/theme.ts'
import { cleanText, shortTitle } from './text/text.ts'
import { counted, longDate, shortDate } from './words.ts'

/** What is rendered: a frozen edition's places in order. */
export interface Sheet {
  date: EditionDate
  kind: EditionKind
  incomplete: boolean
  places: readonly Place[]
}

export interface Heading {
  heading: string
  explanation: string
}

const HEADINGS: Record<Exclude<Section, 'ranked'>, Heading> = {
  rising: { heading: 'Rising since', explanation: 'Papers of the last few days that votes have lifted.' },
  late: { heading: 'From earlier days', explanation: 'Papers of editions that went into this one.' },
}
/** A lead that is a whole title would make two lines of the day's one. */
const DAY_LEAD_MAX = 70
const PREHEADER_PAPERS = 3
const PREHEADER_LEAD_MAX = 50

/** Returns the heading of a section of cards. */
export function headingOf(section: Exclude<Section, 'ranked'>): Heading {
  return HEADINGS[section]
}

/** Returns the heading of the lines after the reader's own papers. */
export function alsoHeading(kind: EditionKind): Heading {
  const heading = kind === 'weekly' ? 'Also this week' : 'Also today'
  return { heading, explanation: 'What came next by votes.' }
}

/** Returns what every mail of a host says of it: name, logo and footer. */
export function hostFrame(host: Host, theme: Theme) {
  const name = cleanText(host.name ?? theme.name)
  return {
    name,
    logo: theme.logo && { ...theme.logo, alt: cleanText(theme.logo.alt) },
    frontUrl: hostLinks(host.publicUrl).front,
    site: `${name} on the web`,
    footer: cleanText(theme.footer),
    postalAddress: cleanText(host.postalAddress ?? theme.address),
  }
}

/** Returns the words that belong to an edition, and the links of its footer. */
export function sheetFrame({ date, kind, incomplete, places }: Sheet, host: Host) {
  const links = hostLinks(host.publicUrl)
  const ranked = places.filter((place) => place.section === 'ranked')
  const first = ranked
    .slice(0, PREHEADER_PAPERS)
    .map((place) => shortTitle(cleanText(place.paper.title), PREHEADER_LEAD_MAX))
  const more = ranked.length - first.length
  return {
    date: kind === 'weekly' ? `Week to ${longDate(date)}` : longDate(date),
    dayLine: dayLineOf(ranked),
    preheader: more > 0 ? `${first.join(' · ')} · and ${more} more` : first.join(' · '),
    incomplete: incomplete
      ? `This edition may be incomplete: the source had not listed everything for ${shortDate(date)} when it was closed.`
      : '',
    because: `You get this because you subscribed at ${new URL(host.publicUrl).host}.`,
    unsubscribeUrl: links.unsubscribe,
    viewUrl: links.view,
    preferencesUrl: links.preferences,
    steps: STEPS.map(({ label, step }) => ({ label, url: `${links.preferences}?step=${step}` })),
  }
}

function dayLineOf(ranked: readonly Place[]): string {
  const votes = ranked.reduce((sum, place) => sum + place.upvotes, 0)
  const count = `${counted(ranked.length, 'paper')}, ${votes === 0 ? 'no votes yet' : counted(votes, 'vote')}.`
  const [lead] = ranked
  if (!lead) return count
  const title = shortTitle(cleanText(lead.paper.title), DAY_LEAD_MAX)
  return votes === 0
    ? `${count} At the top: ${title}.`
    : `${count} At the top: ${title}, with ${counted(lead.upvotes, 'vote')}.`
}
