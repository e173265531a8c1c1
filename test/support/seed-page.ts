// The page that this project was created from, through a small adapter: it has neither ids nor
// votes. Undefined where the file is not at hand.
import { existsSync, readFileSync } from 'node:fs'
import { paperFrom } from '../../src/source/outside-paper.ts'
import type { Listing } from '../../src/source/paper.ts'

const SEED_PAGE = new URL('../../../shared/data/seed-page.json', import.meta.url)

export interface SeedRow {
  title: string
  abstract: string | null
  numAuthors: number | null
  date: string | null
  comments: number | null
}

/** The page as it was read. */
export const seedRows: SeedRow[] | undefined = existsSync(SEED_PAGE)
  ? JSON.parse(readFileSync(SEED_PAGE, 'utf8'))
  : undefined

export const seedListings: Listing[] | undefined = seedRows?.flatMap(listingFrom)

/** The page gives no votes, so everybody has none. */
function listingFrom(row: SeedRow): Listing[] {
  const published = row.date === null ? Number.NaN : Date.parse(`${row.date} UTC`)
  const publishedAt = Number.isNaN(published) ? null : new Date(published).toISOString()
  const { title, abstract, numAuthors: authorCount } = row
  const paper = paperFrom({ title, abstract, authorCount, publishedAt })
  return paper === null ? [] : [{ paper, upvotes: 0, comments: row.comments ?? 0, submittedAt: null }]
}
