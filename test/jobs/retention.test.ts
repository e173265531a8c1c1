import { sql } from 'kysely'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { getAccounts } from '../../src/delivery/account/accounting.ts'
import { insertNotice } from '../../src/delivery/notice/asking.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { markResolved } from '../../src/delivery/sending/parts.ts'
import { getUnresolved } from '../../src/delivery/sending/unknown.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { collect } from '../../src/jobs/collect.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { pruneOld } from '../../src/jobs/retention.ts'
import { stopClock } from '../support/clock.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import { freezeEdition, only, openListedSource, planFor, readDeliveries, type TestRound } from '../support/round.ts'

const OLD = '2026-03-05'
const SIXTY_DAYS = 60 * 86_400_000

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeEach(() => stopClock(round.databaseUrl, '2026-03-06 08:00Z'))
afterAll(() => stopClock(round.databaseUrl, '2026-03-06 08:00Z'))

const prune = (retentionMs: number | null = SIXTY_DAYS) => pruneOld({ ...round, retentionMs })
const count = async (table: 'pieces' | 'votes' | 'notices') => {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)}`.execute(
    round.db,
  )
  return rows[0]?.count
}

async function sendOld() {
  const { edition, batchIds } = await planFor(round, ['ada', 'ben'], OLD)
  for (const id of batchIds) await dispatch(round, id)
  return edition
}

const readPruned = (id: number) =>
  round.db.selectFrom('editions').select('pruned_at').where('id', '=', id).executeTakeFirstOrThrow()

/** Sends to two readers and loses the answer for good. */
async function loseOld() {
  const { edition, batchIds } = await planFor(round, ['ada', 'ben'], OLD)
  round.provider.script.push({ kind: 'unknown', reason: 'the connection was cut' })
  await dispatch({ ...round, ...only({ ...round.provider, replayMs: 0 }) }, batchIds[0] as number)
  expect(await getUnresolved(round.db, edition.id)).toBe(2)
  return edition
}

it('lets go of an old edition but not of who had what, nor of its accounts', async () => {
  const listing = {
    paper: makePaper({ id: 'title:sheep', title: 'Sheep' }),
    upvotes: 3,
    comments: 0,
    submittedAt: null,
  }
  for (const upvotes of [1, 2, 3]) {
    await collect({ ...round, source: openListedSource({ [OLD]: [{ ...listing, upvotes }] }) }, OLD)
  }
  const edition = await sendOld()
  const accounts = await getAccounts(round.db, edition.id)
  await insertNotice(round.db, round.linkKeys, { kind: 'link', subscriberId: null, address: 'x@example.org' })
  await sql`update notices set state = 'withheld', reason = 'late', next_attempt_at = 'infinity', address = null, sealed = null, subscriber_id = (select min(id) from subscribers)`.execute(
    round.db,
  )
  await stopClock(round.databaseUrl, '2026-05-04 23:59Z')
  await prune()
  await prune(null)
  expect([(await count('pieces')) === 0, await count('votes'), await count('notices')]).toEqual([false, 3, 1])
  await stopClock(round.databaseUrl, '2026-05-06 00:00Z')
  const newer = await freezeEdition(round, '2026-05-05')
  const kept = await round.db.selectFrom('pieces').select('name').where('edition_id', '=', newer.id).execute()
  await prune()
  await prune()
  expect([await count('pieces'), await count('votes'), await count('notices')]).toEqual([kept.length, 1, 0])
  expect(await round.db.selectFrom('votes').select('upvotes').execute()).toEqual([{ upvotes: 3 }])
  expect(await getAccounts(round.db, edition.id)).toEqual(accounts)
  const deliveries = Object.values(await readDeliveries(round.db, edition.id))
  expect(deliveries.map(({ state, provider_id, address }) => [state, provider_id, address])).toEqual(
    Array(2).fill(['submitted', null, null]),
  )
})

it('still never gives the same paper twice', async () => {
  const edition = await sendOld()
  const papers = await round.db
    .selectFrom('edition_papers')
    .select('paper_id')
    .where('edition_id', '=', edition.id)
    .execute()
  await stopClock(round.databaseUrl, '2026-06-06 08:00Z')
  await prune()
  const again = await freezeEdition(round, '2026-06-05')
  await sql`update edition_papers set paper_id = p.paper_id from (
      select position, paper_id from edition_papers where edition_id = ${edition.id}
    ) p where edition_id = ${again.id} and edition_papers.position = p.position`.execute(round.db)
  expect(papers.length).toBeGreaterThan(0)
  await planAll(round, again, null)
  expect(Object.values(await readDeliveries(round.db, again.id)).map(({ reason }) => reason)).toEqual(
    Array(2).fill('filtered'),
  )
})

it('waits for what still waits, and takes up nothing twice', async () => {
  const { edition } = await planFor(round, ['ada'], OLD)
  await stopClock(round.databaseUrl, '2026-06-06 08:00Z')
  await prune()
  const prunedAt = () => readPruned(edition.id)
  expect(await prunedAt()).toEqual({ pruned_at: null })
  await sql`update batches set state = 'settled'`.execute(round.db)
  await prune()
  const first = await prunedAt()
  expect(first).toEqual({ pruned_at: new Date('2026-06-06T08:00:00Z') })
  await stopClock(round.databaseUrl, '2026-06-07 08:00Z')
  await prune()
  expect(await prunedAt()).toEqual(first)
})

it.each([
  ['sent again', (id: number) => markResolved(round.db, id, round.linkKeys.currentKeyId)],
  ['left', (id: number) => markResolved(round.db, id, null)],
  // As what a provider lists is noted after a restore.
  ['accounted for', () => sql`update deliveries set state = 'submitted', address = null`.execute(round.db)],
])('waits for the word on what is unknown, until it is %s', async (_, decide) => {
  const { id } = await loseOld()
  await stopClock(round.databaseUrl, '2027-03-06 08:00Z')
  await prune()
  expect(await readPruned(id)).toEqual({ pruned_at: null })
  await decide(id)
  for (const batchId of await listWaiting(round.db, BATCH, 10)) await dispatch(round, batchId)
  await prune()
  expect(await readPruned(id)).not.toEqual({ pruned_at: null })
  expect(Object.values(await readDeliveries(round.db, id)).map(({ address }) => address)).toEqual([null, null])
})
