// What a mail says first comes from its own papers: on every captured day, for every kind of
// reader, read from the mail itself.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { indexPlaces } from '../../src/digest/choosing/place-index.ts'
import { NO_HISTORY, REASON_PLACE } from '../../src/digest/choosing/selection.ts'
import { openingOf, plainOpening, selectDigest } from '../../src/digest/opening.ts'
import { together } from '../../src/digest/text/words.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import type { Place } from '../../src/edition/place.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { capturedEditions, capturedWeeks, READERS } from '../support/captured-editions.ts'
import { selectionOf } from '../support/digests.ts'
import { isFull, runs } from '../support/full.ts'
import { makePlace } from '../support/places.ts'

const topics = readTopics()
const FRIDAY = { date: '2025-08-08', kind: 'daily' } as const
const NEWS_MAX = 35
const SUBJECT_MAX = 65

const shelf = [
  makePlace({ position: 1, upvotes: 44 }, { title: 'On the Generalization of SFT: A Perspective' }),
  makePlace({ position: 2, upvotes: 43 }, { title: 'R-Zero: Self-Evolving Reasoning' }),
  makePlace({ position: 3, upvotes: 5 }, { title: 'Diffusion Beats Everything', authors: ['Grace Hopper'] }),
]
const riser = (upvotes: number, upvotesBefore?: number): Place => ({
  ...makePlace({ position: 9, section: 'rising', listedOn: '2025-08-07', upvotes }, { title: 'Is CoT a Mirage?' }),
  ...(upvotesBefore !== undefined && { upvotesBefore }),
})
const chosen = (papers: number[]) => ({ papers, reasons: papers.map(() => REASON_PLACE) })
const open = (places: Place[], choices: object = {}) => {
  const digest = selectDigest(FRIDAY, indexPlaces(places, topics), parseChoices(choices), NO_HISTORY)
  if (!digest.opening) throw new Error('nothing was selected')
  return digest.opening
}

describe('the opening of a day', () => {
  it('names what leads, then counts, then the date', () => {
    expect(open(shelf)).toMatchObject({
      subject: 'On the Generalization of SFT · and 2 more · Fri 8 Aug',
      headline: 'On the Generalization of SFT: A Perspective leads with 44 votes',
      day: 'Friday 8 August 2025 · 3 papers, 92 votes',
      preheader: 'R-Zero: Self-Evolving Reasoning, 43 votes · Diffusion Beats Everything, 5 votes',
      lead: [],
    })
    expect(open(shelf.slice(1, 2)).subject).toBe('R-Zero: Self-Evolving Reasoning · Fri 8 Aug')
  })

  it('lets a late riser lead that beats the day, and says how it rose', () => {
    const { subject, headline, lead } = open([...shelf, riser(240, 24)])
    expect(subject).toBe('Is CoT a Mirage? 24 → 240 votes · and 3 more · Fri 8 Aug')
    expect(headline).toBe('Is CoT a Mirage? rises from 24 to 240 votes')
    expect(lead.map(({ label, title }) => [label, title])).toEqual([
      ['New today', 'On the Generalization of SFT: A Perspective'],
    ])
  })

  it('keeps the numbers of a name and of its votes apart, within the same length', () => {
    const newsOf = (title: string) => {
      const risen = riser(240, 24)
      const { subject } = open([...shelf, { ...risen, paper: { ...risen.paper, title } }])
      return subject.slice(0, subject.indexOf(' · '))
    }
    expect(newsOf('AgentScope 1.0: A Developer-Centric Framework')).toBe('AgentScope 1.0: 24 → 240 votes')
    expect(newsOf('Is Chain-of-Thought Reasoning of LLMs a Mirage?')).toBe('Is Chain-of-Thought… 24 → 240 votes')
    // Of as many characters as there are without the colon.
    expect(newsOf('Agents, Models and 2')).toBe('Agents, Models… 24 → 240 votes')
    expect(newsOf('Agents, Models, a 2')).toBe('Agents, Models, a 2: 24 → 240 votes')
  })

  it('puts a late riser that does not beat the day into the lead block', () => {
    expect(open([...shelf, riser(40, 24)]).lead).toMatchObject([
      { label: 'Rising', fact: together('24 → 40 votes since Thursday') },
    ])
    expect(open([...shelf, riser(40)]).lead).toMatchObject([{ fact: together('40 votes, listed late on Thursday') }])
  })

  it('leads with the best match of a reader’s topics, and names the day’s first beside it', () => {
    const opening = open([...shelf, riser(40, 24)], { include: ['diffusion'] })
    expect(opening.subject).toMatch(/^Diffusion Beats Everything · /)
    expect(opening.headline).toBe('Diffusion Beats Everything draws 5 votes')
    expect(opening.lead.map(({ label }) => label)).toEqual(['Most votes', 'Rising'])
    const led = open([...shelf, riser(240, 24)], { authors: ['Hopper'] })
    expect(led.lead.map(({ label, fact, personal }) => [label, fact, personal])).toEqual([
      ['New today', together('44 votes'), false],
      ['You follow', 'Hopper', true],
    ])
  })

  it('says "most votes" of none that another of the day has more than', () => {
    const [first, second, third] = shelf as [Place, Place, Place]
    const keyed = { ...second, paper: { ...second.paper, keywords: ['kites'] } }
    const only = { include: ['diffusion', 'kites'], includeMeans: 'only' }
    const labels = (places: Place[]) => open(places, only).lead.map(({ label, fact }) => [label, fact])
    expect(labels([first, keyed, third])).toEqual([['Next by votes', together('43 votes')]])
    expect(labels([keyed, third])).toEqual([['Most votes', together('43 votes')]])
  })

  it('adds in the preheader what comes next in the mail, a small rise behind what has more votes', () => {
    expect(open([...shelf, riser(2, 1)]).preheader).toMatch(/^R-Zero: Self-Evolving Reasoning, 43 votes · /)
  })

  it('puts what it names on top, whatever the topics speak for', () => {
    const choices = parseChoices({ include: ['diffusion'], minimumVotes: 1 })
    const index = indexPlaces([...shelf, riser(240, 24)], topics)
    const { papers, reasons, remarks, opening } = selectDigest(FRIDAY, index, choices, NO_HISTORY)
    expect(opening?.headline).toMatch(/^Is CoT a Mirage/)
    expect(papers[0]).toBe(9)
    expect(remarks?.indexOf('matches diffusion')).toBe(papers.indexOf(3))
    expect(reasons).toHaveLength(papers.length)
  })

  it('says of a single paper what it says', () => {
    expect(open(shelf.slice(0, 1)).preheader).toMatch(/^What paper .* found/)
  })

  it('never passes 65 characters, with the news in the first 35', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.integer({ min: 1, max: 2e6 }), (title, votes) => {
        const places = [
          { ...riser(votes + 5, votes), paper: { ...shelf[0]?.paper, title: `x${title}` } } as Place,
          ...shelf,
        ]
        const { subject } = selectionOf({ ...FRIDAY, places }).opening ?? { subject: '' }
        expect(subject.length).toBeLessThanOrEqual(SUBJECT_MAX)
        expect(subject.indexOf(' · and 3 more')).toBeGreaterThan(0)
        expect(subject.indexOf(' · and 3 more')).toBeLessThanOrEqual(NEWS_MAX)
      }),
      { numRuns: runs(300) },
    )
  })
})

describe('the plain opening', () => {
  it('names no paper', () => {
    expect(plainOpening(FRIDAY)).toMatchObject({ subject: 'The papers of the day · Fri 8 Aug', lead: [], papers: [] })
    expect(plainOpening({ ...FRIDAY, kind: 'weekly' }).subject).toBe('The papers of the week · week to 8 Aug')
  })
})

/**
 * One in so many captured editions is enough between full runs: two days of each weekday and a week
 * of each month are among them.
 */
const SAMPLED = isFull ? 1 : 4
const editions = [...capturedEditions(), ...capturedWeeks()].filter((_, index) => index % SAMPLED === 0)

describe.skipIf(editions.length === 0)('the openings of the captured days', () => {
  it('name only papers that the mail holds, for every kind of reader', () => {
    let openings = 0
    const subjects = new Map<string, Set<string>>()
    for (const edition of editions) {
      const index = indexPlaces(edition.places, topics)
      for (const [reader, choices] of Object.entries(READERS)) {
        const { papers, opening } = selectDigest(edition, index, parseChoices(choices), NO_HISTORY)
        if (!opening) continue
        openings++
        const name = `${edition.date} ${edition.kind}, ${reader}`
        const own = edition.places.filter(({ position }) => papers.includes(position))
        const begins = own.map(({ paper }) => beginOf(paper.title))
        const said = [
          opening.subject,
          opening.headline,
          ...opening.preheader.split(' · ').filter(() => papers.length > 1),
          ...opening.lead.map(({ title }) => title),
        ]
        for (const words of said) {
          expect(
            begins.some((begin) => squeeze(words).startsWith(begin)),
            `${name}: ${words}`,
          ).toBe(true)
        }
        expect(
          opening.papers.every((position) => papers.includes(position)),
          name,
        ).toBe(true)
        const first = own.find(({ position }) => position === papers[0])
        expect(squeeze(opening.headline).startsWith(beginOf(first?.paper.title ?? '')), name).toBe(true)
        expect(opening.subject.length, name).toBeLessThanOrEqual(SUBJECT_MAX)
        expect(opening.lead.length, name).toBeLessThanOrEqual(3)
        const mine = subjects.get(reader) ?? new Set()
        subjects.set(reader, mine)
        expect(mine.has(opening.subject), `${name}: ${opening.subject}`).toBe(false)
        mine.add(opening.subject)
      }
    }
    expect(openings).toBeGreaterThan(200 / SAMPLED)
  })
})

/** What every short name of a paper begins with. */
function beginOf(title: string): string {
  return squeeze(title).slice(0, Math.min(5, squeeze(title.split(':')[0] ?? '').length))
}

/** Letters and digits only: how a title is cut and dressed does not matter. */
function squeeze(title: string): string {
  return title
    .normalize('NFKD')
    .replace(/\\[a-z]+|[^\p{L}\p{N}]/gu, '')
    .toLowerCase()
}

describe('openingOf', () => {
  it('leads with no paper of an edition that was missed, however its votes rose', () => {
    const risen = { ...riser(240, 24), rankBefore: 1 }
    const index = indexPlaces([...shelf, risen], topics)
    const missed = { ...NO_HISTORY, missed: new Set(['2025-08-07']) }
    const { papers, opening } = selectDigest(FRIDAY, index, parseChoices({}), missed)
    expect(papers).toEqual([1, 2, 3, 9])
    expect(opening?.subject).toMatch(/^On the Generalization/)
    expect(opening?.lead.map(({ label }) => label)).not.toContain('Rising')
  })

  it('says of a week that it is one', () => {
    const week = { date: '2025-08-10', kind: 'weekly' } as const
    const opening = openingOf(week, indexPlaces(shelf, topics), parseChoices({}), chosen([1, 2, 3]))
    expect(opening.headline).toBe('On the Generalization of SFT: A Perspective leads the week with 44 votes')
    expect(opening.subject).toBe('On the Generalization of SFT · and 2 more · week to 10 Aug')
  })

  it('names a paper in one line, of a day and of a week, and forgets nothing that it is remembered for', () => {
    const votes = fc.integer({ min: 0, max: 3 })
    const paper = fc.record({
      upvotes: votes,
      before: fc.option(votes),
      comments: votes,
      stars: votes,
      rising: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(paper, { minLength: 1, maxLength: 5 }), fc.boolean(), (papers, isWeek) => {
        const places = papers.map(({ upvotes, before, comments, stars, rising }, at): Place => {
          const section = rising && !isWeek ? 'rising' : 'ranked'
          const place = makePlace(
            { position: at + 1, upvotes, comments, section, listedOn: '2025-08-07' },
            { id: `2508.0000${at}`, title: `Title ${'ABCDE'[at]}`, codeStars: stars },
          )
          return before === null ? place : { ...place, upvotesBefore: before }
        })
        const edition = { date: '2025-08-08', kind: isWeek ? 'weekly' : 'daily' } as const
        const index = indexPlaces(places, topics)
        const all = places.map(({ position }) => position)
        const { lead } = openingOf(edition, index, parseChoices({ include: ['title'] }), chosen(all))
        expect(new Set(lead.map(({ url }) => url)).size).toBe(lead.length)
        if (!isWeek) return
        const said = lead.flatMap(({ label }) => label.split(' · '))
        expect(said.includes('Most discussed')).toBe(papers.some(({ comments }) => comments > 0))
        expect(said.includes('Most starred')).toBe(papers.some(({ stars }) => stars > 0))
        expect(said.includes('Biggest riser')).toBe(
          papers.some(({ upvotes, before }) => before !== null && upvotes > before),
        )
      }),
    )
  })
})
