// What a provider says of mails whose answer never came: a real client asks a stand-in that forgets
// nothing.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import { markLookedUp } from '../../../src/delivery/feedback/looking-up.ts'
import { openResend } from '../../../src/delivery/provider/resend/resend.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { getUnresolved } from '../../../src/delivery/sending/unknown.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { keepRound } from '../../support/kept-round.ts'
import { openResendStandIn, type StandIn, type StandInOptions } from '../../support/resend-stand-in.ts'
import { only, planFor, readAccounts, readBatch, readDeliveries, type TestRound } from '../../support/round.ts'

let kept: TestRound
let standIn: StandIn
keepRound((opened) => {
  kept = opened
})
afterEach(() => standIn.close())

/**
 * Sends to readers in batches (of two); the answer to all of them is lost for good. The first
 * `accepted` batches were taken all the same.
 */
async function lose(names: readonly string[], accepted: number, options: StandInOptions = {}, batchSize = 2) {
  standIn = await openResendStandIn(options)
  const resend = openResend({ apiKey: 're_test', baseUrl: standIn.url, requestsPerSecond: 500 })
  const round = { ...kept, ...only({ ...resend, batchSize }) }
  const { edition } = await planFor(round, names)
  for (const [at, id] of (await listWaiting(round.db, BATCH, 1_000)).entries()) {
    standIn.fail({ accept: at < accepted, answer: 'reset' })
    await dispatch(round, id).catch(() => [])
  }
  await sql`update batches set next_attempt_at = 'infinity'`.execute(round.db)
  return { round, edition, ask: () => markLookedUp(round.db, edition.id, [resend]) }
}

describe('markLookedUp', () => {
  it('takes what was accepted as submitted, with its id, and leaves the rest undecided', async () => {
    const { round, edition, ask } = await lose(['ada', 'bob', 'cleo', 'dan'], 1)
    expect(await getUnresolved(round.db, edition.id)).toBe(4)
    expect(await ask()).toEqual({ found: 2, failures: [] })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 4, submitted: 2, unknown: 2 })
    const { ada, cleo } = await readDeliveries(round.db, edition.id)
    const mail = standIn.accepted.find(({ to }) => to === 'ada@example.org')
    expect(ada).toMatchObject({ state: 'submitted', provider_uuid: mail?.id, address: null })
    expect(cleo).toMatchObject({ state: 'planned', address: 'cleo@example.org' })
    const batches = await Promise.all([ada, cleo].map((row) => readBatch(round.db, row?.batch_id as number)))
    expect(batches.map(({ state }) => state)).toEqual(['settled', 'unknown'])
    expect(await ask()).toEqual({ found: 0, failures: [] })
  })

  it('goes through the pages of the list, and no further back than the first attempt', { tags: 'long' }, async () => {
    const names = Array.from({ length: 230 }, (_, index) => `reader${index}`)
    const { round, edition, ask } = await lose(names, 10, {}, 23)
    expect(await ask()).toEqual({ found: 230, failures: [] })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 230, submitted: 230, unknown: 0 })
  })

  it('does not look at what was sent before', async () => {
    const { round, ask } = await lose(['ada'], 1)
    await sql`update batches set first_attempt_at = now() + interval '1 hour'`.execute(round.db)
    expect(await ask()).toEqual({ found: 0, failures: [] })
  })

  it('says why it could not ask, and changes nothing', async () => {
    const { round, edition, ask } = await lose(['ada'], 1, { sendingOnly: true })
    const { found, failures } = await ask()
    expect(found).toBe(0)
    expect(failures).toEqual(['resend: 401 restricted_api_key: This API key is restricted to only send emails'])
    expect(await getUnresolved(round.db, edition.id)).toBe(1)
  })

  it('says in one line that an answer is another one than documented', async () => {
    const { round, edition } = await lose(['ada'], 1)
    const odd = createServer((_, response) => response.setHeader('content-type', 'application/json').end('{"data":7}'))
    await once(odd.listen(0, '127.0.0.1'), 'listening')
    try {
      const baseUrl = `http://127.0.0.1:${(odd.address() as AddressInfo).port}`
      const resend = openResend({ apiKey: 're_test', baseUrl, requestsPerSecond: 500 })
      const failures = ['resend: the answer has another shape than documented']
      expect(await markLookedUp(round.db, edition.id, [resend])).toEqual({ found: 0, failures })
    } finally {
      odd.closeAllConnections()
      odd.close()
    }
  })

  it('waits when it asks too fast', { tags: 'long' }, async () => {
    const { ask } = await lose(['ada', 'bob'], 1, { requestsPerSecond: 2 })
    expect(await ask()).toEqual({ found: 2, failures: [] })
  })

  it('asks nobody who remembers nothing', async () => {
    const { round, edition } = await lose(['ada'], 1)
    expect(await markLookedUp(round.db, edition.id, [kept.provider])).toEqual({ found: 0, failures: [] })
  })
})
