// What a mail says first: subject, preheader, headline, the day in one line, and the few papers
// that lead. Made once a selection from its own papers, and stored with it. Pure; names no paper
// that is not among the selection's.
import type { EditionKind } from '../database/states.ts'
import { isVoted, type Place } from '../edition/place.ts'
import type { EditionDate } from '../source/paper.ts'
import type { Choices } from '../subscriber/preferences.ts'
import type { PlaceIndex } from './choosing/place-index.ts'
import { type History, missedIn, type Opening, type Selection, selectPapers } from './choosing/selection.ts'
import { judgePlace, openWishes, strengthAt } from './choosing/wishes.ts'
import { fitOpening } from './joining/printed-opening.ts'
import { subjectLine } from './piece/envelope.ts'
import { riseNumbers, riseOf, riseWords } from './rise.ts'
import { sentenceOf } from './sentence/sentence.ts'
import { isolated } from './text/direction.ts'
import { nameOf, shorten } from './text/text.ts'
import { briefDate, counted, editionDay, grouped } from './text/words.ts'
import { type Led, lineOf, mostOf, type Told, toldIn, votesOf } from './told.ts'
import { weekLead } from './week-lead.ts'

/** What of an edition its openings say. */
export interface OpeningEdition {
  date: EditionDate
  kind: EditionKind
}

/** The papers that an opening is made of, and why each is in. */
type Chosen = Pick<Selection, 'papers' | 'reasons'>

/**
 * In UTF-16 code units, as everything here: an inbox on a phone shows about this much of a subject.
 */
const SUBJECT_MAX = 65
const NEWS_MAX = 35
const HEADLINE_TITLE_MAX = 44
const PREHEADER_MAX = 150
const PREHEADER_TITLES = 3
/** What needs no colon before numbers, which else read on from a name: `AgentScope 1.0 2 → 66`. */
const ENDED = /[?!.…:;,？！。]$/
const LEAD_PHRASE_MAX = 32

/**
 * Makes the opening of a selection. A late riser leads when it has more votes than any paper of the
 * day that the mail holds; else the mail's first paper does.
 */
export function openingOf(edition: OpeningEdition, index: PlaceIndex, choices: Choices, selection: Chosen): Opening {
  const own = toldIn(index, selection.papers)
  const { news, dayFirst, riser } = firstsOf(own, selection)
  const lead =
    edition.kind === 'weekly'
      ? weekLead(own, index)
      : dayLead(edition, index, { news, dayFirst, riser, match: matchOf(index, choices, own) })
  const preheader = preheaderOf(own, news)
  return {
    subject: subjectOf(edition, news, own.length),
    preheader: preheader.words,
    headline: headlineOf(edition.kind, news, own, index),
    day: dayLineOf(edition, own, index),
    lead: lead.map(({ line }) => line),
    // The news comes first: newsFirst goes by it.
    papers: [...new Set([news, ...lead.map(({ told }) => told), ...preheader.told].map(({ place }) => place.position))],
  }
}

/**
 * Selects from an edition for one set of choices, as selectPapers does, with what the mail says
 * first.
 */
export function selectDigest(
  edition: OpeningEdition,
  index: PlaceIndex,
  choices: Choices,
  history: History,
): Selection {
  const selection = selectPapers(index, choices, history)
  if (selection.papers.length === 0) return selection
  const opening = fitOpening(openingOf(edition, index, choices, selection))
  return { ...newsFirst(selection, opening.papers[0] as number), opening }
}

/** Lists the papers that selectDigest selects, in its order, for whoever prints nothing of them. */
export function listSelected(index: PlaceIndex, choices: Choices, history: History): readonly number[] {
  const selection = selectPapers(index, choices, history)
  if (selection.papers.length === 0) return []
  const { news } = firstsOf(toldIn(index, selection.papers), selection)
  return newsFirst(selection, news.place.position).papers
}

/**
 * Finds what leads among a selection's papers, in its order, and what was ahead of the others. Of
 * an edition that was missed nothing is a late riser.
 */
function firstsOf(
  own: readonly Told[],
  selection: Chosen,
): { news: Told; dayFirst: Told | undefined; riser: Told | undefined } {
  const missed = missedIn(selection)
  const among = (section: Place['section']) =>
    mostOf(
      own.filter(({ place }) => place.section === section && !missed.has(place.position)),
      votesOf,
    )
  const [dayFirst, riser] = [among('ranked'), among('rising')]
  const isBeaten = riser !== undefined && votesOf(riser) > (dayFirst ? votesOf(dayFirst) : 0)
  return { news: (isBeaten ? riser : own[0]) as Told, dayFirst, riser }
}

/**
 * Puts what subject and headline name on top, so that nobody has to look for it, even
 * where the reader's topics speak more for others.
 */
function newsFirst(selection: Selection, news: number): Selection {
  const at = selection.papers.indexOf(news)
  const move = <T>(list: readonly T[]) => [...list.slice(at, at + 1), ...list.slice(0, at), ...list.slice(at + 1)]
  const { papers, reasons, remarks } = selection
  return { ...selection, papers: move(papers), reasons: move(reasons), ...(remarks && { remarks: move(remarks) }) }
}

/** Returns an opening that names no paper: for whoever's own cannot be printed. */
export function plainOpening({ date, kind }: OpeningEdition): Opening {
  const what = kind === 'weekly' ? 'The papers of the week' : 'The papers of the day'
  const subject = `${what} · ${subjectDate({ date, kind })}`
  return { subject, preheader: '', headline: what, day: editionDay(date, kind), lead: [], papers: [] }
}

function subjectOf(edition: OpeningEdition, news: Told, count: number): string {
  const more = count > 1 ? ` · and ${count - 1} more` : ''
  const rest = `${more} · ${subjectDate(edition)}`
  return `${newsOf(news, Math.min(NEWS_MAX, SUBJECT_MAX - rest.length))}${rest}`
}

/** `Fri 8 Aug`, `week to 8 Aug`: the last thing, as whoever looks for a day finds it there. */
export function subjectDate({ date, kind }: OpeningEdition): string {
  const day = briefDate(date)
  return kind === 'weekly' ? `week to ${day.slice(day.indexOf(' ') + 1)}` : day
}

/**
 * What happened, in so many characters: a paper, and how it rose where it did. A subject holds no
 * sign that turns its direction, not even ours.
 */
function newsOf({ place, title }: Told, max: number): string {
  const named = (room: number) => nameOf(subjectLine(title), room)
  const rise = place.section === 'rising' ? riseOf(place) : undefined
  if (rise === undefined) return named(max)
  const fact = ` ${riseNumbers(rise)} votes`
  const room = max - fact.length
  const whole = named(room)
  const name = ENDED.test(whole) || whole.length < room ? whole : named(room - 1)
  return `${name}${ENDED.test(name) ? '' : ':'}${fact}`
}

/** What leads among a reader's own papers alone is not said to lead its day. */
function headlineOf(kind: EditionKind, news: Told, own: readonly Told[], { places }: PlaceIndex): string {
  const { place } = news
  const name = isolated(nameOf(news.title, HEADLINE_TITLE_MAX))
  const rise = place.section === 'rising' ? riseOf(place) : undefined
  if (rise) return `${name} rises from ${grouped(rise.from)} to ${counted(rise.to, 'vote')}`
  const votes = votesOf(news)
  if (votes === 0) return name
  const others = [...own.map((told) => told.place), ...places.filter(({ section }) => section === 'ranked')]
  const leads = others.every((other) => other === place || other.upvotes < votes)
  const verb = leads ? (kind === 'weekly' ? 'leads the week with' : 'leads with') : 'draws'
  return `${name} ${verb} ${counted(votes, 'vote')}`
}

function dayLineOf({ date, kind }: OpeningEdition, own: readonly Told[], { places }: PlaceIndex): string {
  const votes = own.reduce((sum, told) => sum + votesOf(told), 0)
  const count = counted(own.length, 'paper')
  const day = `${editionDay(date, kind)} · ${count}`
  if (!isVoted(places)) return day
  return `${day}, ${votes === 0 ? 'no votes yet' : counted(votes, 'vote')}`
}

interface Firsts {
  news: Told
  dayFirst: Told | undefined
  riser: Told | undefined
  match: Match | undefined
}

/**
 * The day's first, the strongest late riser and the best match, as far as the headline names
 * another.
 */
function dayLead({ date }: OpeningEdition, { places }: PlaceIndex, { news, dayFirst, riser, match }: Firsts): Led[] {
  const named = new Set([news])
  const isMost = places.every(
    ({ section, upvotes }) => section !== 'ranked' || upvotes <= (dayFirst?.place.upvotes ?? 0),
  )
  const line = (told: Told | undefined, label: string, fact: string, personal = false): Led[] => {
    if (!told || named.has(told)) return []
    named.add(told)
    return [{ told, line: lineOf(told, label, fact, personal) }]
  }
  return [
    // Beside news of another day it is what is new; beside the day's own, what its votes went to:
    // to a paper of the reader's alone only as far as this mail goes.
    ...line(
      dayFirst,
      news.place.section !== 'ranked' ? 'New today' : isMost ? 'Most votes' : 'Next by votes',
      dayFirst ? counted(votesOf(dayFirst), 'vote') : '',
    ),
    ...line(riser, 'Rising', riser ? riseWords(riser.place, date) : ''),
    ...line(match?.told, match?.label ?? '', match?.fact ?? '', true),
  ]
}

interface Match {
  told: Told
  label: string
  fact: string
}

/**
 * The paper that a reader's own topics and names speak for most; the one of most votes among
 * equals.
 */
function matchOf(index: PlaceIndex, choices: Choices, own: readonly Told[]): Match | undefined {
  if (choices.include.length + choices.authors.length + choices.organisations.length === 0) return undefined
  const wishes = openWishes(index, choices)
  const strength = ({ at }: Told) => strengthAt(wishes, at)
  const strongest = Math.max(0, ...own.map(strength))
  const strong = strongest > 0 ? own.filter((each) => strength(each) === strongest) : []
  const told = mostOf(strong, votesOf) ?? strong[0]
  if (!told) return undefined
  const { topics, authors, organisations } = judgePlace(wishes, told.at)
  const followed = authors[0] ?? organisations[0]
  const phrase = shorten(followed ?? topics[0]?.phrase ?? '', LEAD_PHRASE_MAX)
  return { told, label: followed === undefined ? 'Your topics' : 'You follow', fact: phrase }
}

/**
 * Adds the next papers of the mail, which neither subject nor headline names; of a single paper,
 * what it says.
 */
function preheaderOf(own: readonly Told[], news: Told): { words: string; told: Told[] } {
  const others = own.filter((told) => told !== news).slice(0, PREHEADER_TITLES)
  if (others.length === 0) return { words: shorten(sentenceOf(news.place.paper), PREHEADER_MAX), told: [] }
  let words = (others[0] as Told).inPreheader()
  const told = [others[0] as Told]
  for (const other of others.slice(1)) {
    const longer = `${words} · ${other.inPreheader()}`
    if (longer.length > PREHEADER_MAX) break
    words = longer
    told.push(other)
  }
  return { words, told }
}
