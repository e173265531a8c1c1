// How votes grew after editions froze, from the looks that are kept: what waiting longer would have
// brought, and what late risers bring. Reads only.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { EditionDate } from '../source/paper.ts'
import { listPapers } from '../source/store.ts'
import { DAY_MS } from '../time.ts'
import { shiftDate } from './edition.ts'
import { RISING_DEPTH, rankPapers } from './ranking.ts'
import { listFrozenBefore, listPlaces } from './store.ts'

/** At the freeze, and one and two days after it. */
const DAYS = [0, 1, 2] as const
const TOP = 5

/** One number a day of DAYS, each a share from 0 to 1; null where there is nothing to share. */
export interface Growth {
  date: EditionDate
  /** Votes that the last look found. */
  votes: number
  /** Of these votes, how many were there by then. */
  share: (number | null)[]
  /** Of the five papers of most votes now: those within the first ten by then. */
  top: (number | null)[]
}

/** Measures the last `limit` editions that froze two days before `now` or earlier, newest first. */
export async function listGrowth(db: Kysely<Database>, now: Date, limit: number): Promise<Growth[]> {
  const editions = await listFrozenBefore(db, shiftDate(now.toISOString().slice(0, 10), 1), limit + DAYS.length)
  const measured: Growth[] = []
  for (const { id, date, frozenAt, archive } of editions) {
    if (archive || frozenAt === null || now.getTime() - frozenAt.getTime() < 2 * DAY_MS) continue
    const final = rankPapers(await listPapers(db, [date]))
    const votes = sum(final)
    const top = final.slice(0, TOP).map(({ paper }) => paper.id)
    const growth: Growth = { date, votes, share: [], top: [] }
    const had = new Set<string>()
    for (const days of DAYS) {
      const until = new Date(frozenAt.getTime() + days * DAY_MS)
      const then = days === 0 ? await listRanked(db, id) : rankPapers(await listPapers(db, [date], until))
      for (const { paper, rank } of then) if (rank <= RISING_DEPTH) had.add(paper.id)
      growth.share.push(votes === 0 ? null : sum(then) / votes)
      growth.top.push(top.length === 0 ? null : top.filter((paper) => had.has(paper)).length / top.length)
    }
    measured.push(growth)
    if (measured.length === limit) break
  }
  return measured
}

async function listRanked(db: Kysely<Database>, id: number) {
  return (await listPlaces(db, id)).filter(({ section }) => section === 'ranked')
}

function sum(papers: readonly { upvotes: number }[]): number {
  return papers.reduce((total, { upvotes }) => total + upvotes, 0)
}
