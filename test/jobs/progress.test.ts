// What the log says of an edition: planned, each tenth once, finished once, by however many
// processes.
import { sql } from 'kysely'
import { beforeEach, expect, it } from 'vitest'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planDue } from '../../src/jobs/plan.ts'
import { tellProgress } from '../../src/jobs/progress.ts'
import type { Logger } from '../../src/logger.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, freezeEdition, planFor, type TestRound } from '../support/round.ts'

let round: TestRound
let lines: Record<string, unknown>[]
keepRound((kept) => {
  const info = (fields: Record<string, unknown>) => lines.push(fields)
  round = { ...kept, logger: { ...kept.logger, info, debug: () => {} } as unknown as Logger }
})
beforeEach(() => {
  lines = []
  round.provider.batchSize = 1
})
const events = () => lines.map(({ event, percent }) => (percent === undefined ? event : `${event} ${percent}`))

it('is one line when planned, one at each tenth, one at the end', async () => {
  const { batchIds } = await planFor(
    round,
    Array.from({ length: 10 }, (_, at) => `reader${at}`),
  )
  await tellProgress(round)
  for (const id of batchIds) {
    await sql`update progress set looked_at = now() - interval '2 seconds'`.execute(round.db)
    await dispatch(round, id)
  }
  await Promise.all([tellProgress(round), tellProgress(round)])
  const tenths = Array.from({ length: 9 }, (_, at) => `edition.progress ${(at + 1) * 10}`)
  expect(events()).toEqual(['edition.planned', ...tenths, 'edition.finished'])
  expect(lines[0]).toMatchObject({ date: '2026-03-05', kind: 'daily', readers: 10 })
  expect(lines.at(-1)).toMatchObject({ due: 10, submitted: 10, waiting: 0 })
})

it('looks no more than once a second, and at the end all the same', async () => {
  const { batchIds } = await planFor(
    round,
    Array.from({ length: 10 }, (_, at) => `reader${at}`),
  )
  await tellProgress(round)
  await sql`update progress set looked_at = now() + interval '1 hour'`.execute(round.db)
  for (const id of batchIds) await dispatch(round, id)
  expect(events()).toEqual(['edition.planned', 'edition.finished'])
})

it('is finished only when the last hour has come', async () => {
  await addReader(round.db, 'early', { hour: 0 })
  await addReader(round.db, 'late', { hour: 0 })
  await freezeEdition(round, '2026-03-05')
  await sql`update reader_clocks set next_due_at = now() where subscriber_id in (select id from subscribers where address like 'early%')`.execute(
    round.db,
  )
  await sql`update editions set frozen_at = now() - interval '2 days'`.execute(round.db)
  const send = async () => {
    await planDue(round)
    await tellProgress(round)
    const { rows } = await sql<{ id: number }>`select id from batches where state = 'planned'`.execute(round.db)
    for (const { id } of rows) await dispatch(round, id)
    await tellProgress(round)
  }
  await send()
  expect(events()).toEqual(['edition.planned', 'edition.progress 50'])
  expect(lines[0]).toMatchObject({ readers: 2 })
  await sql`update reader_clocks set next_due_at = now() where subscriber_id in (select id from subscribers where address like 'late%')`.execute(
    round.db,
  )
  await send()
  expect(events().slice(2)).toEqual(['edition.finished'])
})
