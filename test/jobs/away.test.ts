import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ReadOnlyCause } from '../../src/database/inspecting.ts'
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
    subject: 'Resolved: PostgreSQL answers and takes writes again',
    paragraphs: [
      expect.stringMatching(/^Resolved: PostgreSQL answers and takes writes again\. The alarm was open since /),
    ],
  })
  // The next outage is another one.
  await sql`update ticks set at = at - interval '2 hours' where name = 'outage'`.execute(round.db)
  awayMs = 60_000
  await one()
  awayMs = null
  await one()
  expect(await round.db.selectFrom('notices').select('id').execute()).toHaveLength(2)
})

it('posts that nothing can be written, and why, after the same minute', async () => {
  let refusal: ReadOnlyCause | null = 'full'
  let at = 0
  const lookAway = openAwayAlarm({
    round,
    outage: { awayMs: () => null },
    settings: {
      operatorEmail: null,
      alarmUrl: `${receiver.url}/alarms`,
      alarmSecrets: [ALARM_SECRET],
      heartbeatUrl: null,
      limits: DEFAULT_LIMITS,
    },
    findRefusal: async () => refusal,
    now: () => at,
  })
  await lookAway()
  at = 59_999
  await lookAway()
  expect(receiver.posts).toEqual([])
  at = 60_000
  await lookAway()
  await lookAway()
  const text =
    "Alarm: PostgreSQL's disk is full, so nothing is planned or sent: make room there, and the round goes on by itself."
  expect(receiver.posts).toMatchObject([{ type: 'alarm.opened', name: 'database', text }])
  refusal = null
  await lookAway()
  expect(receiver.posts.slice(1)).toMatchObject([{ type: 'alarm.ended', name: 'database' }])
})
