// What mails print of one place, by form: plain values for the templates. Pure; knows nothing of
// HTML.
import type { EditionKind, Length } from '../database/states.ts'
import type { Place } from '../edition/place.ts'
import type { EditionDate, Paper } from '../source/paper.ts'
import { authorLine } from './authors.ts'
import type { Form } from './joining/order.ts'
import type { Level } from './piece/budget.ts'
import { paperLinks } from './piece/links.ts'
import { markSlot, REMARK } from './piece/piece.ts'
import { riseWords } from './rise.ts'
import { sentenceOf } from './sentence/sentence.ts'
import { isolated } from './text/direction.ts'
import { shortenToSentence } from './text/sentences.ts'
import { cleanText, nameOf, shorten, shortenToLength } from './text/text.ts'
import { brieflyCounted, counted, shortDate } from './text/words.ts'

/** What all forms print. Every text may be ''; the templates leave out what is. */
export interface PaperLine {
  position: number
  /** A paper of an earlier day. */
  quiet: boolean
  /** What stands in the margin: the place, or a sign for papers of earlier days. */
  numeral: string
  /** The same with its indent, for the text part. */
  number: string
  title: string
  /** For a line that should not be a paragraph. */
  shortTitle: string
  /** Of a late riser: how its votes rose, and since when; '' where the source has none. */
  votes: string
  /** The date it was listed on, where that says something. */
  note: string
  authors: string
  paperUrl: string
  /**
   * The place for what a reader's own choices add, behind the votes. Only mails fill it.
   */
  remark: string
  /** Whether there are votes or a note, behind which the remark stands. */
  stated: boolean
  /** Whether anything stands in the line that would begin with them. */
  facts: boolean
}

/** The values of the templates' paper: a large card or a compact one. */
export interface Card extends PaperLine {
  large: boolean
  text: string
  links: { label: string; url: string }[]
}

/** One entry of the contents list. */
export interface ContentsItem {
  position: number
  numeral: string
  number: string
  title: string
}

export interface PrintedEdition {
  date: EditionDate
  kind: EditionKind
  /** Whether anybody voted for any of its papers. */
  isVoted: boolean
}

// In graphemes. The source caps titles and abstracts already; these keep one odd paper from filling
// a mail.
const TITLE_MAX = 300
const NAME_MAX = 60
/** With the organisation they keep to a line or two of a phone. */
const AUTHORS_SHOWN = 2
/** Two lines of a phone: what follows the colon is often all that a title tells. */
const LINE_TITLE_MAX = 84
const ITEM_TITLE_MAX = 32
/**
 * A grapheme has no end of its own (letters may carry any number of marks): at most so many UTF-16
 * code units for each.
 */
const UNITS_A_GRAPHEME = 4
/**
 * By level. First abstracts get shorter and give way to the sentence; then that gets shorter too;
 * the last level is a line.
 */
const ABSTRACT_MAX: readonly number[] = [6000, 1200, 700, 400, 0, 0, 0]
const SENTENCE_MAX: readonly number[] = [320, 320, 320, 320, 320, 160, 0]
const ONE_AUTHOR_LEVEL = 5
/** Of a numeral in the text part, with its full stop. */
const NUMBER_WIDTH = 4

/** Returns the values of a place's card, `level` times shortened. */
export function cardOf(
  place: Place,
  edition: PrintedEdition,
  length: Length,
  form: Exclude<Form, 'line'>,
  level: Level = 0,
): Card {
  const links = paperLinks(place.paper)
  const large = form === 'large'
  const line = lineOf(place, edition)
  const authors = large ? peopleOf(place, level) : ''
  const made = links ? linksOf(place, links, large) : []
  return {
    ...line,
    authors,
    facts: line.stated || (large ? authors !== '' : made.length > 0),
    large,
    text: textOf(place, length, level),
    links: made,
  }
}

/** Returns the values of a place's line. With `named` it says who wrote the paper. */
export function lineOf(place: Place, edition: PrintedEdition, named = false): PaperLine {
  const rose = place.section === 'rising'
  const title = capped(place.paper, place.paper.title, TITLE_MAX)
  const unrisen = edition.isVoted ? counted(place.upvotes, 'vote') : ''
  const votes = rose ? riseWords(place, edition.date) : unrisen
  const note = rose || (place.section === 'ranked' && edition.kind === 'daily') ? '' : shortDate(place.listedOn)
  const authors = named ? peopleOf(place, ONE_AUTHOR_LEVEL) : ''
  const stated = votes !== '' || note !== ''
  return {
    position: place.position,
    quiet: place.section !== 'ranked',
    ...numbersOf(place, edition.kind),
    title,
    shortTitle: isolated(nameOf(title, named ? TITLE_MAX : LINE_TITLE_MAX)),
    votes,
    note,
    authors,
    paperUrl: paperLinks(place.paper)?.paper ?? '',
    remark: markSlot(REMARK),
    stated,
    facts: stated || authors !== '',
  }
}

/** Returns the values of a place's entry in the contents list. */
export function itemOf(place: Place, kind: EditionKind): ContentsItem {
  const title = nameOf(capped(place.paper, place.paper.title, TITLE_MAX), ITEM_TITLE_MAX)
  return { position: place.position, ...numbersOf(place, kind), title }
}

function numbersOf(place: Place, kind: EditionKind): { numeral: string; number: string } {
  if (place.section !== 'ranked') {
    const sign = place.section === 'rising' ? '↑' : '+'
    return { numeral: sign, number: sign.padEnd(NUMBER_WIDTH) }
  }
  // A week's papers were ranked anew: their place on their own date is not their place here.
  const numeral = String(kind === 'weekly' ? place.position : place.rank)
  return { numeral, number: `${numeral}.`.padEnd(NUMBER_WIDTH) }
}

function peopleOf({ paper }: Place, level: Level): string {
  const { authors, organization } = paper
  // Thousands of names take a while to clean; few are printed.
  const names = authors.map((name, index) => (index < AUTHORS_SHOWN ? capped(paper, name, NAME_MAX) : name))
  if (level >= ONE_AUTHOR_LEVEL) return authorLine(names, 1)
  const house = organization === null ? '' : isolated(capped(paper, organization, NAME_MAX))
  return [authorLine(names, AUTHORS_SHOWN), house].filter((part) => part !== '').join(' · ')
}

function textOf({ paper }: Place, length: Length, level: Level): string {
  const max = length === 'full' ? (ABSTRACT_MAX[level] ?? 0) : 0
  const abstract = max === 0 ? '' : shortenToSentence(capped(paper, paper.abstract, ABSTRACT_MAX[0] ?? 0), max)
  return abstract || capped(paper, sentence(paper), SENTENCE_MAX[level] ?? 0)
}

/** All of one rank; a compact card has no room for the project. */
function linksOf(
  { paper, comments }: Place,
  links: NonNullable<ReturnType<typeof paperLinks>>,
  large: boolean,
): Card['links'] {
  const stars = paper.codeStars ? ` ★ ${brieflyCounted(paper.codeStars)}` : ''
  return [
    { label: 'PDF', url: links.pdf },
    ...(links.code ? [{ label: `Code${stars}`, url: links.code }] : []),
    ...(links.project && large ? [{ label: 'Project', url: links.project }] : []),
    { label: comments === 0 ? 'Discussion' : counted(comments, 'comment'), url: links.discussion },
  ]
}

function sentence(paper: Paper): string {
  return once(paper, `${paper.title}\n${paper.abstract}\n${paper.summary}`, () => sentenceOf(paper))
}

function capped(paper: Paper, text: string, max: number): string {
  if (max === 0) return ''
  return once(paper, `${max} ${text}`, () => shortenToLength(shorten(cleanText(text), max), max * UNITS_A_GRAPHEME))
}

/** By the paper, then by what its text was made from. */
const made = new WeakMap<Paper, Map<string, string>>()

/**
 * Makes a text of a paper once, however many forms, levels and lengths print it: cleaning takes
 * longer than all the rest of a card.
 */
function once(paper: Paper, key: string, make: () => string): string {
  const texts = made.get(paper) ?? new Map<string, string>()
  made.set(paper, texts)
  const known = texts.get(key)
  if (known !== undefined) return known
  const text = make()
  texts.set(key, text)
  return text
}
