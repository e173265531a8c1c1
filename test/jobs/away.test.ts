import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/delivery/alarm/limits.ts'
import { openAwayAlarm } from '../../src/jobs/away.ts'
import { keepRound } from '../support/kept-round.ts'
import { readContent } from '../support/notices.ts'
import { ALARM_SECRET, openReceiver, type Receiver } from '../support/receiver.ts'
import type { TestRound } from '../support/round.ts'

let round: TestRound
let receiver: Receiver
keepRound((kept) => {
  round = kept
})
beforeEach(async () => {
  receiver = await openReceiver()
})
afterEach(() => receiver.close())

it('posts an outage of a minute once a process, and its end; one email follows', async () => {
  let awayMs: number | null = 59_999
  const open = () =>
    openAwayAlarm({
      round,
      outage: { awayMs: () => awayMs },
      settings: {
        operatorEmail: 'host@papers.test',
        alarmUrl: `${receiver.url}/alarms`,
        alarmSecrets: [ALARM_SECRET],
        heartbeatUrl: null,
        limits: DEFAULT_LIMITS,
      },
    })
  const [one, other] = [open(), open()]
  const both = () => Promise.all([one(), other()])
  await both()
  expect(receiver.posts).toEqual([])
  awayMs = 60_000
  receiver.status = 503
  await both()
  receiver.status = 200
  await both()
  awayMs = 90_000
  await both()
  expect(receiver.posts).toMatchObject(Array(2).fill({ type: 'alarm.opened', name: 'database' }))
  expect(await round.db.selectFrom('notices').select('id').execute()).toEqual([])
  awayMs = null
  await both()
  await both()
  expect(receiver.posts.slice(2)).toMatchObject(Array(2).fill({ type: 'alarm.ended', name: 'database' }))
  const notices = await round.db.selectFrom('notices').select('id').execute()
  expect(notices).toHaveLength(1)
  expect(await readContent(round, notices[0]?.id ?? null)).toMatchObject({
    kind: 'alarm',
    subject: 'Resolved: PostgreSQL answers again',
    paragraphs: [expect.stringMatching(/^Resolved: PostgreSQL answers again\. The alarm was open since /)],
  })
  // The next outage is another one.
  await sql`update ticks set at = at - interval '2 hours' where name = 'outage'`.execute(round.db)
  awayMs = 60_000
  await one()
  awayMs = null
  await one()
  expect(await round.db.selectFrom('notices').select('id').execute()).toHaveLength(2)
})
