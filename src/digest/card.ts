// What a card prints of one place: plain values for the templates, by length. Pure; knows nothing
// of HTML.
import type { EditionKind, Length } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import type { Level } from './budget.ts'
import { paperLinks } from './links.ts'
import { markSlot, REMARK } from './piece.ts'
import { sentenceOf } from './sentence/sentence.ts'
import { cleanText, shorten, shortenToLength } from './text/text.ts'
import { AUTHORS_SHOWN, authorLine, brieflyCounted, counted, shortDate } from './words.ts'

/** The values of the templates' card. Every text may be ''; the templates leave out what is. */
export interface Card {
  /** Titles only: less room, less said. */
  brief: boolean
  /** A paper of an earlier day: it stands back behind the day's own. */
  quiet: boolean
  /** What stands in the margin: the place, or a sign for papers of earlier days. */
  numeral: string
  /** The same with its indent, for the text part. */
  number: string
  title: string
  votes: string
  comments: string
  /**
   * The votes as a share of the leader's, in whole percent, and what is left of a hundred; 0 for no
   * bar.
   */
  bar: number
  barRest: number
  /** The date it was listed on, unless that is this edition's. */
  note: string
  authors: string
  text: string
  paperUrl: string
  links: { label: string; url: string; chip: boolean }[]
  reason: string
  /**
   * The place for what a reader's own choices add: with the reason where there is one, else with
   * the votes. Only mails fill it.
   */
  remark: string
}

interface CardOptions {
  /** How much is left out for a mail's size; 0 by default. */
  level?: Level
  /** The votes of the day's leader: what the bar is measured by. No bar without. */
  mostVotes?: number
}

/** One line of "also today": a paper of the edition that is not among the reader's own. */
export interface AlsoLine {
  numeral: string
  number: string
  title: string
  votes: string
  paperUrl: string
}

// In graphemes. The source caps titles and abstracts already; these keep one odd paper from filling
// a mail.
const TITLE_MAX = 300
const NAME_MAX = 60
const REASON_MAX = 160
const ALSO_TITLE_MAX = 120
/**
 * A grapheme has no end of its own (letters may carry any number of marks): at most so many UTF-16
 * code units for each.
 */
const UNITS_A_GRAPHEME = 4
/**
 * By level. First abstracts get shorter and give way to the summary; then that goes too; the last
 * level is a title alone.
 */
const ABSTRACT_MAX: readonly number[] = [1200, 700, 400, 0, 0, 0, 0]
const SUMMARY_MAX: readonly number[] = [320, 320, 320, 320, 160, 0, 0]
const ONE_AUTHOR_LEVEL = 5
const BARE_LEVEL = 6

/** Returns the values of a place's card. */
export function cardOf(place: Place, kind: EditionKind, length: Length, options: CardOptions = {}): Card {
  const { level = 0, mostVotes = 0 } = options
  const brief = length === 'titles'
  const bare = level >= BARE_LEVEL
  const quiet = place.section !== 'ranked'
  const links = paperLinks(place.paper)
  const bar = quiet || mostVotes <= 0 ? 0 : Math.round((100 * Math.min(place.upvotes, mostVotes)) / mostVotes)
  return {
    brief,
    quiet,
    ...numbersOf(place, kind),
    title: capped(place.paper.title, TITLE_MAX),
    votes: counted(place.upvotes, 'vote'),
    comments: brief || place.comments === 0 ? '' : counted(place.comments, 'comment'),
    bar,
    barRest: 100 - bar,
    note: noteOf(place, kind),
    authors: bare ? '' : peopleOf(place, brief, level),
    text: brief ? '' : textOf(place, length, level),
    paperUrl: links?.paper ?? '',
    links: brief || bare || !links ? [] : linksOf(place, links),
    reason: brief || bare ? '' : reasonOf(place),
    remark: markSlot(REMARK),
  }
}

/** Returns the values of a place's line in "also today". */
export function alsoLineOf(place: Place, kind: EditionKind): AlsoLine {
  return {
    ...numbersOf(place, kind),
    title: capped(place.paper.title, ALSO_TITLE_MAX),
    votes: counted(place.upvotes, 'vote'),
    paperUrl: paperLinks(place.paper)?.paper ?? '',
  }
}

function numbersOf(place: Place, kind: EditionKind): { numeral: string; number: string } {
  if (place.section !== 'ranked') return { numeral: '+', number: '+'.padEnd(4) }
  // A week's papers were ranked anew: their place on their own date is not their place here.
  const numeral = String(kind === 'weekly' ? place.position : place.rank)
  return { numeral, number: `${numeral}.`.padEnd(4) }
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

function peopleOf(place: Place, brief: boolean, level: Level): string {
  const { authors, organization } = place.paper
  // Thousands of names take a while to clean; three are printed.
  const names = authors.map((name, index) => (index < AUTHORS_SHOWN ? capped(name, NAME_MAX) : name))
  if (level >= ONE_AUTHOR_LEVEL) return authorLine(names, 1)
  const house = organization === null || brief ? '' : capped(organization, NAME_MAX)
  return [authorLine(names), house].filter((part) => part !== '').join(' · ')
}

function textOf({ paper }: Place, length: Length, level: Level): string {
  const abstract = length === 'full' ? (ABSTRACT_MAX[level] ?? 0) : 0
  return (abstract > 0 && capped(paper.abstract, abstract)) || capped(sentenceOf(paper), SUMMARY_MAX[level] ?? 0)
}

function linksOf({ paper }: Place, links: NonNullable<ReturnType<typeof paperLinks>>): Card['links'] {
  const stars = paper.codeStars ? ` ★ ${brieflyCounted(paper.codeStars)}` : ''
  return [
    { label: 'PDF', url: links.pdf, chip: false },
    { label: 'Discussion', url: links.discussion, chip: true },
    ...(links.code ? [{ label: `Code${stars}`, url: links.code, chip: true }] : []),
    ...(links.project ? [{ label: 'Project', url: links.project, chip: true }] : []),
  ]
}

function capped(text: string, max: number): string {
  return max === 0 ? '' : shortenToLength(shorten(cleanText(text), max), max * UNITS_A_GRAPHEME)
}
