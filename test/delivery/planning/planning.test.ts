import { type Kysely, sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../../src/database/schema.ts'
import { listSelections } from '../../../src/digest/joining/store.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { markPaused } from '../../../src/subscriber/store.ts'
import { keepRound } from '../../support/kept-round.ts'
import { makePlace } from '../../support/places.ts'
import {
  addReader,
  freezeEdition,
  inventPlaces,
  listDeliveries,
  readAccounts,
  type TestRound,
} from '../../support/round.ts'

let round: TestRound
let db: Kysely<Database>
keepRound((kept) => {
  round = kept
  db = kept.db
})
beforeEach(() => {
  round.provider.batchSize = 100
})

describe('planAll', () => {
  it('writes one delivery a reader, in batches of the size of the provider, members in place', async () => {
    round.provider.batchSize = 2
    const edition = await freezeEdition(round, '2026-03-05')
    const readers = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) readers.push(await addReader(db, name))
    expect(await planAll(round, edition, null)).toBe(5)
    const batches = await db
      .selectFrom('batches')
      .select(['id', 'state', 'members', 'idempotency_key'])
      .orderBy('id')
      .execute()
    expect(batches.map((batch) => batch.members.length)).toEqual([2, 2, 1])
    expect(batches.flatMap((batch) => batch.members).sort()).toEqual(readers.map((reader) => reader.id))
    expect(batches.every((batch) => batch.state === 'planned' && batch.idempotency_key === null)).toBe(true)
    const rows = await db.selectFrom('deliveries').selectAll().execute()
    for (const row of rows) {
      expect(batches.find((batch) => batch.id === row.batch_id)?.members).toContain(row.subscriber_id)
      expect(row).toMatchObject({
        state: 'planned',
        token_epoch: 0,
        key_id: round.linkKeys.currentKeyId,
        local_date: '2026-03-06',
      })
    }
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 5, waiting: 5 })
  })

  it('keeps what each reader’s own choices add to a reason, and shares a selection only where that is the same', async () => {
    const places = [
      makePlace({ position: 1 }, { title: 'Reading Agents' }),
      makePlace({ position: 2 }, { title: 'GANs Revisited', authors: ['Grace Hopper'] }),
    ]
    const edition = await freezeEdition(round, '2026-03-05', { places })
    const wishes = {
      a: {},
      b: { include: ['agents'] },
      c: { include: ['AI agent'] },
      d: { authors: ['hopper'] },
      e: { mute: ['gan', 'agent'] },
    }
    for (const [name, choices] of Object.entries(wishes)) await addReader(db, name, { choices })
    expect(await planAll(round, edition, null)).toBe(4)
    const ids = (await listDeliveries(db)).map((row) => row.selection_id)
    expect(new Set(ids.slice(0, 4)).size).toBe(4)
    const selections = await listSelections(db, edition.id, ids.slice(0, 4) as number[])
    expect(
      selections.sort((one, other) => one.id - other.id).map(({ papers, remarks }) => ({ papers, remarks })),
    ).toEqual(
      expect.arrayContaining([
        { papers: [1, 2], remarks: [] },
        { papers: [1, 2], remarks: ['matches agents', ''] },
        { papers: [1, 2], remarks: ['matches AI agent', ''] },
        { papers: [2, 1], remarks: ['by an author you follow: hopper', ''] },
      ]),
    )
    expect((await listDeliveries(db))[4]).toMatchObject({ state: 'withheld', reason: 'filtered' })
  })

  it('plans nothing twice, however often it is asked and by how many at once', async () => {
    const edition = await freezeEdition(round, '2026-03-05')
    for (const name of ['a', 'b', 'c']) await addReader(db, name)
    const planned = await Promise.all([1, 2, 3, 4].map(() => planAll(round, edition, null)))
    expect(planned.sort()).toEqual([0, 0, 0, 3])
    await addReader(db, 'd')
    expect(await planAll(round, edition, null)).toBe(1)
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 4, waiting: 4 })
  })

  it('lets readers with the same choices and history share a selection', async () => {
    const edition = await freezeEdition(round, '2026-03-05')
    await addReader(db, 'a')
    await addReader(db, 'b')
    await addReader(db, 'c', { choices: { papers: 2 } })
    await addReader(db, 'd', { choices: { length: 'titles' } })
    await planAll(round, edition, null)
    const selections = await listSelections(db, edition.id, [1, 2, 3, 4])
    expect(selections.map((selection) => [selection.length, selection.papers]).sort()).toEqual([
      ['short', [1, 2]],
      ['short', [1, 2, 3, 4, 5]],
      ['titles', [1, 2, 3, 4, 5]],
    ])
  })

  it('withholds as filtered when nothing is left for a reader, with no local date taken', async () => {
    const edition = await freezeEdition(round, '2026-03-05')
    await addReader(db, 'a', { choices: { minimumVotes: 1_000 } })
    expect(await planAll(round, edition, null)).toBe(0)
    expect(await listDeliveries(db)).toMatchObject([
      { state: 'withheld', reason: 'filtered', local_date: null, selection_id: null },
    ])
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 1, withheld: { filtered: 1 } })
  })

  it('passes over everyone who must not be written to, and the other kind', async () => {
    const edition = await freezeEdition(round, '2026-03-05')
    const kept = await addReader(db, 'kept')
    await addReader(db, 'weekly', { cadence: 'weekly' })
    const paused = await addReader(db, 'paused')
    await markPaused(db, paused.id, '2999-01-01')
    const left = await addReader(db, 'left')
    await sql`update subscribers set consent = 'unsubscribed' where id = ${left.id}`.execute(db)
    await addReader(db, 'suppressed')
    await sql`insert into suppressions (address_hash, reason) select address_hash, 'bounce' from subscribers where address = 'suppressed@example.org'`.execute(
      db,
    )
    expect(await planAll(round, edition, null)).toBe(1)
    expect((await listDeliveries(db)).map((row) => row.subscriber_id)).toEqual([kept.id])
  })

  it('plans for one address only where asked', async () => {
    const edition = await freezeEdition(round, '2026-03-05')
    await addReader(db, 'a')
    const b = await addReader(db, 'b')
    expect(await planAll(round, edition, 'b@example.org')).toBe(1)
    expect((await listDeliveries(db)).map((row) => row.subscriber_id)).toEqual([b.id])
  })

  it('never gives a paper twice: not what was submitted, planned or unknown, but again what was rejected or withheld', async () => {
    const shared = inventPlaces('2026-03-04', 3)
    const first = await freezeEdition(round, '2026-03-04', { places: shared })
    const fresh = inventPlaces('2026-03-05', 2).map((place) => ({
      ...place,
      position: place.position + 3,
      rank: place.rank + 3,
    }))
    const states = ['planned', 'submitted', 'unknown', 'rejected', 'withheld']
    for (const name of states) await addReader(db, name)
    await planAll(round, first, null)
    for (const state of states) {
      const off = state === 'rejected' || state === 'withheld'
      await sql`update deliveries set state = ${state}, reason = ${off ? 'test' : null}, local_date = case when ${off}::boolean then null else local_date end
        where subscriber_id = (select id from subscribers where address = ${`${state}@example.org`})`.execute(db)
    }
    const second = await freezeEdition(round, '2026-03-05', { places: [...shared, ...fresh] })
    await planAll(round, second, null)
    const rows = await sql<{ name: string; papers: number[] }>`
      select split_part(s.address, '@', 1) as name, x.papers from deliveries d join subscribers s on s.id = d.subscriber_id
      join selections x on x.edition_id = d.edition_id and x.id = d.selection_id where d.edition_id = ${second.id}`.execute(
      db,
    )
    expect(Object.fromEntries(rows.rows.map((row) => [row.name, row.papers]))).toEqual({
      planned: [4, 5],
      submitted: [4, 5],
      unknown: [4, 5],
      rejected: [1, 2, 3, 4, 5],
      withheld: [1, 2, 3, 4, 5],
    })
  })

  it('knows what a reader had from any number of editions and selections', async () => {
    const pool = inventPlaces('2026-03-01', 8)
    const part = (positions: number[]) =>
      positions.map((position, index) => ({
        ...makePlace({ position: index + 1 }),
        paper: (pool[position] as (typeof pool)[0]).paper,
      }))
    const one = await freezeEdition(round, '2026-03-02', { places: part([0, 1, 2]) })
    const two = await freezeEdition(round, '2026-03-03', { places: part([2, 3, 4, 5]) })
    const all = await freezeEdition(round, '2026-03-04', { places: part([0, 1, 2, 3, 4, 5, 6, 7]) })
    await addReader(db, 'two-of-each', { choices: { papers: 2 } })
    await addReader(db, 'everything')
    await planAll(round, one, null)
    await planAll(round, two, null)
    await addReader(db, 'new')
    await planAll(round, all, null)
    const rows = await sql<{ name: string; papers: number[] }>`
      select split_part(s.address, '@', 1) as name, x.papers from deliveries d join subscribers s on s.id = d.subscriber_id
      join selections x on x.edition_id = d.edition_id and x.id = d.selection_id where d.edition_id = ${all.id}`.execute(
      db,
    )
    // two-of-each had 0 and 1, then 2 and 3.
    expect(Object.fromEntries(rows.rows.map((row) => [row.name, row.papers]))).toEqual({
      'two-of-each': [5, 6],
      everything: [7, 8],
      new: [1, 2, 3, 4, 5, 6, 7, 8],
    })
  })

  it('gives one digest a local date: a second edition of the same day passes the reader over and is not due', async () => {
    const first = await freezeEdition(round, '2026-03-05')
    await addReader(db, 'a')
    await planAll(round, first, null)
    await sql`update deliveries set local_date = '2026-03-07'`.execute(db)
    const second = await freezeEdition(round, '2026-03-06')
    expect(await planAll(round, second, null)).toBe(0)
    expect(await readAccounts(db, second.id)).toMatchObject({ due: 0, waiting: 0 })
    expect(await db.selectFrom('batches').select('id').where('edition_id', '=', second.id).execute()).toEqual([])
  })
})
