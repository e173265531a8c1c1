import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { cutoffOf, type Edition } from '../../src/edition/edition.ts'
import type { Place } from '../../src/edition/place.ts'
import {
  claimEdition,
  ensureEdition,
  findEdition,
  findNewestEdition,
  getEdition,
  listFrozenBefore,
  listPlaces,
  listUnfrozenEditions,
  markFrozen,
  markSource,
  markState,
  markStopped,
} from '../../src/edition/store.ts'
import type { EditionDate } from '../../src/source/paper.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePlace } from '../support/places.ts'
import { freezeEdition, inventPlaces, type TestRound } from '../support/round.ts'

const DATE = '2026-03-05'

let round: TestRound
keepRound((kept) => {
  round = kept
})

function ensure(date: EditionDate = DATE, kind: Edition['kind'] = 'daily'): Promise<Edition> {
  return ensureEdition(round.db, { date, kind, cutoffAt: cutoffOf(date, 30) })
}

/** Freezes places as rank does, the papers being there already. */
async function freezeWith(id: number, places: Place[], incomplete = false): Promise<void> {
  await round.db.transaction().execute(async (trx) => {
    for (const { paper } of places) {
      await trx
        .insertInto('papers')
        .values({ id: paper.id, facts: JSON.stringify(paper) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    await claimEdition(trx, id)
    await markFrozen(trx, id, places, incomplete)
  })
}

describe('ensureEdition', () => {
  it('makes an open edition once; whoever asks again gets it as it is', async () => {
    const edition = await ensureEdition(round.db, {
      date: DATE,
      kind: 'daily',
      cutoffAt: cutoffOf(DATE, 30),
      archive: true,
    })
    expect(edition).toEqual({
      id: expect.any(Number),
      date: DATE,
      kind: 'daily',
      state: 'open',
      reason: null,
      source: null,
      incomplete: false,
      archive: true,
      cutoffAt: cutoffOf(DATE, 30),
      frozenAt: null,
      due: 0,
      stoppedReason: null,
      stoppedUntil: null,
      prunedAt: null,
    })
    expect(await ensureEdition(round.db, { date: DATE, kind: 'daily', cutoffAt: cutoffOf(DATE, 90) })).toEqual(edition)
    const twins = await Promise.all([ensure('2026-03-06'), ensure('2026-03-06')])
    expect(twins[0]).toEqual(twins[1])
    expect((await ensure(DATE, 'weekly')).id).not.toBe(edition.id)
  })
})

describe('finding editions', () => {
  it('finds by date and kind', async () => {
    const daily = await ensure()
    expect(await findEdition(round.db, DATE, 'daily')).toEqual(daily)
    expect(await findEdition(round.db, DATE, 'weekly')).toBeUndefined()
    expect(await getEdition(round.db, daily.id)).toEqual(daily)
    await expect(getEdition(round.db, daily.id + 1)).rejects.toThrow()
  })

  it('finds the newest frozen one of a kind', async () => {
    expect(await findNewestEdition(round.db, 'daily')).toBeUndefined()
    await freezeEdition(round, '2026-03-03')
    const newest = await freezeEdition(round, '2026-03-04')
    await ensure()
    await freezeEdition(round, '2026-03-08', { kind: 'weekly' })
    expect(await findNewestEdition(round.db, 'daily')).toEqual(newest)
    expect((await findNewestEdition(round.db, 'weekly'))?.date).toBe('2026-03-08')
  })

  it('lists the open and held daily ones, oldest first', async () => {
    const held = await ensure('2026-03-06')
    await markState(round.db, held.id, { state: 'held', reason: 'too few' })
    await ensure('2026-03-05')
    const empty = await ensure('2026-03-07')
    await markState(round.db, empty.id, { state: 'empty', reason: 'weekend' })
    await freezeEdition(round, '2026-03-04')
    await ensure('2026-03-04', 'weekly')
    const listed = await listUnfrozenEditions(round.db)
    expect(listed.map(({ date, state, reason }) => [date, state, reason])).toEqual([
      ['2026-03-05', 'open', null],
      ['2026-03-06', 'held', 'too few'],
    ])
  })

  it('lists the last frozen daily ones before a date, newest first', async () => {
    for (const date of ['2026-02-27', '2026-03-02', '2026-03-03', '2026-03-05']) await freezeEdition(round, date)
    await freezeEdition(round, '2026-03-01', { kind: 'weekly' })
    await ensure('2026-03-04')
    const before = await listFrozenBefore(round.db, '2026-03-05', 2)
    expect(before.map((edition) => edition.date)).toEqual(['2026-03-03', '2026-03-02'])
    expect(await listFrozenBefore(round.db, '2026-02-27', 3)).toEqual([])
  })
})

describe('markSource', () => {
  it('binds a date to the first source for good', async () => {
    const { id } = await ensure()
    expect(await markSource(round.db, id, 'file')).toBe('file')
    expect(await markSource(round.db, id, 'http')).toBe('file')
    expect((await getEdition(round.db, id)).source).toBe('file')
  })
})

describe('markState', () => {
  it('moves an edition between open, held and empty, but never one that is frozen', async () => {
    const { id } = await ensure()
    await markState(round.db, id, { state: 'held', reason: 'too few' })
    expect(await getEdition(round.db, id)).toMatchObject({ state: 'held', reason: 'too few' })
    await markState(round.db, id, { state: 'open', reason: null })
    expect(await getEdition(round.db, id)).toMatchObject({ state: 'open', reason: null })
    const frozen = await freezeEdition(round, '2026-03-06')
    await markState(round.db, frozen.id, { state: 'empty', reason: 'source' })
    expect(await getEdition(round.db, frozen.id)).toEqual(frozen)
  })

  it('is never held or empty without a reason', async () => {
    const { id } = await ensure()
    await expect(markState(round.db, id, { state: 'held', reason: null })).rejects.toThrow(/check constraint/)
  })
})

describe('markFrozen', () => {
  it('gives places back exactly as they were, by position', async () => {
    const { id } = await ensure()
    const title = `It's "quoted", $& $1 $$ and \\n \\\\ 100% — ünï©ödé 🧮 中文 <b>&amp;</b> {{x}}`
    const places = [
      makePlace({ position: 1, reason: `1st of 2 by votes, "2 tied" at $&: by id \\` }, { title, authors: ["O'Neil"] }),
      makePlace({ position: 2, upvotes: 2_147_483_647, comments: 7 }, { abstract: '$\\alpha$ '.repeat(500) }),
      makePlace({ position: 3, section: 'rising', rank: 4, listedOn: '2026-03-03' }, { id: `title:it's \\ "$&"` }),
    ]
    await freezeWith(id, [places[2], places[0], places[1]] as Place[], true)
    expect(await listPlaces(round.db, id)).toEqual(places)
    expect(await getEdition(round.db, id)).toMatchObject({
      state: 'frozen',
      reason: null,
      incomplete: true,
      frozenAt: expect.any(Date),
    })
  })

  it('clears the reason for which an edition was held', async () => {
    const { id } = await ensure()
    await markState(round.db, id, { state: 'held', reason: 'too few' })
    await freezeWith(id, inventPlaces(DATE, 3))
    expect(await getEdition(round.db, id)).toMatchObject({ state: 'frozen', reason: null, incomplete: false })
  })

  it('happens once: a second freeze fails as a whole and changes neither places nor time', async () => {
    const { id } = await ensure()
    await freezeWith(id, inventPlaces(DATE, 3))
    const before = { edition: await getEdition(round.db, id), places: await listPlaces(round.db, id) }
    await expect(freezeWith(id, inventPlaces(DATE, 5).slice(3))).rejects.toThrow(/is frozen already/)
    expect({ edition: await getEdition(round.db, id), places: await listPlaces(round.db, id) }).toEqual(before)
  })

  it('knows a paper and a position once an edition', async () => {
    const { id } = await ensure()
    const [first] = inventPlaces(DATE, 1) as [Place]
    await expect(freezeWith(id, [first, { ...first, position: 2 }])).rejects.toThrow(/unique/)
    expect((await getEdition(round.db, id)).state).toBe('open')
  })
})

describe('markStopped', () => {
  it('stops until a moment by the clock of the database, or for good, which no passing stop overwrites', async () => {
    const { id } = await ensure()
    await markStopped(round.db, id, 'quota', 90_000)
    const { rows } = await sql<{ seconds: number }>`
      select extract(epoch from stopped_until - clock_timestamp())::float8 as seconds from editions where id = ${id}`.execute(
      round.db,
    )
    expect(rows[0]?.seconds).toBeGreaterThan(30)
    expect(rows[0]?.seconds).toBeLessThanOrEqual(90)
    const forGood = { stoppedReason: 'the key was refused', stoppedUntil: null }
    await markStopped(round.db, id, 'the key was refused', null)
    expect(await getEdition(round.db, id)).toMatchObject(forGood)
    await markStopped(round.db, id, 'quota', 90_000)
    expect(await getEdition(round.db, id)).toMatchObject(forGood)
  })
})
