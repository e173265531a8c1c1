// The words around the cards: the day, headings and footer. Pure.
import type { EditionKind } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import type { EditionDate } from '../source/paper.ts'
import { STEPS } from '../subscriber/change.ts'
import type { PrintedEdition } from './forms.ts'
import type { Host } from './piece/envelope.ts'
import { hostLinks } from './piece/links.ts'
import { markSlot } from './piece/piece.ts'
import type { Theme } from './template/theme.ts'
import { cleanText } from './text/text.ts'
import { editionDay, shortDate } from './text/words.ts'

/** What is rendered: a frozen edition's places in order. */
export interface Sheet {
  date: EditionDate
  kind: EditionKind
  incomplete: boolean
  places: readonly Place[]
  /** Of a weekly edition: the papers of the week before, where they are known. */
  weekBefore?: readonly Place[]
}

export interface Heading {
  heading: string
  explanation: string
}

/** Returns the heading of papers that missed editions held. */
export function lateHeading(): Heading {
  return { heading: 'From earlier days', explanation: 'From editions that you did not get.' }
}

/** Returns the heading of a week's papers behind its highlights. */
export function listHeading(): Heading {
  return { heading: 'The rest of the week', explanation: '' }
}

/** Returns the heading of the lines after the reader's own papers. */
export function alsoHeading({ kind, isVoted }: PrintedEdition): Heading {
  const heading = kind === 'weekly' ? 'Also this week' : 'Also today'
  return { heading, explanation: isVoted ? 'Next by votes' : '' }
}

/** Returns what every mail of a host says of it: name, logo and footer. */
export function hostFrame(host: Host, theme: Theme) {
  const name = cleanText(host.name ?? theme.name)
  return {
    name,
    logo: theme.logo && { darkUrl: '', ...theme.logo, alt: cleanText(theme.logo.alt) },
    frontUrl: hostLinks(host.publicUrl).front,
    site: `${name} on the web`,
    footer: cleanText(theme.footer),
    postalAddress: cleanText(host.postalAddress ?? theme.address),
  }
}

/** Returns the words that belong to an edition, and the links of its footer. */
export function sheetFrame({ date, kind, incomplete }: Sheet, host: Host) {
  const links = hostLinks(host.publicUrl)
  return {
    date: editionDay(date, kind),
    // Filled when a selection's mail is joined: what its opening says.
    preheader: markSlot('preheader'),
    headline: markSlot('headline'),
    day: markSlot('day'),
    incomplete: incomplete
      ? `This edition may be incomplete: the source had not listed everything for ${shortDate(date)} when it was closed.`
      : '',
    because: `You get this because you subscribed at ${new URL(host.publicUrl).host}.`,
    unsubscribeUrl: links.unsubscribe,
    viewUrl: links.view,
    preferencesUrl: links.preferences,
    steps: STEPS.filter(({ step }) => step !== kind).map(({ brief, label, step }) => ({
      brief,
      label,
      url: `${links.preferences}?step=${step}`,
    })),
  }
}
