import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { cutoffOf } from '../../src/edition/edition.ts'
import { findEdition, getEdition, listPlaces } from '../../src/edition/store.ts'
import { PermanentError } from '../../src/errors.ts'
import { collect } from '../../src/jobs/collect.ts'
import { rankDay } from '../../src/jobs/rank.ts'
import type { Answer, Listing, Source } from '../../src/source/paper.ts'
import { findLastCollection, listPapers, listSetAside } from '../../src/source/store.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import { openListedSource, type TestRound } from '../support/round.ts'

const THURSDAY = '2026-03-05'
const SATURDAY = '2026-03-07'

let round: TestRound
keepRound((kept) => {
  round = kept
})

function papers(count: number, upvotes = 5): Listing[] {
  return Array.from({ length: count }, (_, index) => ({
    paper: makePaper({ id: `2603.0000${index}` }),
    upvotes: upvotes - index,
    comments: 0,
    submittedAt: null,
  }))
}

function collectFrom(source: Source, date = THURSDAY) {
  return collect({ ...round, source }, date)
}

const answering = (answer: Answer, name = 'listed'): Source => ({ name, read: async () => answer })

describe('collect', () => {
  it('keeps papers and verdict, and makes the edition, open until its cut-off and bound to the source', async () => {
    const look = await collectFrom(openListedSource({ [THURSDAY]: papers(3) }))
    expect(look).toMatchObject({ verdict: { kind: 'complete' }, listed: 3, setAside: 0 })
    expect(await findLastCollection(round.db, THURSDAY)).toMatchObject({
      source: 'listed',
      verdict: 'complete',
      reason: null,
      listed: 3,
    })
    expect(await getEdition(round.db, look.edition.id)).toMatchObject({
      date: THURSDAY,
      kind: 'daily',
      state: 'open',
      source: 'listed',
      archive: false,
      cutoffAt: cutoffOf(THURSDAY, round.cutoffMinutes),
    })
    expect(await listPapers(round.db, [THURSDAY])).toHaveLength(3)
  })

  it.each<[string, Answer, string, string, string, number]>([
    [
      'too few papers, which it keeps all the same',
      { kind: 'rows', listings: papers(2), setAside: [], length: 2, otherDates: {}, ended: true },
      THURSDAY,
      'held',
      '2 papers on a working day, at least 3 expected',
      2,
    ],
    [
      'nothing on a working day',
      { kind: 'missing' },
      THURSDAY,
      'held',
      'No papers on a working day, at least 3 expected',
      0,
    ],
    ['nothing on a weekend', { kind: 'missing' }, SATURDAY, 'empty', 'weekend', 0],
    [
      'a refused answer',
      { kind: 'refused', reason: 'The answer is not JSON' },
      THURSDAY,
      'refused',
      'The answer is not JSON',
      0,
    ],
  ])('keeps the verdict on %s', async (_name, answer, date, verdict, reason, kept) => {
    const look = await collectFrom(answering(answer), date)
    expect(look.verdict).toEqual({ kind: verdict, reason })
    expect(await findLastCollection(round.db, date)).toMatchObject({ verdict, reason, listed: kept })
    expect(await listPapers(round.db, [date])).toHaveLength(kept)
    // Without papers a date is not bound to a source yet.
    expect((await findEdition(round.db, date, 'daily'))?.source).toBe(kept > 0 ? 'listed' : null)
  })

  it('judges by the norm of the working days that are known', async () => {
    const days = Array.from({ length: 14 }, (_, index) =>
      new Date(Date.parse('2026-02-19') + index * 86_400_000).toISOString().slice(0, 10),
    )
    const many = openListedSource(Object.fromEntries(days.map((day) => [day, papers(16, 100)])))
    for (const day of days) await collectFrom(many, day)
    const look = await collectFrom(openListedSource({ [THURSDAY]: papers(3) }))
    expect(look.verdict).toEqual({ kind: 'held', reason: '3 papers, under a quarter of the usual 16' })
  })

  it('sets unreadable rows aside and counts them, never the day', async () => {
    const setAside = [
      { index: 1, reason: 'The paper has no title' },
      { index: 4, reason: 'The paper has no title' },
    ]
    const look = await collectFrom(
      answering({ kind: 'rows', listings: papers(3), setAside, length: 5, otherDates: {}, ended: true }),
    )
    expect(look).toMatchObject({ verdict: { kind: 'complete' }, listed: 3, setAside: 2 })
    const rows = await round.db.selectFrom('collections').select(['listed', 'set_aside']).execute()
    expect(rows).toEqual([{ listed: 3, set_aside: 2 }])
    expect(await listSetAside(round.db, THURSDAY)).toEqual(setAside)
  })

  it('keeps no paper of an answer that is refused for its rows', async () => {
    const setAside = [{ index: 0, reason: 'The paper has no title' }]
    const look = await collectFrom(
      answering({ kind: 'rows', listings: [], setAside, length: 1, otherDates: {}, ended: true }),
    )
    expect(look).toMatchObject({ verdict: { kind: 'refused' }, listed: 0, setAside: 1 })
  })

  it('never mixes sources: another one is refused for good, and nothing of it is kept', async () => {
    await collectFrom(openListedSource({ [THURSDAY]: papers(3) }))
    let asked = false
    const other: Source = {
      name: 'other',
      async read() {
        asked = true
        return { kind: 'missing' }
      },
    }
    const refusal = expect(collectFrom(other)).rejects
    await refusal.toThrow(PermanentError)
    await refusal.toThrow(/2026-03-05 is kept from the source listed, not other/)
    expect(asked).toBe(false)
    expect(await round.db.selectFrom('collections').select('source').execute()).toEqual([{ source: 'listed' }])
  })

  it('lets only one of two sources win that read an unknown date at the same time', async () => {
    const ends = await Promise.allSettled(
      ['one', 'two'].map((name) => collectFrom(openListedSource({ [THURSDAY]: papers(3) }, name))),
    )
    expect(ends.map((end) => end.status).sort()).toEqual(['fulfilled', 'rejected'])
    const lost = ends.find((end) => end.status === 'rejected')
    expect(lost?.reason).toBeInstanceOf(PermanentError)
    expect(await round.db.selectFrom('collections').selectAll().execute()).toHaveLength(1)
  })

  it('lets another source in where the first gave nothing', async () => {
    await collectFrom(answering({ kind: 'missing' }, 'first'))
    await collectFrom(openListedSource({ [THURSDAY]: papers(3) }, 'second'))
    expect((await findEdition(round.db, THURSDAY, 'daily'))?.source).toBe('second')
  })

  it('passes on what the source throws, and notes that the date could not be read', async () => {
    await collectFrom(openListedSource({ [THURSDAY]: papers(3) }))
    const down: Source = { name: 'listed', read: () => Promise.reject(new Error('503')) }
    await expect(collectFrom(down)).rejects.toThrow('503')
    const noted = { verdict: 'refused', listed: 0, reason: 'the source could not be read: 503' }
    expect(await findLastCollection(round.db, THURSDAY)).toMatchObject(noted)
    expect(await listPapers(round.db, [THURSDAY])).toHaveLength(3)
    await expect(collectFrom(down, SATURDAY)).rejects.toThrow('503')
    expect(await findLastCollection(round.db, SATURDAY)).toMatchObject(noted)
    expect(await findEdition(round.db, SATURDAY, 'daily')).toMatchObject({ state: 'open', source: null })
  })

  it('mends what an earlier look kept cut, also of a frozen date, whose places stay as they were sent', async () => {
    const told = (abstract: string) =>
      papers(3).map((listing) => ({ ...listing, paper: { ...listing.paper, abstract } }))
    await collectFrom(openListedSource({ [THURSDAY]: told('The beginning of…') }))
    await sql`update collections set collected_at = ${cutoffOf(THURSDAY, 29)}`.execute(round.db)
    const edition = await rankDay(round, THURSDAY)
    const whole = `The beginning of ${'a long '.repeat(300)}end.`
    await collectFrom(openListedSource({ [THURSDAY]: told(whole) }))
    const abstracts = (kept: { paper: { abstract: string } }[]) => new Set(kept.map(({ paper }) => paper.abstract))
    expect(abstracts(await listPapers(round.db, [THURSDAY]))).toEqual(new Set([whole]))
    expect(abstracts(await listPlaces(round.db, edition?.id as number))).toEqual(new Set(['The beginning of…']))
  })

  it('goes on keeping votes after the freeze and leaves the frozen edition as it is', async () => {
    const { edition } = await collectFrom(openListedSource({ [THURSDAY]: papers(3) }))
    // The look was made just before the cut-off.
    await sql`update collections set collected_at = ${cutoffOf(THURSDAY, 29)}`.execute(round.db)
    await rankDay(round, THURSDAY)
    const frozen = { edition: await getEdition(round.db, edition.id), places: await listPlaces(round.db, edition.id) }
    expect(frozen.edition.state).toBe('frozen')
    expect(frozen.places).toHaveLength(3)
    const more = [...papers(3, 50).reverse(), { ...(papers(4, 90)[3] as Listing), upvotes: 90 }]
    const renamed = more.map((listing) => ({ ...listing, paper: { ...listing.paper, title: 'Renamed' } }))
    await collectFrom(openListedSource({ [THURSDAY]: renamed }))
    await rankDay(round, THURSDAY)
    expect({ edition: await getEdition(round.db, edition.id), places: await listPlaces(round.db, edition.id) }).toEqual(
      frozen,
    )
    expect(Math.max(...(await listPapers(round.db, [THURSDAY])).map((paper) => paper.upvotes))).toBe(90)
  })
})
