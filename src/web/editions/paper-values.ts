// What a page prints of one paper, twin of templates/pages/papers.hbs: plain values, each with what
// it means. Pure; knows nothing of HTML.
import { createHash } from 'node:crypto'
import type { EditionKind } from '../../database/states.ts'
import { firstAuthors } from '../../digest/authors.ts'
import { pageLinks } from '../../digest/card.ts'
import { paperLinks } from '../../digest/piece/links.ts'
import { sentenceOf } from '../../digest/sentence/sentence.ts'
import { isolated } from '../../digest/text/direction.ts'
import { cleanText } from '../../digest/text/text.ts'
import { counted, longDate, shortDate } from '../../digest/text/words.ts'
import type { Place } from '../../edition/place.ts'
import type { Paper } from '../../source/paper.ts'

/** A paper's votes and comments as the newest look found them. */
export interface Standing {
  upvotes: number
  comments: number
}

/** What is said of a paper wherever it stands; '' for what is not known. */
export interface PaperFacts {
  title: string
  paperUrl: string
  /** The first names, with their organisation. */
  people: string
  /** How many authors there are. */
  authors: string
  /** The day on which it was published, in words and as a machine reads it. */
  published: string
  publishedOn: string
  abstract: string
  links: { label: string; url: string }[]
}

/** Votes, each number with its time; '' where the source has none. */
export interface VoteValues {
  votes: string
  votesWhen: string
  votesNow: string
  comments: string
}

/** A paper in the list of a page. */
export interface PaperValues extends PaperFacts, VoteValues {
  /** Where on its page it stands: what a link to it ends with. */
  anchor: string
  /** Its place; a sign for papers that have none. */
  numeral: string
  /** The date it was listed on, in a week. */
  note: string
  summary: string
}

const ANCHOR_CHARACTERS = 12

/** Names a paper's place on its page. Ids of titles hold what no link should. */
export function anchorOf({ id }: Pick<Paper, 'id'>): string {
  const name = /^[\w./-]+$/.test(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, ANCHOR_CHARACTERS)
  return `paper-${name.replace(/[./]/g, '-')}`
}

/** Returns the values of a place. */
export function paperValues(place: Place, kind: EditionKind, votes: VoteValues): PaperValues {
  const paper = place.paper
  return {
    anchor: anchorOf(paper),
    numeral: String(kind === 'weekly' ? place.position : place.rank),
    note: kind === 'weekly' ? shortDate(place.listedOn) : '',
    summary: sentenceOf(paper),
    ...votes,
    ...paperFacts(paper),
  }
}

/** Returns what is said of a paper wherever it stands. */
export function paperFacts(paper: Paper): PaperFacts {
  const { authors, authorCount, organization, publishedAt } = paper
  const count = authors.length || (authorCount ?? 0)
  const links = paperLinks(paper)
  return {
    title: cleanText(paper.title),
    paperUrl: links?.paper ?? '',
    people: [firstAuthors(authors), isolated(cleanText(organization ?? ''))].filter(Boolean).join(' · '),
    authors: count === 0 ? '' : counted(count, 'author'),
    published: publishedAt === null ? '' : longDate(publishedAt.slice(0, 10)).replace(/^\S+ /, ''),
    publishedOn: publishedAt?.slice(0, 10) ?? '',
    abstract: cleanText(paper.abstract),
    links: links ? pageLinks(paper, links) : [],
  }
}

/**
 * Returns the votes of a paper, each number with its time: when its order was fixed (null while it
 * is not, and for what came later) and now.
 */
export function voteValues(frozen: number | null, now: Standing, isOpen = false): VoteValues {
  const comments = now.comments === 0 ? '' : counted(now.comments, 'comment')
  if (frozen === null) {
    return { votes: counted(now.upvotes, 'vote'), votesWhen: isOpen ? 'so far' : 'now', votesNow: '', comments }
  }
  const isSame = frozen === now.upvotes
  return {
    votes: counted(frozen, 'vote'),
    votesWhen: isSame ? 'when ranked and now' : 'when ranked',
    votesNow: isSame ? '' : `${now.upvotes.toLocaleString('en-US')} now`,
    comments,
  }
}
