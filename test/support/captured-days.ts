// The captured days as places, through the source's own reader: empty where the captures are not at hand. They belong to
// others, so nothing of them is kept here.
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
const SAMPLED = 6

/** Lists the days captured on the day itself (a sample of them, unless in full), and the odd ones that can be read. */
export function capturedDays(): CapturedDay[] {
  const ordinary = readFolder('same-day').filter((_, index) => isFull || index % SAMPLED === 0)
  return [...ordinary, ...readFolder('odd')].filter(({ places }) => places.length > 0)
}

/** Lists every paper that any capture holds, each as often as it was captured with other words. */
export function capturedPapers(): Paper[] {
  const days = ['same-day', 'odd', 'final'].flatMap(readFolder).flatMap(({ places }) => places)
  const papers = [...days, ...(seedListings ?? [])].map(({ paper }) => paper)
  const known = new Map(papers.map((paper) => [[paper.title, paper.abstract, paper.summary].join('\n'), paper]))
  return [...known.values()]
}

/** Returns listings as the ranked places of a date. */
function placesFrom(listings: readonly Listing[], date: string): Place[] {
  return rankPapers(listings).map(({ rank, reason, upvotes, comments, paper }, index) => {
    return { position: index + 1, section: 'ranked', listedOn: date, rank, upvotes, comments, reason, paper }
  })
}

function readFolder(folder: string): CapturedDay[] {
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
