// What goes on once a restored copy knows that it was not sent; the drill (delivery/restoring)
// shows the whole way.
import { sql } from 'kysely'
import { beforeEach, expect, it } from 'vitest'
import { markTakenUp } from '../../../src/delivery/sending/recovered.ts'
import { ensureRestoredHold } from '../../../src/edition/restored.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { keepRound } from '../../support/kept-round.ts'
import {
  only,
  openScriptedProvider,
  planFor,
  readBatch,
  readDeliveries,
  type ScriptedProvider,
  type TestRound,
} from '../../support/round.ts'

let round: TestRound & { provider: ScriptedProvider }
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  round = { ...round, ...only(openScriptedProvider()) }
})

const takeUp = async () => {
  await ensureRestoredHold(round.db, 'Redis knows of marks that it lacks')
  // An edition of this very second is held as well.
  await sql`update lineage set held_at = round_clock()`.execute(round.db)
  return round.db.transaction().execute((trx) => markTakenUp(trx, round.linkKeys.currentKeyId))
}

it.each(['unknown', 'settled'])(
  'takes up again under another key what stands in an attempted batch: %s',
  async (state) => {
    const { edition, batchIds } = await planFor(round, ['ada', 'ben', 'cleo'])
    const [id] = batchIds as [number]
    round.provider.script.push({ kind: 'unknown', reason: 'the connection was cut' })
    await dispatch(round, id).catch(() => {})
    // A worker that lived through the restore may have settled its own under the same number.
    await sql`update batches set state = ${state} where id = ${id}`.execute(round.db)
    const attempted = await readBatch(round.db, id)
    expect(await takeUp()).toBe(3)
    expect(await readBatch(round.db, id)).toMatchObject({
      state: 'settled',
      reason: 'taken up again after a restore',
      lease_epoch: attempted.lease_epoch + 1,
    })
    expect(await takeUp()).toBe(0)
    const [fresh] = await round.db
      .selectFrom('batches')
      .select(['id', 'state', 'recipe_sha256'])
      .where('id', '>', id)
      .orderBy('id', 'desc')
      .execute()
    expect(fresh).toMatchObject({ state: 'planned', recipe_sha256: null })
    await sql`update lineage set held_at = null, held_why = null, gap_from = null`.execute(round.db)
    await dispatch(round, fresh?.id as number)
    expect(round.provider.accepted.map(({ to }) => to).sort()).toEqual(
      ['ada', 'ben', 'cleo'].map((name) => `${name}@example.org`),
    )
    expect(new Set(round.provider.requests.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(2)
    const deliveries = Object.values(await readDeliveries(round.db, edition.id))
    expect(deliveries.map(({ state }) => state)).toEqual(['submitted', 'submitted', 'submitted'])
  },
)
