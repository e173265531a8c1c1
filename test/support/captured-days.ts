// The captured days as places, through the source's own reader: empty where the captures are not at
// hand. They belong to others, so nothing of them is kept here.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Place } from '../../src/edition/place.ts'
import { rankPapers } from '../../src/edition/ranking.ts'
import { parseDailyPapers } from '../../src/source/daily-papers-answer.ts'
import type { Listing, Paper } from '../../src/source/paper.ts'
import { isFull } from './full.ts'
import { seedListings } from './seed-page.ts'

const CAPTURES = new URL('../../../shared/data/daily-papers/', import.meta.url)

export interface CapturedDay {
  /** Folder and file, for messages. */
  name: string
  date: string
  places: Place[]
}

/** One in so many ordinary days is enough between full runs; the odd ones always come. */
const SAMPLED = 12

/**
 * Lists the days captured on the day itself (a sample of them, unless in full), and the odd ones
 * that can be read.
 */
export function capturedDays(): CapturedDay[] {
  const ordinary = readFolder('same-day').filter((_, index) => isFull || index % SAMPLED === 0)
  return [...ordinary, ...readFolder('odd')].filter(({ places }) => places.length > 0)
}

/** Lists the odd days alone: each of another month. */
export function oddDays(): CapturedDay[] {
  return readFolder('odd')
}

/** Lists the papers of a month (`2025-08`) as its later capture has them, day by day. */
export function laterPapers(month: string): Paper[] {
  const rows = laterRows(month) ?? []
  const dates = new Set(rows.map(({ paper }) => paper?.submittedOnDailyAt?.slice(0, 10) ?? ''))
  return [...dates].sort().flatMap((date) => listingsOf(JSON.stringify(rowsOf(rows, date)), date).map(paperOf))
}

/** A day as its own look found it, and as one long after did where there was one. */
export interface CapturedLooks {
  date: string
  own: Listing[]
  later: Listing[] | null
}

/**
 * Lists the days of a captured month (`2025-08`) in order, with their listings; none where the
 * captures are not at hand.
 */
export function capturedMonth(month: string): CapturedLooks[] {
  const looks = months.get(month) ?? readMonth(month)
  months.set(month, looks)
  return looks
}

/** Read once a worker, like the folders. */
const months = new Map<string, CapturedLooks[]>()

function readMonth(month: string): CapturedLooks[] {
  const directory = new URL('same-day/', CAPTURES)
  if (!existsSync(directory)) return []
  const rows = laterRows(month)
  const files = readdirSync(directory).filter((file) => file.startsWith(month))
  return files.sort().map((file) => {
    const date = file.slice(0, 10)
    return {
      date,
      own: listingsOf(readFileSync(new URL(file, directory), 'utf8'), date),
      later: rows ? listingsOf(JSON.stringify(rowsOf(rows, date)), date) : null,
    }
  })
}

interface LaterRow {
  paper?: { submittedOnDailyAt?: string }
}

/** A whole month in one file, which the source's reader takes a day at a time. */
function laterRows(month: string): LaterRow[] | null {
  const file = new URL(`final/${month}.json`, CAPTURES)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null
}

function rowsOf(rows: readonly LaterRow[], date: string): LaterRow[] {
  return rows.filter(({ paper }) => paper?.submittedOnDailyAt?.startsWith(date))
}

function paperOf({ paper }: Listing): Paper {
  return paper
}

function listingsOf(text: string, date: string): Listing[] {
  const answer = parseDailyPapers(text, date)
  return answer.kind === 'rows' ? answer.listings : []
}

/** Lists every paper that any capture holds, each as often as it was captured with other words. */
export function capturedPapers(): Paper[] {
  const days = ['same-day', 'odd'].flatMap(readFolder).flatMap(({ places }) => places)
  const papers = [...[...days, ...(seedListings ?? [])].map(({ paper }) => paper), ...laterPapers('2025-08')]
  const known = new Map(papers.map((paper) => [[paper.title, paper.abstract, paper.summary].join('\n'), paper]))
  return [...known.values()]
}

/** Returns listings as the ranked places of a date. */
function placesFrom(listings: readonly Listing[], date: string): Place[] {
  return rankPapers(listings).map(({ rank, reason, upvotes, comments, paper }, index) => {
    return { position: index + 1, section: 'ranked', listedOn: date, rank, upvotes, comments, reason, paper }
  })
}

const folders = new Map<string, CapturedDay[]>()

/** Reads a folder once a worker: several files of tests look at the same days. */
function readFolder(folder: string): CapturedDay[] {
  const days = folders.get(folder) ?? readDays(folder)
  folders.set(folder, days)
  return days
}

function readDays(folder: string): CapturedDay[] {
  const directory = new URL(`${folder}/`, CAPTURES)
  if (!existsSync(directory)) return []
  return readdirSync(directory).flatMap((file) => {
    const date = file.slice(0, 10)
    const answer = parseDailyPapers(readFileSync(new URL(file, directory), 'utf8'), date)
    return answer.kind === 'rows'
      ? [{ name: `${folder}/${file}`, date, places: placesFrom(answer.listings, date) }]
      : []
  })
}
