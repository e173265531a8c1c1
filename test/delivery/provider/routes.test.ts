// Which way something has that was attempted: back to its provider, to another process, or none.
import { expect, it } from 'vitest'
import { findWay } from '../../../src/delivery/provider/routes.ts'
import { keepRound } from '../../support/kept-round.ts'
import { openScriptedProvider, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const VERSIONS = [1, 2]

const find = (here: 'resend' | 'smtp' | 'outbox', fixed: { provider: string; version?: number; ageMs: number }) =>
  findWay(
    { db: round.db, providers: [openScriptedProvider({ name: here, replayMs: 23 * HOUR_MS })] },
    { version: 2, ...fixed },
    VERSIONS,
  )

it('goes back to the provider that it was attempted through', async () => {
  expect(await find('resend', { provider: 'resend', ageMs: HOUR_MS })).toMatchObject({ kind: 'open' })
})

it('is left to others by a process without its provider, as long as that knows its key', async () => {
  const reason = 'it was attempted through resend'
  const left = (waitMs: number) => ({ kind: 'shut', out: { reason, waitMs } })
  expect(await find('smtp', { provider: 'resend', ageMs: HOUR_MS })).toEqual(left(2 * MINUTE_MS))
  expect(await find('smtp', { provider: 'resend', ageMs: 23 * HOUR_MS - 5 })).toEqual(left(5))
  expect(await find('smtp', { provider: 'resend', ageMs: 23 * HOUR_MS })).toEqual({ kind: 'over', reason })
})

it('is over at once where its provider knows no keys, or no program knows it', async () => {
  for (const provider of ['smtp', 'pigeons']) {
    expect(await find('resend', { provider, ageMs: 0 })).toMatchObject({ kind: 'over' })
  }
})

it('is left to a newer program that made it, and to nobody where the program is newer than it', async () => {
  const attempt = (version: number, ageMs = 0) => find('resend', { provider: 'resend', version, ageMs })
  expect(await attempt(3)).toMatchObject({ kind: 'shut', out: { reason: 'it was joined by version 3, this is 2' } })
  expect(await attempt(3, 23 * HOUR_MS)).toMatchObject({ kind: 'over' })
  expect(await attempt(0)).toMatchObject({ kind: 'over' })
})
