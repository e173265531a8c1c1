// What mails are joined from, read from a real database: once a process, and never taking a row's
// word for its content.
import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { joinDigest, recipeOf } from '../../../src/digest/joining/joining.ts'
import { loadMaterials } from '../../../src/digest/joining/materials.ts'
import { ensureSelections, insertPieces, listPieces, listSelections } from '../../../src/digest/joining/store.ts'
import type { Edition } from '../../../src/edition/edition.ts'
import { keepRound } from '../../support/kept-round.ts'
import { freezeEdition, type TestRound } from '../../support/round.ts'
import { OPENING } from '../golden/places.ts'

let round: TestRound
let edition: Edition
let ids: number[]

keepRound((kept) => {
  round = kept
})
beforeEach(async () => {
  edition = await freezeEdition(round, '2026-03-05')
  ids = await ensure([short, titles])
})

const short = { length: 'short', papers: [1, 2], reasons: [0, 0] } as const
const titles = { length: 'titles', papers: [5, 1], reasons: [0, 0] } as const
const slots = { unsubscribe: 'u', view: 'v', preferences: 'p' }

function ensure(
  wanted: readonly {
    length: 'short' | 'titles'
    papers: readonly number[]
    reasons: readonly number[]
    remarks?: readonly string[]
  }[],
) {
  return round.db.transaction().execute((trx) =>
    ensureSelections(
      trx,
      edition.id,
      wanted.map(({ length, papers, reasons, remarks = [] }) => ({
        length,
        papers: [...papers],
        reasons: [...reasons],
        remarks: [...remarks],
      })),
    ),
  )
}

/** Reads with a handle that has nothing kept, as another process would. */
async function elsewhere<T>(read: (db: TestRound['db']) => Promise<T>): Promise<T> {
  const db = openDatabase(round.databaseUrl)
  try {
    return await read(db)
  } finally {
    await db.destroy()
  }
}

describe('loadMaterials', () => {
  it('gives each selection once, with the pieces of its own length', async () => {
    const materials = await loadMaterials(round.db, edition.id, [...ids, ...ids], 'utf8')
    expect([...materials.keys()].sort()).toEqual([...ids].sort())
    const [first, second] = ids.map((id) => materials.get(id))
    expect(first?.selection).toMatchObject({ papers: [1, 2], reasons: [0, 0] })
    expect(second?.selection).toMatchObject({ papers: [5, 1], reasons: [0, 0] })
    const read = await listPieces(round.db, edition.id, 'titles')
    const head = read.find((piece) => piece.name === 'text/line/5')
    expect(second?.pieces.byName.get('text/line/5')?.sha256).toBe(head?.sha256.toString('hex'))
    expect(first?.pieces.byName.get('text/line/5')?.sha256).not.toBe(head?.sha256.toString('hex'))
  })

  it('leaves out selections that the edition does not have', async () => {
    const materials = await loadMaterials(round.db, edition.id, [ids[0] ?? 0, 4_000], 'utf8')
    expect([...materials.keys()]).toEqual([ids[0]])
    expect((await loadMaterials(round.db, edition.id, [], 'utf8')).size).toBe(0)
  })

  it('prepares the pieces of an edition, length and encoding once, for callers at the same time too', async () => {
    const both = await Promise.all([1, 2].map(() => loadMaterials(round.db, edition.id, ids, 'utf8')))
    const [id = 0, other = 0] = ids
    expect(both[0]?.get(id)?.pieces).toBe(both[1]?.get(id)?.pieces)
    expect(both[0]?.get(id)?.pieces).not.toBe(both[0]?.get(other)?.pieces)
    const quoted = await loadMaterials(round.db, edition.id, [id], 'quoted-printable')
    expect(quoted.get(id)?.pieces).not.toBe(both[0]?.get(id)?.pieces)
    expect(quoted.get(id)?.pieces.encoding).toBe('quoted-printable')
  })

  it('reads again after more editions than it keeps, with the same result', async () => {
    const [id = 0] = ids
    const before = (await loadMaterials(round.db, edition.id, [id], 'utf8')).get(id)
    for (let day = 10; day < 18; day++) {
      const next = await freezeEdition(round, `2026-03-${day}`)
      await sql`insert into selections select ${next.id}, id, length, papers, reasons from selections where edition_id = ${edition.id}`.execute(
        round.db,
      )
      await loadMaterials(round.db, next.id, [id], 'utf8')
    }
    const after = (await loadMaterials(round.db, edition.id, [id], 'utf8')).get(id)
    expect(after?.pieces).not.toBe(before?.pieces)
    expect(after).toEqual(before)
  })

  it('does not keep a failure', async () => {
    const [id = 0] = ids
    const kept = await listPieces(round.db, edition.id, 'short')
    await sql`delete from pieces where length = 'short' and name = 'envelope'`.execute(round.db)
    await expect(loadMaterials(round.db, edition.id, [id], 'utf8')).rejects.toThrow('envelope')
    await insertPieces(round.db, edition.id, 'short', kept)
    const material = (await loadMaterials(round.db, edition.id, [id], 'utf8')).get(id)
    expect(material && joinDigest(material.pieces, material.selection, slots).subject).toContain('Thu 5 Mar')
  })

  it('never mixes two databases of one process', async () => {
    const [id = 0] = ids
    const here = (await loadMaterials(round.db, edition.id, [id], 'utf8')).get(id)
    const there = await elsewhere(async (db) => (await loadMaterials(db, edition.id, [id], 'utf8')).get(id))
    expect(there?.pieces).not.toBe(here?.pieces)
    expect(there).toEqual(here)
  })

  it('takes the hash of what it read, so that a changed row is another recipe', async () => {
    const [id = 0] = ids
    const recipe = async () =>
      elsewhere(async (db) => {
        const material = (await loadMaterials(db, edition.id, [id], 'utf8')).get(id)
        return material && recipeOf(material.pieces, material.selection)
      })
    const before = await recipe()
    expect(await recipe()).toBe(before)
    // A false hash beside the true body says nothing; a false body says itself.
    await sql`update pieces set sha256 = '' where name = 'text/head'`.execute(round.db)
    expect(await recipe()).toBe(before)
    await sql`update pieces set body = body || ' ' where name = 'text/head'`.execute(round.db)
    expect(await recipe()).not.toBe(before)
  })
})

describe('pieces and selections', () => {
  it('keep the first rendering of a piece', async () => {
    const first = await listPieces(round.db, edition.id, 'short')
    await insertPieces(
      round.db,
      edition.id,
      'short',
      first.map((piece) => ({ ...piece, body: 'another' })),
    )
    expect(await listPieces(round.db, edition.id, 'short')).toEqual(first)
  })

  it('share a selection among equal choices, within a call and between calls', async () => {
    const other = { ...short, papers: [2, 1] }
    const again = await ensure([titles, short, other, short])
    expect([again[0], again[1], again[3]]).toEqual([ids[1], ids[0], ids[0]])
    expect(ids).not.toContain(again[2])
    expect(await listSelections(round.db, edition.id, [again[2] ?? 0, 4_000])).toEqual([
      { id: again[2], ...other, remarks: [], opening: null },
    ])
  })
  it('keep selections of other openings apart, and give each back as it was', async () => {
    const of = (day: string) => ({ ...short, remarks: [], opening: { ...OPENING, day } })
    const wanted = [of('Monday'), of('Tuesday "\\,"')]
    const store = (list: typeof wanted) =>
      round.db.transaction().execute((trx) =>
        ensureSelections(
          trx,
          edition.id,
          list.map((each) => ({ ...each, papers: [1, 2], reasons: [0, 0] })),
        ),
      )
    const [first, second] = await store(wanted)
    expect(new Set([first, second, ids[0]]).size).toBe(3)
    expect(await store(wanted.toReversed())).toEqual([second, first])
    expect(await listSelections(round.db, edition.id, [second ?? 0])).toMatchObject([{ opening: wanted[1]?.opening }])
  })
  it('keep selections of other remarks apart, however many and long they are', async () => {
    const papers = Array.from({ length: 50 }, (_, index) => index + 1)
    const long = (word: string) =>
      papers.map((position) => `matches ${word.repeat(20)} "\\," in its title; ${position}`)
    const wanted = ['diffusion', 'agents'].map((word) => ({
      ...short,
      papers,
      reasons: papers.map(() => 1),
      remarks: long(word),
    }))
    const [first, second] = await ensure(wanted)
    expect(second).not.toBe(first)
    expect(await ensure([...wanted].reverse())).toEqual([second, first])
    expect(await listSelections(round.db, edition.id, [first ?? 0])).toMatchObject([{ remarks: long('diffusion') }])
  })
})
