// What a paper is, and the port through which sources hand papers over. Foreign field names stop
// before this file.
import * as z from 'zod'
import { readStored } from '../database/stored.ts'

/** A calendar date in UTC, `YYYY-MM-DD`: the day under which a source lists a paper. */
export type EditionDate = string

/**
 * The facts of one paper that do not move with votes. All texts are cleaned (NFC, no control or
 * bidi characters, one line, capped).
 */
export interface Paper {
  /** arXiv id where there is one, else `title:` and the normalised title. The key everywhere. */
  id: string
  /** Validated arXiv id; null means that no link is printed. */
  arxivId: string | null
  title: string
  abstract: string
  /** The source's own, one sentence; '' without. What is printed is chosen where it is printed. */
  summary: string
  /** Names in order; authors that the source hides are not in it. */
  authors: string[]
  /** How many there are where the source gives only their number; null where it names them. */
  authorCount: number | null
  organization: string | null
  keywords: string[]
  /** https link on a known host, rebuilt from its parts; null otherwise. */
  codeUrl: string | null
  codeStars: number | null
  projectUrl: string | null
  /** ISO 8601 in UTC. */
  publishedAt: string | null
  withdrawnAt: string | null
}

const text = z.string().catch('')
const texts = z
  .array(z.unknown())
  .transform((list) => list.filter((each) => typeof each === 'string'))
  .catch([])
const optionalText = z.string().nullable().catch(null)

const storedPaper = z.looseObject({
  arxivId: optionalText,
  title: text,
  abstract: text,
  summary: text,
  authors: texts,
  authorCount: z.int().positive().nullable().catch(null),
  organization: optionalText,
  keywords: texts,
  codeUrl: optionalText,
  codeStars: z.number().nullable().catch(null),
  projectUrl: optionalText,
  publishedAt: optionalText,
  withdrawnAt: optionalText,
})

/**
 * Reads the paper `id` as it was stored: see readStored. Without a title it goes by its id. A paper
 * that is stored with more than this program knows keeps it.
 */
export function readPaper(id: string, stored: unknown): Paper {
  const paper = readStored(storedPaper, stored)
  return { ...paper, id, title: paper.title || id }
}

/** A paper as one look at a date found it. */
export interface Listing {
  paper: Paper
  upvotes: number
  comments: number
  /**
   * When it was put on the source, ISO 8601 in UTC; absent before 2025-03-17, rewritten to midnight
   * later.
   */
  submittedAt: string | null
}

/** A row that could not be read, kept as a count and a sentence: one bad row never costs a day. */
export interface SetAside {
  /** Index in the answer, from 0. */
  index: number
  reason: string
}

/**
 * What a source answered for a date: readable rows and set-aside ones, or a refusal of the whole
 * answer.
 */
export type Answer =
  | {
      kind: 'rows'
      listings: Listing[]
      setAside: SetAside[]
      /** Length of the answer before anything was set aside. */
      length: number
      /** Days found in the rows other than the one asked for, with their counts. */
      otherDates: Record<EditionDate, number>
      /**
       * Whether the end of the list was seen (a short page); false when a full page was the last
       * one read.
       */
      ended: boolean
    }
  | { kind: 'missing' }
  | { kind: 'refused'; reason: string }

/**
 * Where papers come from. `read` throws only on passing faults (network, 5xx), already retried
 * politely.
 */
export interface Source {
  /** Stable name, stored with every date: an edition never mixes sources. */
  name: string
  read(date: EditionDate, signal?: AbortSignal): Promise<Answer>
}
