// What a card prints of one place: plain values for the templates, by length. Pure; knows nothing of HTML.
import type { EditionKind, Length } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import { paperLinks } from './links.ts'
import { cleanText, shorten } from './text.ts'
import { authorLine, brieflyCounted, counted, shortDate } from './words.ts'

/** The values of the templates' card. Every text may be ''; the templates leave out what is. */
export interface Card {
  /** Titles only: less room, less said. */
  brief: boolean
  /** What stands in the margin: the place, or a sign for papers of earlier days. */
  numeral: string
  /** The same with its indent, for the text part. */
  number: string
  title: string
  votes: string
  comments: string
  /** The date it was listed on, unless that is this edition's. */
  note: string
  authors: string
  text: string
  paperUrl: string
  links: { label: string; url: string; chip: boolean }[]
  reason: string
}

// In graphemes. The source caps titles and abstracts already; these keep one odd paper from filling a mail.
const TITLE_MAX = 300
const NAME_MAX = 60
const REASON_MAX = 160
const SUMMARY_MAX = 320
/** Abstracts get shorter down the page, so that a day of forty papers in full stays under what mail clients clip. */
const ABSTRACT_MAX = [
  { upTo: 10, graphemes: 1200 },
  { upTo: 20, graphemes: 600 },
  { upTo: Number.POSITIVE_INFINITY, graphemes: 300 },
]

/** Returns the values of a place's card. */
export function cardOf(place: Place, kind: EditionKind, length: Length): Card {
  const brief = length === 'titles'
  const links = paperLinks(place.paper)
  // A week's papers were ranked anew: their place on their own date is not their place here.
  const number = place.section === 'ranked' ? String(kind === 'weekly' ? place.position : place.rank) : '+'
  return {
    brief,
    numeral: number,
    number: place.section === 'ranked' ? `${number}.`.padEnd(4) : number.padEnd(4),
    title: shorten(cleanText(place.paper.title), TITLE_MAX),
    votes: counted(place.upvotes, 'vote'),
    comments: brief || place.comments === 0 ? '' : counted(place.comments, 'comment'),
    note: noteOf(place, kind),
    authors: peopleOf(place, brief),
    text: brief ? '' : textOf(place, length),
    paperUrl: links?.paper ?? '',
    links: brief || !links ? [] : linksOf(place, links),
    reason: brief ? '' : reasonOf(place),
  }
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
  const names = authorLine(authors.map((name) => shorten(cleanText(name), NAME_MAX)))
  const house = organization === null || brief ? '' : shorten(cleanText(organization), NAME_MAX)
  return [names, house].filter((part) => part !== '').join(' · ')
}

function textOf({ position, paper }: Place, length: Length): string {
  const summary = shorten(cleanText(paper.summary), SUMMARY_MAX)
  if (length === 'short') return summary
  const max = ABSTRACT_MAX.find(({ upTo }) => position <= upTo)?.graphemes ?? 0
  return shorten(cleanText(paper.abstract), max) || summary
}

function linksOf({ paper }: Place, links: NonNullable<ReturnType<typeof paperLinks>>): Card['links'] {
  const stars = paper.codeStars ? ` ★ ${brieflyCounted(paper.codeStars)}` : ''
  return [
    { label: 'PDF', url: links.pdf, chip: false },
    { label: 'Discussion', url: links.discussion, chip: false },
    ...(links.code ? [{ label: `Code${stars}`, url: links.code, chip: true }] : []),
    ...(links.project ? [{ label: 'Project page', url: links.project, chip: true }] : []),
  ]
}
