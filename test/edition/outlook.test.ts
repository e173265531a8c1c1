import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { type Outlook, outlookFromSource, outlookFromStore } from '../../src/edition/outlook.ts'
import { ensureEdition, findEdition, markState } from '../../src/edition/store.ts'
import { collect } from '../../src/jobs/collect.ts'
import { rankDay } from '../../src/jobs/rank.ts'
import type { EditionDate, Listing, Source } from '../../src/source/paper.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper, makePlace } from '../support/places.ts'
import { freezeEdition, openListedSource, type TestRound } from '../support/round.ts'

const WEDNESDAY = '2026-03-04'
const THURSDAY = '2026-03-05'
const SATURDAY = '2026-03-07'
const SUNDAY = '2026-03-08'

let round: TestRound
keepRound((kept) => {
  round = kept
})

function sourceOf(days: Record<EditionDate, Record<string, number>>): Source {
  const listings = (votes: Record<string, number>): Listing[] =>
    Object.entries(votes).map(([name, upvotes]) => ({
      paper: makePaper({ id: `title:${name}` }),
      upvotes,
      comments: 0,
      submittedAt: null,
    }))
  return openListedSource(Object.fromEntries(Object.entries(days).map(([date, votes]) => [date, listings(votes)])))
}

async function look(days: Record<EditionDate, Record<string, number>>): Promise<void> {
  for (const date of Object.keys(days)) await collect({ ...round, source: sourceOf(days) }, date)
}

const namesOf = (outlook: Outlook | undefined) =>
  outlook?.places
    .filter(({ section }) => section !== 'late')
    .map(({ paper, section }) => `${paper.id.slice(6)}${section === 'rising' ? ' rising' : ''}`)

describe('outlookFromStore', () => {
  it('knows nothing of a date that was never looked at', async () => {
    expect(await outlookFromStore(round.db, THURSDAY, 'daily')).toBeUndefined()
    expect(await outlookFromStore(round.db, SUNDAY, 'weekly')).toBeUndefined()
    await ensureEdition(round.db, { date: THURSDAY, kind: 'daily', cutoffAt: new Date() })
    expect(await outlookFromStore(round.db, THURSDAY, 'daily')).toBeUndefined()
  })

  it('ranks what is open by the votes known now, late risers included, and stores nothing', async () => {
    const places = ['first', 'second'].map((name, index) =>
      makePlace({ position: index + 1, listedOn: WEDNESDAY }, { id: `title:${name}` }),
    )
    await freezeEdition(round, WEDNESDAY, { places })
    await look({ [WEDNESDAY]: { second: 9, first: 5 }, [THURSDAY]: { a: 1, b: 2, c: 3 } })
    await look({ [THURSDAY]: { a: 10 } })
    const outlook = await outlookFromStore(round.db, THURSDAY, 'daily')
    // The last look found a single paper, so the guard doubts it; the others were listed and stay.
    expect(outlook).toMatchObject({ state: 'open', verdict: 'held', reason: expect.stringMatching(/^1 paper/) })
    expect(namesOf(outlook)).toEqual(['a', 'c', 'b', 'second rising'])
    expect(await findEdition(round.db, THURSDAY, 'daily')).toMatchObject({ state: 'open' })
    expect(await sql`select from edition_papers where listed_on = ${THURSDAY}`.execute(round.db)).toMatchObject({
      rows: [],
    })
  })

  it('gives a held or empty edition with its own reason', async () => {
    await look({ [THURSDAY]: { a: 1 }, [SATURDAY]: {} })
    for (const [date, state] of [
      [THURSDAY, 'held'],
      [SATURDAY, 'empty'],
    ] as const) {
      const edition = await findEdition(round.db, date, 'daily')
      await markState(round.db, edition?.id ?? 0, { state, reason: `of the ${state} edition` })
      expect(await outlookFromStore(round.db, date, 'daily')).toMatchObject({
        state,
        reason: `of the ${state} edition`,
      })
    }
  })

  it('gives a frozen edition as it froze', async () => {
    await ensureEdition(round.db, { date: THURSDAY, kind: 'daily', cutoffAt: new Date(Date.now() - 13 * 3_600_000) })
    await look({ [THURSDAY]: { a: 2, b: 1 } })
    await rankDay(round, THURSDAY)
    await look({ [THURSDAY]: { a: 1, b: 5, c: 9 } })
    const outlook = await outlookFromStore(round.db, THURSDAY, 'daily')
    expect(outlook).toMatchObject({ state: 'frozen', verdict: 'complete', reason: null, incomplete: true })
    expect(namesOf(outlook)).toEqual(['a', 'b'])
  })

  it('ranks a week from its seven days until it is frozen', async () => {
    await look({ '2026-03-01': { before: 99 }, '2026-03-02': { a: 5 }, [SATURDAY]: { b: 7, a: 6 } })
    const outlook = await outlookFromStore(round.db, SUNDAY, 'weekly')
    expect(outlook).toMatchObject({ kind: 'weekly', state: 'open', verdict: 'complete' })
    expect(namesOf(outlook)).toEqual(['b', 'a'])
    await freezeEdition(round, SUNDAY, { kind: 'weekly' })
    expect(await outlookFromStore(round.db, SUNDAY, 'weekly')).toMatchObject({ state: 'frozen', kind: 'weekly' })
  })
})

describe('outlookFromSource', () => {
  it('ranks in memory with the verdict of the guard', async () => {
    const source = sourceOf({ [THURSDAY]: { a: 1, b: 3, c: 2 }, [WEDNESDAY]: { a: 1 } })
    const outlook = await outlookFromSource(source, THURSDAY, 'daily')
    expect(outlook).toMatchObject({ state: 'open', verdict: 'complete', reason: null })
    expect(namesOf(outlook)).toEqual(['b', 'c', 'a'])
    expect(outlook.places[0]).toMatchObject({ position: 1, rank: 1, listedOn: THURSDAY, reason: '1st of 3 by votes' })
    expect(await outlookFromSource(source, WEDNESDAY, 'daily')).toMatchObject({ state: 'held', verdict: 'held' })
    expect(await outlookFromSource(source, SATURDAY, 'daily')).toMatchObject({
      state: 'empty',
      verdict: 'empty',
      reason: 'weekend',
      places: [],
    })
  })

  it('shows no paper of a refused answer', async () => {
    const source: Source = { name: 'broken', read: async () => ({ kind: 'refused', reason: 'The answer is empty' }) }
    expect(await outlookFromSource(source, THURSDAY, 'daily')).toMatchObject({
      verdict: 'refused',
      reason: 'The answer is empty',
      places: [],
    })
  })

  it('judges by the norm where stores are at hand', async () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`paper${index}`, index]))
    const days = Array.from({ length: 14 }, (_, index) =>
      new Date(Date.parse('2026-02-19') + index * 86_400_000).toISOString().slice(0, 10),
    )
    await look(Object.fromEntries(days.map((day) => [day, many])))
    const source = sourceOf({ [THURSDAY]: { a: 1, b: 2, c: 3, d: 4 } })
    expect(await outlookFromSource(source, THURSDAY, 'daily')).toMatchObject({ verdict: 'complete' })
    expect(await outlookFromSource(source, THURSDAY, 'daily', round.db)).toMatchObject({
      verdict: 'held',
      reason: '4 papers, under a quarter of the usual 20',
    })
  })

  it('reads the seven days of a week, refused and missing ones counting for nothing', async () => {
    const listed = sourceOf({ '2026-03-01': { before: 99 }, '2026-03-02': { a: 5, b: 1 }, [SUNDAY]: { a: 9 } })
    const asked: EditionDate[] = []
    const source: Source = {
      name: 'listed',
      read: async (date) => {
        asked.push(date)
        return date === THURSDAY ? { kind: 'refused', reason: 'The answer is empty' } : listed.read(date)
      },
    }
    const outlook = await outlookFromSource(source, SUNDAY, 'weekly')
    expect(asked).toEqual(['2026-03-02', '2026-03-03', WEDNESDAY, THURSDAY, '2026-03-06', SATURDAY, SUNDAY])
    expect(outlook.places.map(({ paper, upvotes, listedOn }) => [paper.id, upvotes, listedOn])).toEqual([
      ['title:a', 9, SUNDAY],
      ['title:b', 1, '2026-03-02'],
    ])
    expect(await outlookFromSource(sourceOf({}), SUNDAY, 'weekly')).toMatchObject({ state: 'empty', places: [] })
  })
})
