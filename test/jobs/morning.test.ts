// The host's morning: one short report a day, from the hour on, also on days without an edition.
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { markAlarms } from '../../src/delivery/alarm/store.ts'
import { markReported } from '../../src/delivery/feedback/feedback.ts'
import { collect } from '../../src/jobs/collect.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { openMorning } from '../../src/jobs/morning.ts'
import { markLeavingReason, markUnsubscribed } from '../../src/subscriber/store.ts'
import { stopClock } from '../support/clock.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import {
  addReader,
  only,
  openListedSource,
  openScriptedProvider,
  planFor,
  type ScriptedProvider,
  type TestRound,
} from '../support/round.ts'

const HOST = 'host@papers.test'

let round: TestRound & { provider: ScriptedProvider }
keepRound((kept) => {
  round = kept
})

beforeEach(async () => {
  round = { ...round, ...only(openScriptedProvider()) }
  await stopClock(round.databaseUrl, '2026-03-06 07:00Z')
})
afterEach(() => stopClock(round.databaseUrl, '2026-03-06 07:00Z'))

const openHere = (operatorEmail: string | null = HOST) => openMorning({ round, operatorEmail, sends: true, hour: 8 })
const reports = () => round.provider.accepted.filter(({ to }) => to === HOST)

it('comes once a day from its hour on, over two schedulers and a restart', async () => {
  await addReader(round.db, 'ada')
  const [one, other] = [openHere(), openHere()]
  await one.look()
  await stopClock(round.databaseUrl, '2026-03-06 08:00Z')
  await Promise.all([one.look(), other.look()])
  await openHere().look()
  expect(reports().map(({ subject }) => subject)).toEqual(['Morning report: nothing was due, all is well'])
  expect(reports()[0]?.html.toString()).toContain('1 reader, 1 joined, 0 left.')
  await stopClock(round.databaseUrl, '2026-03-07 07:59Z')
  await one.look()
  expect(reports()).toHaveLength(1)
  await stopClock(round.databaseUrl, '2026-03-07 11:30Z')
  await one.look()
  expect(reports()).toHaveLength(2)
})

it('does not come on the day on which it was turned on, nor where nobody is named', async () => {
  await stopClock(round.databaseUrl, '2026-03-06 15:00Z')
  await openHere(null).look()
  await openHere().look()
  await openHere().look()
  expect(reports()).toEqual([])
})

it('tells what was sent, who came and left and why, what is wrong, and what comes', async () => {
  await openHere().look()
  const { batchIds } = await planFor(round, ['ada', 'ben', 'cleo'])
  for (const id of batchIds) await dispatch(round, id)
  const bounced = await round.db.selectFrom('deliveries').select('public_id').executeTakeFirstOrThrow()
  await markReported(round.db, {
    ...{ id: 'msg_1', type: 'hard-bounce', delivery: bounced.public_id, notice: null },
    ...{ providerId: null, address: null, at: new Date('2026-03-06T07:30:00Z') },
  })
  await sql`insert into sent_days (day, sent) values ('2026-02-20', 100)`.execute(round.db)
  const leaver = await addReader(round.db, 'dan')
  await markUnsubscribed(round.db, leaver.publicId)
  await markLeavingReason(round.db, leaver.publicId, 'too-many')
  const listing = {
    paper: makePaper({ id: 'title:sheep', title: 'Sheep that vote' }),
    upvotes: 12,
    comments: 0,
    submittedAt: null,
  }
  await collect({ ...round, source: openListedSource({ '2026-03-06': [listing] }) }, '2026-03-06')
  const alarm = { name: 'source', subject: '', sentence: 'The source has not answered for 3 hours.' } as const
  await round.db.transaction().execute((trx) => markAlarms(trx, [alarm]))
  await stopClock(round.databaseUrl, '2026-03-06 08:00Z')
  await openHere().look()
  const [report] = reports()
  expect(report?.subject).toBe('Morning report: 3 sent, 1 alarm open')
  const text = report?.text.toString()
  for (const line of [
    'Needs you\nThe source has not answered for 3 hours.',
    '3 of 3\n',
    '- Bounced, these editions: 1 of 3\n- Bounced, 7 days: 1 of 3\n- Bounced, 30 days: 1 of 103\n',
    '- Spam, these editions: none\n- Spam, 7 days: none\n- Spam, 30 days: none\nKeep bounces below 2 %',
    '- Reading: 3\n- Joined in 24 hours: 3\n- Left in 24 hours: 1\nWhy they left: too many emails (1).',
    'Next: Fri 6 Mar\n- Emails, by current votes: 2\n',
    'Leads 2 emails: Sheep that vote (12 votes)',
  ])
    expect(text).toContain(line)
  expect(text).not.toContain('ada')
})
