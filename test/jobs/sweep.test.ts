import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { askLink } from '../../src/delivery/request/own-data.ts'
import { signUp } from '../../src/delivery/request/sign-up.ts'
import { openPipeline } from '../../src/jobs/pipeline.ts'
import type { Job } from '../../src/jobs/queue/job.ts'
import { makeAsk } from '../support/asks.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})
const counts = async () => {
  const { rows } = await sql<Record<string, number>>`
    select (select count(*) from notices) as notices, (select count(*) from credentials) as credentials,
      (select count(*) from subscribers) as subscribers`.execute(round.db)
  return rows[0]
}

it('queues notices that the queue has lost, and clears away what has had its time and nothing else', async () => {
  const reader = await addReader(round.db, 'bo')
  const ids = [await signUp(round, 'ada@example.org', makeAsk()), await askLink(round, reader.id, 'export')]
  const put: Job[] = []
  const { sweep } = openPipeline(round, {
    put: async (jobs) => {
      put.push(...jobs)
    },
  })
  await sweep({ name: 'sweep' })
  expect(put).toEqual(ids.map((noticeId) => ({ name: 'notify', noticeId })))
  expect(await counts()).toEqual({ notices: 2, credentials: 2, subscribers: 2 })
  await sql`update notices set state = 'submitted', address = null, sealed = null`.execute(round.db)
  await sql`update credentials set expires_at = now()`.execute(round.db)
  await sql`update subscribers set created_at = now() - interval '8 days'`.execute(round.db)
  await sweep({ name: 'sweep' })
  expect(await counts()).toEqual({ notices: 2, credentials: 0, subscribers: 1 })
  // What was sent to somebody who never confirmed still counts against its limits, for 30 days.
  await sql`update notices set issued_at = now() - interval '31 days'`.execute(round.db)
  await sweep({ name: 'sweep' })
  expect(await counts()).toEqual({ notices: 1, credentials: 0, subscribers: 1 })
})
