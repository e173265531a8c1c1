import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { listGrowth } from '../../src/edition/growth.ts'
import { insertCollection } from '../../src/source/store.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper, makePlace } from '../support/places.ts'
import { freezeEdition, type TestRound } from '../support/round.ts'

const DATE = '2026-03-05'

let round: TestRound
keepRound((kept) => {
  round = kept
})

async function look(votes: Record<string, number>, daysAgo: number) {
  const listings = Object.entries(votes).map(([id, upvotes]) => ({
    ...{ paper: makePaper({ id }), upvotes, comments: 0, submittedAt: null },
  }))
  const kept = { date: DATE, source: 'test', verdict: 'complete', reason: null, listings, setAside: 0 } as const
  await round.db.transaction().execute((trx) => insertCollection(trx, kept))
  await sql`
    update collections set collected_at = now() - make_interval(days => ${daysAgo}::int)
    where id = (select max(id) from collections)`.execute(round.db)
}

it('listGrowth gives the share of votes, and of the final five, at the freeze and on the days after', async () => {
  const places = ['a', 'b'].map((id, at) => makePlace({ position: at + 1, listedOn: DATE, upvotes: 10 }, { id }))
  await freezeEdition(round, DATE, { places })
  await sql`update editions set frozen_at = now() - interval '5 days'`.execute(round.db)
  await look({ a: 20, b: 20 }, 5)
  await look({ a: 30, b: 20, late: 10 }, 4)
  await look({ a: 60, b: 20, late: 20 }, 1)
  const [growth, ...others] = await listGrowth(round.db, new Date(), 20)
  expect(others).toEqual([])
  expect(growth?.votes).toBe(100)
  expect(growth?.share[0]).toBeCloseTo(0.2)
  expect(growth?.share[2]).toBeCloseTo(0.6)
  expect(growth?.top).toEqual([2 / 3, expect.any(Number), 1])
  await sql`update editions set frozen_at = now() - interval '1 day'`.execute(round.db)
  expect(await listGrowth(round.db, new Date(), 20)).toEqual([])
})
