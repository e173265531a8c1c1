import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { statusCommand } from '../../src/commands/status.ts'
import { markAlive } from '../../src/delivery/sending/heartbeats.ts'
import { callOn, readJson } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

it('names settings that living processes do not agree on', async () => {
  const process = { roles: ['worker'], settings: { CUTOFF: 'a', PUBLIC_URL: 'a' } }
  await markAlive(round.db, { ...process, id: randomUUID(), host: 'one' })
  expect(await readJson(round.databaseUrl, () => statusCommand({ json: true }))).toMatchObject({ apart: [] })
  await markAlive(round.db, { ...process, id: randomUUID(), host: 'two', settings: { CUTOFF: 'a', PUBLIC_URL: 'b' } })
  const { stdout } = await callOn(round.databaseUrl, () => statusCommand({}))
  expect(stdout).toContain('PUBLIC_URL is not the same everywhere (worker on one against worker on two): ')
  expect(stdout).not.toContain('CUTOFF')
})
