// A stop amid a round: what is marked finishes, nothing else is marked, however many workers are at
// it.
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { ensureStop, pruneStops } from '../../../src/edition/stop.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { isFull } from '../../support/full.ts'
import { openScriptedProvider, openTestRound, planFor, readAccounts } from '../../support/round.ts'
import { describeStores } from '../../support/stores.ts'

/** Emails, members of a batch and workers of a paced round. */
const PACED = isFull ? { readers: 10_000, batchSize: 100 } : { readers: 600, batchSize: 10 }
const WORKERS = 4
const REQUEST_MS = 3

describeStores('during a paced round', (stores) => {
  it('makes no more requests than were marked, and after resuming sends everybody one', { tags: 'long' }, async () => {
    const provider = openScriptedProvider({ batchSize: PACED.batchSize })
    const own = await openTestRound(stores.databaseUrl, { provider, providers: [provider] })
    const names = Array.from({ length: PACED.readers }, (_, at) => `reader${at}`)
    const { edition, batchIds } = await planFor(own, names)
    const send = provider.send.bind(provider)
    provider.send = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, REQUEST_MS))
      return send(request)
    }
    const waiting = [...batchIds]
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) await dispatch(own, id)
    }
    const working = Promise.all(Array.from({ length: WORKERS }, work))
    while (provider.requests.length < batchIds.length / 3) await new Promise((resolve) => setTimeout(resolve, 1))
    await ensureStop(own.db, null, null)
    const { rows } = await sql<{ marked: number }>`
      select count(*) as marked from batches where first_attempt_at is not null`.execute(own.db)
    await working
    expect(provider.requests.length).toBeLessThanOrEqual(rows[0]?.marked ?? 0)
    expect(provider.requests.length).toBeLessThan(batchIds.length)
    expect(await readAccounts(own.db, edition.id)).toMatchObject({
      submitted: provider.accepted.length,
      waiting: PACED.readers - provider.accepted.length,
    })

    await own.db.transaction().execute((trx) => pruneStops(trx, null))
    for (const id of await listWaiting(own.db, BATCH, batchIds.length)) await dispatch(own, id)
    expect(new Set(provider.accepted.map(({ to }) => to)).size).toBe(PACED.readers)
    expect(provider.accepted).toHaveLength(PACED.readers)
    await own.close()
  })
})
