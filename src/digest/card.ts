// What pages and feeds print of one place: plain values for their templates, by length. Pure; knows
// nothing of HTML. What mails print is in forms.ts.
import type { EditionKind, Length } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import type { Paper } from '../source/paper.ts'
import { AUTHORS_SHOWN, authorLine } from './authors.ts'
import { type PaperLinks, paperLinks } from './piece/links.ts'
import { sentenceOf } from './sentence/sentence.ts'
import { isolated } from './text/direction.ts'
import { cleanText, shorten, shortenToLength } from './text/text.ts'
import { brieflyCounted, counted, shortDate } from './text/words.ts'

/** The values of the templates' card. Every text may be ''; the templates leave out what is. */
export interface Card {
  /** Titles only: less room, less said. */
  brief: boolean
  /** A paper of an earlier day: it stands back behind the day's own. */
  quiet: boolean
  /** What stands in the margin: the place, or a sign for papers of earlier days. */
  numeral: string
  title: string
  votes: string
  comments: string
  /** The date it was listed on, unless that is this edition's. */
  note: string
  authors: string
  text: string
  paperUrl: string
  links: { label: string; url: string }[]
  reason: string
}

// In graphemes. The source caps titles and abstracts already; these keep one odd paper from filling
// a mail.
const TITLE_MAX = 300
const NAME_MAX = 60
const REASON_MAX = 160
/**
 * A grapheme has no end of its own (letters may carry any number of marks): at most so many UTF-16
 * code units for each.
 */
const UNITS_A_GRAPHEME = 4
/** Whole: as much as is kept of one. */
const ABSTRACT_MAX = 6000
const SUMMARY_MAX = 320

/** Returns the values of a place's card; nothing of votes where its edition has none. */
export function cardOf(place: Place, kind: EditionKind, length: Length, hasVotes: boolean): Card {
  const brief = length === 'titles'
  const links = paperLinks(place.paper)
  return {
    brief,
    quiet: place.section !== 'ranked',
    numeral: numeralOf(place, kind),
    title: capped(place.paper.title, TITLE_MAX),
    votes: hasVotes ? counted(place.upvotes, 'vote') : '',
    comments: brief || place.comments === 0 ? '' : counted(place.comments, 'comment'),
    note: noteOf(place, kind),
    authors: peopleOf(place, brief),
    text: brief ? '' : textOf(place, length),
    paperUrl: links?.paper ?? '',
    links: brief || !links ? [] : pageLinks(place.paper, links),
    reason: brief ? '' : reasonOf(place),
  }
}

function numeralOf(place: Place, kind: EditionKind): string {
  if (place.section !== 'ranked') return '+'
  // A week's papers were ranked anew: their place on their own date is not their place here.
  return String(kind === 'weekly' ? place.position : place.rank)
}

function noteOf(place: Place, kind: EditionKind): string {
  if (place.section !== 'ranked') return `listed on ${shortDate(place.listedOn)}`
  return kind === 'weekly' ? shortDate(place.listedOn) : ''
}

/** Reasons are kept with plain dates; readers get them in words. */
function reasonOf(place: Place): string {
  const reason = cleanText(place.reason).replace(/\b\d{4}-\d{2}-\d{2}\b/g, shortDate)
  return shorten(reason.charAt(0).toUpperCase() + reason.slice(1), REASON_MAX)
}

function peopleOf(place: Place, brief: boolean): string {
  const { authors, organization } = place.paper
  // Thousands of names take a while to clean; three are printed.
  const names = authors.map((name, index) => (index < AUTHORS_SHOWN ? capped(name, NAME_MAX) : name))
  const house = organization === null || brief ? '' : isolated(capped(organization, NAME_MAX))
  return [authorLine(names), house].filter((part) => part !== '').join(' · ')
}

function textOf({ paper }: Place, length: Length): string {
  return (length === 'full' && capped(paper.abstract, ABSTRACT_MAX)) || capped(sentenceOf(paper), SUMMARY_MAX)
}

/** Returns what a page links of a paper, the most used first. */
export function pageLinks(paper: Paper, links: PaperLinks): Card['links'] {
  const stars = paper.codeStars ? ` ★ ${brieflyCounted(paper.codeStars)}` : ''
  return [
    { label: 'PDF', url: links.pdf },
    { label: 'Discussion', url: links.discussion },
    ...(links.code ? [{ label: `Code${stars}`, url: links.code }] : []),
    ...(links.project ? [{ label: 'Project', url: links.project }] : []),
  ]
}

function capped(text: string, max: number): string {
  return shortenToLength(shorten(cleanText(text), max), max * UNITS_A_GRAPHEME)
}
