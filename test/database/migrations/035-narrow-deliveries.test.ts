// A database of the build before, in the middle of a round: what it began goes on after the step to
// the byte, doubles nobody, and says the same of what is over.
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { migrate } from '../../../src/database/migrate.ts'
import { migrations } from '../../../src/database/migrations/index.ts'
import type { Database } from '../../../src/database/schema.ts'
import { BATCH, listBatchesOf } from '../../../src/delivery/sending/batch.ts'
import { raiseFate } from '../../../src/delivery/sending/ledger.ts'
import { providerIdSql } from '../../../src/delivery/sending/provider-id.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import {
  acceptAll,
  addReader,
  endWaits,
  freezeEdition,
  openScriptedProvider,
  openTestRound,
  planFor,
  readAccounts,
  type TestRound,
} from '../../support/round.ts'
import { describeStores } from '../../support/stores.ts'

// What the program of today cannot be without came behind this step: here it goes before.
const { '035-narrow-deliveries': step, ...BEFORE } = migrations
const AFTER = { ...BEFORE, 'last-narrow-deliveries': step }
const NAMES = ['ada', 'ben', 'cy', 'dan', 'eve', 'fay', 'gus', 'hal', 'ivy', 'joy']
const UUID = '0f9d5a52-77c6-4a6b-9c1e-2b8f6e3f7a10'
const LOUD_UUID = UUID.toUpperCase()

interface Kept {
  edition_id: number
  subscriber_id: number
  id: string | null
  rest: object
}

describeStores(
  '035-narrow-deliveries',
  (stores) => {
    let round: TestRound
    let editionId: number
    beforeEach(async () => {
      const provider = openScriptedProvider({ batchSize: 2 })
      round = await openTestRound(stores.databaseUrl, { provider, providers: [provider] }, BEFORE)
      const { edition, batchIds } = await planFor(round, NAMES)
      editionId = edition.id
      const [settled, attempting, unknown, mixed] = batchIds as [number, number, number, number]
      provider.script.push(() => Promise.reject(new Error('killed')))
      await expect(dispatch(round, attempting)).rejects.toThrow('killed')
      provider.script.push({ kind: 'unknown', reason: 'no answer' })
      await expect(dispatch(round, unknown)).rejects.toThrow('no answer')
      // As the build before wrote it.
      await sql`
        update deliveries set state = 'submitted', address = null, provider_id = case when subscriber_id % 2 = 0 then ${UUID} else ${LOUD_UUID} end
        where batch_id = ${settled}`.execute(round.db)
      await sql`
        update deliveries set state = 'rejected', reason = 'no such mailbox', address = null, local_date = null
        where subscriber_id = (select min(subscriber_id) from deliveries where batch_id = ${mixed})`.execute(round.db)
      await sql`
        update deliveries set state = 'submitted', address = null, fate = 'delivered', provider_id = 'id of another kind'
        where batch_id = ${mixed} and state = 'planned'`.execute(round.db)
      await sql`update batches set state = 'settled' where id in (${settled}, ${mixed})`.execute(round.db)
      await sql`
        insert into recovered_papers (subscriber_id, edition_id, paper_id)
        select subscriber_id, edition_id, 'only-in-the-email' from deliveries where batch_id = ${settled}`.execute(
        round.db,
      )
    })
    afterEach(() => round.close())

    it('keeps every row, and the ids of providers to the letter', { tags: 'long' }, async () => {
      const before = await readRows(round.db, sql`d.provider_id`)
      expect(await migrate(round.db, AFTER)).toEqual(['last-narrow-deliveries'])
      expect(await readRows(round.db, providerIdSql('d'))).toEqual(before)
      expect(new Set(before.map(({ id }) => id))).toEqual(new Set([null, UUID, LOUD_UUID, 'id of another kind']))
      const { rows } = await sql<{ bytes: boolean }>`
        select bool_or(provider_uuid = ${UUID}::uuid) as bytes from deliveries`.execute(round.db)
      expect(rows).toEqual([{ bytes: true }])
    })

    it('goes on with what was under way: to the byte, everybody once', { tags: 'long' }, async () => {
      await migrate(round.db, AFTER)
      const asked = new Map(round.provider.requests.map((request) => [request.idempotencyKey, JSON.stringify(request)]))
      round.provider.requests.length = 0
      await endWaits(round.db)
      for (const id of await listWaiting(round.db, BATCH, 10)) expect(await dispatch(round, id)).toEqual([])
      const again = round.provider.requests.filter(({ idempotencyKey }) => asked.has(idempotencyKey))
      expect(again.map((request) => JSON.stringify(request))).toEqual(
        again.map(({ idempotencyKey }) => asked.get(idempotencyKey)),
      )
      expect(again).toHaveLength(asked.size)
      expect(await readAccounts(round.db, editionId)).toMatchObject({ due: 10, submitted: 9, rejected: 1, waiting: 0 })
      const reached = round.provider.accepted.map(({ to }) => to)
      expect(new Set(reached).size).toBe(6)
      expect(reached).toHaveLength(6)
    })

    it('plans, sends and follows reports as before, and still no second digest of an edition or a day', {
      tags: 'long',
    }, async () => {
      await migrate(round.db, AFTER)
      await addReader(round.db, 'kim')
      const edition = await freezeEdition(round, '2026-03-06')
      expect(await planAll(round, edition, null)).toBe(NAMES.length + 1)
      // Neighbours on a page are of different batches.
      const { rows: placed } = await sql<{ batch: number }>`
        select batch_id as batch from deliveries where edition_id = ${edition.id} order by ctid`.execute(round.db)
      const [first = 0] = placed.map(({ batch }) => batch)
      expect(placed.map(({ batch }) => batch - first)).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4])
      round.provider.script.push((request) => {
        const answer = acceptAll(request)
        return answer.kind === 'answered'
          ? { ...answer, outcomes: answer.outcomes.map(() => ({ state: 'submitted', providerId: UUID })) }
          : answer
      })
      for (const id of await listBatchesOf(round.db, edition.id, null)) await dispatch(round, id)
      const sent = (await readRows(round.db, providerIdSql('d'))).filter(({ edition_id }) => edition_id === edition.id)
      expect(sent.filter(({ id }) => id === UUID)).toHaveLength(2)
      expect(sent.filter(({ id }) => id?.startsWith('id-'))).toHaveLength(NAMES.length - 1)
      const { rows } = await sql<{
        id: string
      }>`select public_id as id from deliveries where edition_id = ${edition.id} limit 1`.execute(round.db)
      await round.db.transaction().execute(async (trx) => {
        await raiseFate(trx, 'deliveries', rows[0]?.id ?? '', 'delivered')
        await raiseFate(trx, 'deliveries', rows[0]?.id ?? '', 'delayed')
      })
      const { rows: fates } = await sql<{ count: number }>`
        select count(*)::int as count from deliveries where edition_id = ${edition.id} and fate = 'delivered'`.execute(
        round.db,
      )
      expect(fates).toEqual([{ count: 1 }])
      const copy = (columns: string, values: string) =>
        sql
          .raw(`insert into deliveries (edition_id, subscriber_id, selection_id, state, ${columns})
          select edition_id, subscriber_id, 1, 'submitted', ${values} from deliveries where state = 'submitted' limit 1`)
          .execute(round.db)
      await expect(copy('local_date', `date '2030-01-05'`)).rejects.toThrow('deliveries_pkey')
      await expect(
        sql`
          insert into deliveries (edition_id, subscriber_id, selection_id, state, local_date)
          select edition_id + 100, subscriber_id, 1, 'submitted', local_date from deliveries where state = 'submitted' limit 1`.execute(
          round.db,
        ),
      ).rejects.toThrow('deliveries_subscriber_id_local_date_key')
    })

    it('lets go of what an email alone told when its delivery goes', async () => {
      await migrate(round.db, AFTER)
      await sql`delete from deliveries where edition_id = ${editionId}`.execute(round.db)
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from recovered_papers`.execute(
        round.db,
      )
      expect(rows).toEqual([{ count: 0 }])
    })
  },
  'nothing',
)

async function readRows(
  db: Kysely<Database>,
  id: ReturnType<typeof providerIdSql> | ReturnType<typeof sql>,
): Promise<Kept[]> {
  const { rows } = await sql<Kept>`
    select d.edition_id, d.subscriber_id, ${id} as id, to_jsonb(d) - 'provider_id' - 'provider_uuid' as rest
    from deliveries d order by 1, 2`.execute(db)
  return rows
}
