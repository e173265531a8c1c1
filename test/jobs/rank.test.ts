import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Length } from '../../src/database/states.ts'
import { listPieces } from '../../src/digest/joining/store.ts'
import { shiftDate } from '../../src/edition/edition.ts'
import { daysOfWeek, placesOf } from '../../src/edition/places.ts'
import { ensureEdition, findEdition, getEdition, listPlaces, markState } from '../../src/edition/store.ts'
import { collect } from '../../src/jobs/collect.ts'
import { rankDay, rankWeek } from '../../src/jobs/rank.ts'
import type { EditionDate, Listing } from '../../src/source/paper.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper, makePlace } from '../support/places.ts'
import { asOwner } from '../support/program-user.ts'
import { freezeEdition, openListedSource, type TestRound } from '../support/round.ts'
import { query } from '../support/servers.ts'

const THURSDAY = '2026-03-05'
const SATURDAY = '2026-03-07'
const LENGTHS: readonly Length[] = ['titles', 'short', 'full']
const HOUR_MINUTES = 60

let round: TestRound
keepRound((kept) => {
  round = kept
})

/** Lists papers by name with their votes. */
function listings(votes: Record<string, number>): Listing[] {
  return Object.entries(votes).map(([name, upvotes]) => ({
    paper: makePaper({ id: `title:${name}` }),
    upvotes,
    comments: 0,
    submittedAt: null,
  }))
}

/**
 * Makes an edition whose cut-off was `minutes` ago (negative: is to come) and looks at its date
 * `lookMinutes` ago.
 */
async function prepare(
  date: EditionDate,
  { minutes, votes, lookMinutes = 0 }: { minutes: number; votes?: Record<string, number>; lookMinutes?: number },
) {
  const cutoffAt = new Date(Date.now() - minutes * 60_000)
  const { id } = await ensureEdition(round.db, { date, kind: 'daily', cutoffAt })
  if (votes) await look(date, votes, lookMinutes)
  return id
}

async function look(date: EditionDate, votes: Record<string, number>, minutesAgo = 0) {
  const days = Object.keys(votes).length > 0 ? { [date]: listings(votes) } : {}
  await collect({ ...round, source: openListedSource(days) }, date)
  await sql`
    update collections set collected_at = now() - make_interval(mins => ${minutesAgo}::int)
    where id = (select max(id) from collections)`.execute(round.db)
}

const namesOf = async (id: number) =>
  (await listPlaces(round.db, id)).map((place) => [place.paper.id.replace('title:', ''), place.section, place.rank])

describe('rankDay', () => {
  it('does nothing for a date that nothing is known of', async () => {
    expect(await rankDay(round, THURSDAY)).toBeUndefined()
  })

  it('leaves an edition open until its cut-off', async () => {
    await prepare(THURSDAY, { minutes: -5, votes: { a: 1, b: 2, c: 3 } })
    expect(await rankDay(round, THURSDAY)).toMatchObject({ state: 'open', reason: null, frozenAt: null })
  })

  it('freezes a complete list at the cut-off, by votes and with reasons, and its pieces for every length', async () => {
    const id = await prepare(THURSDAY, { minutes: 1, votes: { low: 1, high: 30, middle: 20 } })
    expect(await rankDay(round, THURSDAY)).toMatchObject({ id, state: 'frozen', incomplete: false })
    expect(await listPlaces(round.db, id)).toMatchObject([
      { position: 1, rank: 1, upvotes: 30, section: 'ranked', listedOn: THURSDAY, reason: '1st of 3 by votes' },
      { position: 2, rank: 2, upvotes: 20, paper: { id: 'title:middle' } },
      { position: 3, rank: 3, upvotes: 1, paper: { id: 'title:low' } },
    ])
    for (const length of LENGTHS) {
      const pieces = await listPieces(round.db, id, length)
      const names = pieces.map((piece) => piece.name)
      expect(names).toEqual(expect.arrayContaining(['html/line/1', 'html/line/2', 'html/line/3', 'envelope', 'layout']))
      expect(pieces.find((piece) => piece.name === 'html/line/1')?.body).toContain('Paper title:high')
    }
  })

  it('freezes once, even by two at the same time and however often it is asked', async () => {
    const id = await prepare(THURSDAY, { minutes: 1, votes: { a: 1, b: 2, c: 3 } })
    const [one, two] = await Promise.all([rankDay(round, THURSDAY), rankDay(round, THURSDAY)])
    expect(one?.state).toBe('frozen')
    expect(two).toEqual(one)
    await look(THURSDAY, { a: 100, b: 2, c: 3, d: 50 })
    expect(await rankDay(round, THURSDAY)).toEqual(one)
    expect(await namesOf(id)).toEqual([
      ['c', 'ranked', 1],
      ['b', 'ranked', 2],
      ['a', 'ranked', 3],
    ])
  })

  it('freezes with all its pieces or not at all', async () => {
    const id = await prepare(THURSDAY, { minutes: 1, votes: { a: 1, b: 2, c: 3 } })
    const owner = asOwner(round.databaseUrl)
    await query(owner, `alter table pieces add constraint broken check (length <> 'full')`)
    try {
      await expect(rankDay(round, THURSDAY)).rejects.toThrow(/broken/)
      expect(await getEdition(round.db, id)).toMatchObject({ state: 'open', frozenAt: null })
      expect(await listPlaces(round.db, id)).toEqual([])
      expect(await listPieces(round.db, id, 'titles')).toEqual([])
    } finally {
      await query(owner, 'alter table pieces drop constraint broken')
    }
    expect((await rankDay(round, THURSDAY))?.state).toBe('frozen')
  })

  it('holds a list that the guard doubts, and freezes it as soon as it is complete', async () => {
    await prepare(THURSDAY, { minutes: 30, votes: { a: 1 } })
    expect(await rankDay(round, THURSDAY)).toMatchObject({
      state: 'held',
      reason: '1 paper on a working day, at least 3 expected',
    })
    await look(THURSDAY, { a: 1, b: 2, c: 3 })
    expect(await rankDay(round, THURSDAY)).toMatchObject({ state: 'frozen', reason: null, incomplete: false })
  })

  it('tells once that it holds a date, and again for another reason or state', async () => {
    const told: object[] = []
    const given = { ...round, logger: { ...round.logger, info: (fields: object) => told.push(fields) } as never }
    const held = (reason: string) => ({ event: 'edition.held', date: THURSDAY, reason })
    const two = held('2 papers on a working day, at least 3 expected')
    await prepare(THURSDAY, { minutes: 30, votes: { a: 1 } })
    await rankDay(given, THURSDAY)
    await rankDay(given, THURSDAY)
    expect(told.splice(0)).toEqual([held('1 paper on a working day, at least 3 expected')])
    await look(THURSDAY, { a: 1, b: 2 })
    await rankDay(given, THURSDAY)
    await rankDay(given, THURSDAY)
    expect(told.splice(0)).toEqual([two])
    await sql`update editions set state = 'open'`.execute(round.db)
    await rankDay(given, THURSDAY)
    expect(told).toEqual([two])
  })

  it('holds a date that was last read long before its cut-off, or never, even at the deadline', async () => {
    await prepare('2026-03-04', { minutes: 20 * HOUR_MINUTES })
    expect(await rankDay(round, '2026-03-04')).toMatchObject({ state: 'held' })
    await prepare(THURSDAY, { minutes: 1, votes: { a: 1, b: 2, c: 3 }, lookMinutes: 2 * HOUR_MINUTES })
    expect(await rankDay(round, THURSDAY)).toMatchObject({
      state: 'held',
      reason: expect.stringMatching(/not been read/),
    })
  })

  it('releases a small day after two equal looks three hours apart, and does not call it incomplete', async () => {
    const id = await prepare(THURSDAY, { minutes: 4 * HOUR_MINUTES, votes: { a: 1, b: 2 }, lookMinutes: 200 })
    expect(await rankDay(round, THURSDAY)).toMatchObject({ state: 'held' })
    await look(THURSDAY, { a: 4, b: 2 }, 21)
    expect(await rankDay(round, THURSDAY)).toMatchObject({ state: 'held' })
    await look(THURSDAY, { a: 5, b: 2 }, 20)
    expect(await rankDay(round, THURSDAY)).toMatchObject({ state: 'frozen', incomplete: false })
    expect(await namesOf(id)).toEqual([
      ['a', 'ranked', 1],
      ['b', 'ranked', 2],
    ])
  })

  it('freezes what there is as incomplete at the deadline', async () => {
    const id = await prepare(THURSDAY, { minutes: 12 * HOUR_MINUTES + 1, votes: { a: 1, b: 2 } })
    expect(await rankDay(round, THURSDAY)).toMatchObject({ state: 'frozen', incomplete: true })
    expect(await namesOf(id)).toHaveLength(2)
    const texts = (await listPieces(round.db, id, 'short')).map((piece) => piece.body).join()
    expect(texts).toMatch(/incomplete/i)
  })

  it('is empty because of the source at the deadline, and because of the weekend at once', async () => {
    await prepare(THURSDAY, { minutes: 12 * HOUR_MINUTES + 1, votes: {} })
    expect(await rankDay(round, THURSDAY)).toMatchObject({ state: 'empty', reason: 'source' })
    await prepare(SATURDAY, { minutes: 1, votes: {} })
    expect(await rankDay(round, SATURDAY)).toMatchObject({ state: 'empty', reason: 'weekend' })
  })

  it('takes candidates for late risers from the last five editions before it, and from no other', async () => {
    const place = (date: EditionDate, name: string, position: number) =>
      makePlace({ position, listedOn: date }, { id: `title:${name}` })
    for (const [date, name] of [
      ['2026-02-25', 'tooEarly'],
      ['2026-02-26', 'thursday'],
      ['2026-02-27', 'friday'],
      ['2026-03-02', 'monday'],
      ['2026-03-03', 'tuesday'],
      ['2026-03-04', 'wednesday'],
    ] as const) {
      await freezeEdition(round, date, { places: [place(date, `${name}First`, 1), place(date, name, 2)] })
      // The second has overtaken the first, and one was listed only after the freeze.
      await look(date, { [name]: 50, [`${name}First`]: 20, [`${name}Late`]: 10 })
    }
    // Open editions between do not count as one of the five.
    await ensureEdition(round.db, { date: '2026-03-01', kind: 'daily', cutoffAt: new Date() })
    // What is listed today as well is ranked here and rises nowhere.
    const id = await prepare(THURSDAY, { minutes: 1, votes: { a: 3, b: 2, wednesdayLate: 1 } })
    await rankDay(round, THURSDAY)
    // Whatever else an edition carries stands apart from what is ranked and what rose.
    expect((await namesOf(id)).filter(([, section]) => section !== 'late')).toEqual([
      ['a', 'ranked', 1],
      ['b', 'ranked', 2],
      ['wednesdayLate', 'ranked', 3],
      ['wednesday', 'rising', 1],
      ['tuesday', 'rising', 1],
      ['monday', 'rising', 1],
      ['friday', 'rising', 1],
      ['thursday', 'rising', 1],
      ['tuesdayLate', 'rising', 3],
      ['mondayLate', 'rising', 3],
      ['fridayLate', 'rising', 3],
      ['thursdayLate', 'rising', 3],
    ])
    const places = await listPlaces(round.db, id)
    expect(places.map((entry) => entry.position)).toEqual(places.map((_, index) => index + 1))
    const risen = places.filter((entry) => entry.section === 'rising')
    expect(risen[0]).toMatchObject({
      listedOn: '2026-03-04',
      upvotes: 50,
      reason: 'up from 2nd to 1st of 3 since 2026-03-04',
      rankBefore: 2,
      upvotesBefore: 98,
    })
    expect(risen[5]?.reason).toBe('listed late on 2026-03-03, now 3rd of 3')
    expect(risen[5]).not.toHaveProperty('rankBefore')
  })
})

describe('rankWeek', () => {
  const SUNDAY = '2026-03-08'

  it('ranks seven days by the votes known now, a held one among them, each paper once', async () => {
    for (const [date, votes] of [
      ['2026-03-01', { before: 1_000, before2: 1, before3: 1 }],
      ['2026-03-02', { monday: 5, twice: 10, other: 1 }],
      ['2026-03-05', { held: 40 }],
      ['2026-03-06', { twice: 30, friday: 20, last: 2 }],
      ['2026-03-09', { after: 1_000, after2: 1, after3: 1 }],
    ] as const) {
      await look(date, votes)
    }
    const held = await findEdition(round.db, '2026-03-05', 'daily')
    await markState(round.db, held?.id ?? 0, { state: 'held', reason: 'too few' })
    await look('2026-03-02', { monday: 25 })
    const edition = await rankWeek(round, SUNDAY)
    expect(edition).toMatchObject({ date: SUNDAY, kind: 'weekly', state: 'frozen', incomplete: false })
    const places = await listPlaces(round.db, edition.id)
    expect(places.map(({ paper, upvotes, listedOn }) => [paper.id.slice(6), upvotes, listedOn])).toEqual([
      ['held', 40, '2026-03-05'],
      ['twice', 30, '2026-03-06'],
      ['monday', 25, '2026-03-02'],
      ['friday', 20, '2026-03-06'],
      ['last', 2, '2026-03-06'],
      ['other', 1, '2026-03-02'],
    ])
    expect(places.map((place) => [place.rank, place.section])).toEqual(
      [1, 2, 3, 4, 5, 6].map((rank) => [rank, 'ranked']),
    )
    for (const length of LENGTHS) expect(await listPieces(round.db, edition.id, length)).not.toEqual([])
    await look('2026-03-06', { last: 99 })
    expect(await rankWeek(round, SUNDAY)).toEqual(edition)
    expect(await listPlaces(round.db, edition.id)).toEqual(places)
    expect((await findEdition(round.db, '2026-03-05', 'daily'))?.state).toBe('held')
  })

  it('stays open before its cut-off', async () => {
    const today = new Date().toISOString().slice(0, 10)
    await look(today, { a: 1, b: 2, c: 3 })
    expect(await rankWeek(round, today)).toMatchObject({ state: 'open', kind: 'weekly' })
  })

  it('is empty when no day of it has papers, and is made after all when they come', async () => {
    expect(await rankWeek(round, SUNDAY)).toMatchObject({ state: 'empty', reason: 'source' })
    await look('2026-03-06', { a: 1 })
    expect(await rankWeek(round, SUNDAY)).toMatchObject({ state: 'frozen', reason: null })
  })

  it('ends with its date', () => {
    expect(daysOfWeek('2026-03-01')).toEqual([
      '2026-02-23',
      '2026-02-24',
      '2026-02-25',
      '2026-02-26',
      '2026-02-27',
      '2026-02-28',
      '2026-03-01',
    ])
  })

  it('takes a paper of two days at its earlier one when the votes are the same', () => {
    const [listing] = listings({ twice: 7 }) as [Listing]
    const days = [THURSDAY, shiftDate(THURSDAY, -1), shiftDate(THURSDAY, 1)]
    const places = placesOf(days.map((listedOn) => ({ ...listing, listedOn })))
    expect(places.map((place) => place.listedOn)).toEqual(['2026-03-04'])
  })
})
