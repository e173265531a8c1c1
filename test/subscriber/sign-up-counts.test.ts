import { afterAll, beforeAll, expect, it } from 'vitest'
import { getConfirmedOfHost, listAnswered, markAnswered } from '../../src/subscriber/sign-up-counts.ts'
import { addReader, openTestRound, type TestRound } from '../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

let database: TestDatabase
let round: TestRound
beforeAll(async () => {
  database = await openTestDatabase('either')
  round = await openTestRound(database.url)
})
afterAll(async () => {
  await round.close()
  await database.close()
})

it('counts who confirmed at a host, no further than asked', async () => {
  for (const name of ['a', 'b', 'c']) await addReader(round.db, name)
  expect(await getConfirmedOfHost(round.db, 'example.org', 10)).toBe(3)
  expect(await getConfirmedOfHost(round.db, 'example.org', 2)).toBe(2)
  expect(await getConfirmedOfHost(round.db, 'example.com', 10)).toBe(0)
})

it('counts sign-ups by their answer', async () => {
  await markAnswered(round.db, 'taken')
  await markAnswered(round.db, 'taken')
  await markAnswered(round.db, 'refused')
  expect(await listAnswered(round.db)).toEqual([
    { answer: 'taken', count: 2 },
    { answer: 'solved', count: 0 },
    { answer: 'waited', count: 0 },
    { answer: 'challenged', count: 0 },
    { answer: 'refused', count: 1 },
  ])
})
