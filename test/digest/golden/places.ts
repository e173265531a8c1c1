// Invented places that carry what titles really hold: markup, dollar signs, template marks, other
// scripts, no arXiv id.
import type { Opening } from '../../../src/digest/choosing/selection.ts'
import type { Place } from '../../../src/edition/place.ts'
import type { Paper } from '../../../src/source/paper.ts'

export const HOST = {
  publicUrl: 'https://papers.example.org',
  mailFrom: 'Daily Papers <papers@example.org>',
  postalAddress: 'Example House, 1 Sample Street',
  unsubscribeMailto: 'leave@example.org',
}

export const PLACES: Place[] = [
  place(1, {
    title: 'Lantern: Reading <think> & "Acting" in 3 Steps',
    abstract: 'Lantern reads, thinks and acts. It costs $5 & a night.',
    summary: 'An invented agent that reads before it acts.',
    authors: ['Ada Example', 'Günther Müßig', '山田太郎', 'Fourth Author'],
    organization: 'Sample Institute',
    codeUrl: 'https://github.com/example/lantern',
    codeStars: 1234,
    projectUrl: 'https://lantern.example.org/?a=1&b=2',
  }),
  place(2, { title: "Costs of $& and $' in {{title}} Templates", authors: ['Bo Sample'], summary: '' }),
  place(3, { id: 'title:a paper without an id', arxivId: null, title: 'שלום: A Paper Without an Id' }),
  {
    ...place(4, { title: 'Slow Burner' }),
    section: 'rising',
    listedOn: '2026-03-04',
    rank: 2,
    reason: 'up from 9th to 2nd of 21 since 2026-03-04',
    upvotesBefore: 3,
  },
]

export const SELECTION = {
  papers: [1, 2, 3, 4],
  reasons: [0, 0, 0, 0],
  remarks: ['matches "<think>" in its title', '', 'by an author you follow: Günther Müßig', ''],
}
/** As selections of version 2 said them. */
export const REMARKS_2 = [
  'matches "<think>" in its title; mute: none',
  '',
  'by an author you follow: Günther Müßig',
  '',
]

/**
 * Says more than these papers would: markup, template marks and other scripts in each of its
 * places.
 */
export const OPENING: Opening = {
  subject: 'Lantern & <think>: 3 → 10 votes · and 3 more · Thu 5 Mar',
  preheader: "Costs of $& and $' in {{title}} Templates, 30 votes · שלום",
  headline: 'Lantern: Reading <think> & "Acting" in 3 Steps leads with 40 votes',
  day: 'Thursday 5 March 2026 · 4 papers, 100 votes',
  lead: [
    {
      label: 'Rising',
      title: 'Slow Burner',
      url: 'https://arxiv.org/abs/2603.00004',
      fact: '3 → 10 votes since Wednesday',
      personal: false,
    },
    { label: 'Your topics', title: 'שלום', url: '', fact: '<think> & more', personal: true },
  ],
  papers: [1, 2, 3, 4],
}

export const SLOTS = { unsubscribe: 'un'.repeat(30), view: 'v_-9'.repeat(15), preferences: 'pr-2'.repeat(15) }

/** Makes a ranked place of 5 March 2026 with what matters to a test. */
export function place(position: number, paper: Partial<Paper>): Place {
  return {
    position,
    section: 'ranked',
    listedOn: '2026-03-05',
    rank: position,
    upvotes: 50 - position * 10,
    comments: position - 1,
    reason: `no. ${position} of 3 by votes`,
    paper: {
      id: `2603.0000${position}`,
      arxivId: `2603.0000${position}`,
      title: `Paper ${position}`,
      abstract: `Abstract of paper ${position}.`,
      summary: `Summary of paper ${position}.`,
      authors: ['Some One', 'Any Body'],
      authorCount: null,
      organization: null,
      keywords: [],
      codeUrl: null,
      codeStars: null,
      projectUrl: null,
      publishedAt: null,
      withdrawnAt: null,
      ...paper,
    },
  }
}
