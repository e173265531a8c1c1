// Invented places for tests that need some; each test names only what it is about.
import type { Place } from '../../src/edition/place.ts'
import type { Paper } from '../../src/source/paper.ts'

export function makePaper(given: Partial<Paper> & { id: string }): Paper {
  return {
    arxivId: /^\d{4}\.\d{5}$/.test(given.id) ? given.id : null,
    title: `Paper ${given.id}`,
    abstract: `What paper ${given.id} found, at some length.`,
    summary: `What paper ${given.id} found, in short.`,
    authors: ['Ada Lovelace', 'Emmy Noether'],
    authorCount: null,
    organization: null,
    keywords: [],
    codeUrl: null,
    codeStars: null,
    projectUrl: null,
    publishedAt: '2026-03-04T18:00:00.000Z',
    withdrawnAt: null,
    ...given,
  }
}

export function makePlace(
  given: Partial<Omit<Place, 'paper'>> & { position: number },
  paper: Partial<Paper> = {},
): Place {
  return {
    section: 'ranked',
    listedOn: '2026-03-05',
    rank: given.position,
    upvotes: 100 - given.position,
    comments: 0,
    reason: `place ${given.position}`,
    ...given,
    paper: makePaper({ id: `2603.${String(given.position).padStart(5, '0')}`, ...paper }),
  }
}
