// What the operator sees of tomorrow, and that a rehearsal works before the cut-off and stores
// nothing.
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { outlookCommand } from '../../src/commands/outlook.ts'
import { resolveCommand } from '../../src/commands/resolve.ts'
import { sendCommand } from '../../src/commands/send.ts'
import { dateOf, shiftDate } from '../../src/edition/edition.ts'
import { ensureStop } from '../../src/edition/stop.ts'
import { collect } from '../../src/jobs/collect.ts'
import { callOn, readJson } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import { addReader, openListedSource, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

it('tells to whom, when and what, and lets send be rehearsed', async () => {
  const date = dateOf(new Date())
  const listings = ['Sheep that vote', 'Wolves'].map((title, at) => ({
    paper: makePaper({ id: `title:${title}`, title }),
    upvotes: 12 - at,
    comments: 0,
    submittedAt: null,
  }))
  await collect({ ...round, source: openListedSource({ [date]: listings }) }, date)
  await addReader(round.db, 'ada', { zone: 'Asia/Tokyo' })
  await addReader(round.db, 'bob', { zone: 'Asia/Tokyo' })
  await addReader(round.db, 'cleo', { choices: { minimumVotes: 99 } })
  await addReader(round.db, 'dan', { cadence: 'weekly' })
  await addReader(round.db, 'eve')
  await sql`update subscribers set paused_until = '2099-01-01' where address like 'eve%'`.execute(round.db)
  const call = (json: boolean) => outlookCommand({ date, json })
  const { stdout } = await callOn(round.databaseUrl, () => call(false))
  const next = `${shiftDate(date, 1)} 22:00 UTC`
  expect(stdout).toContain(`the edition of ${date}, by current votes: 2 papers`)
  expect(stdout).toContain('\n2 emails; none for 1 reader whose settings leave nothing of it, 1 paused.\n')
  expect(stdout).toContain(
    `\n  ${next}  2 emails (Asia/Tokyo)\nLeading:\n     12 votes  Sheep that vote (in 2 emails)\n`,
  )
  expect(stdout).toContain(`\nThrough outbox, the last by ${next}.\n`)
  await ensureStop(round.db, null, null)
  expect((await callOn(round.databaseUrl, () => call(false))).stdout).toContain('Nothing of it will go: all digests')
  expect(await readJson(round.databaseUrl, () => call(true))).toMatchObject({
    ...{ date, kind: 'daily', state: 'open', emails: 2, filtered: 1, paused: 1, suppressed: 0, merged: 0 },
    leads: [{ id: 'title:Sheep that vote', upvotes: 12, emails: 2 }],
    sending: { provider: 'outbox', putOff: 0 },
  })

  const rehearse = () => sendCommand({ date, dryRun: true, json: true })
  const expected = {
    date,
    kind: 'daily',
    state: 'open',
    due: 3,
    waiting: 2,
    withheld: { filtered: 1 },
    submittedNow: 0,
  }
  expect(await readJson(round.databaseUrl, rehearse)).toMatchObject(expected)
  const one = () => sendCommand({ date, dryRun: true, json: true, only: 'cleo@example.org' })
  expect(await readJson(round.databaseUrl, one)).toMatchObject({ due: 1, waiting: 0, withheld: { filtered: 1 } })
  expect(await round.db.selectFrom('deliveries').selectAll().execute()).toEqual([])
  await expect(outlookCommand({ date: 'soon' })).rejects.toThrow(/--date soon is not a date/)
})

it('blames nobody’s settings for a day without papers', async () => {
  const date = dateOf(new Date())
  await collect({ ...round, source: openListedSource({ [date]: [] }) }, date)
  await addReader(round.db, 'ada')
  const { stdout } = await callOn(round.databaseUrl, () => outlookCommand({ date }))
  expect(stdout).toContain('\n0 emails; none for 1 reader as long as it has no papers.\n')
})

it('needs no secret, and says of an edition that is over that it is', async () => {
  const date = shiftDate(dateOf(new Date()), -30)
  const call = (name: string) => callOn(round.databaseUrl, () => outlookCommand({ date: name }), { LINK_SECRET: '' })
  await expect(call(date)).rejects.toThrow(`the edition of ${date} is over: its votes were counted at `)
  const next = shiftDate(dateOf(new Date()), 2)
  await expect(call(next)).rejects.toThrow(`nothing is known of the edition of ${next}: its day has not come`)
  const resolve = (name: string) => callOn(round.databaseUrl, () => resolveCommand({ date: name, as: 'drop' }))
  await expect(resolve(next)).rejects.toThrow('its day has not come')
  await expect(resolve(date)).rejects.toThrow('none of it was ever sent')
})
