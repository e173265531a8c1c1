import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { markAlive } from '../../src/delivery/sending/heartbeats.ts'
import { fingerprintsOf, openApartLook } from '../../src/jobs/settings-apart.ts'
import { openLogger } from '../../src/logger.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

/** The names whose fingerprints are not those of the round as it is. */
function changedBy(change: Partial<TestRound>, roles = ['worker']): string[] {
  const [before, after] = [fingerprintsOf(round, roles), fingerprintsOf({ ...round, ...change }, roles)]
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => before[name] !== after[name])
}

it('tells settings apart that readers notice, by their names alone', () => {
  expect(changedBy({})).toEqual([])
  const { host, provider } = round
  expect(changedBy({ host: { ...host, publicUrl: 'https://other.example', postalAddress: 'Elsewhere' } })).toEqual([
    'PUBLIC_URL',
    'POSTAL_ADDRESS',
  ])
  expect(changedBy({ retentionMs: 1, latenessMs: 1, cutoffMinutes: 1 })).toEqual(['CUTOFF', 'LATENESS', 'RETENTION'])
  const quota = { day: 7, month: null }
  expect(changedBy({ providers: [{ ...provider, quota }] })).toEqual(['SEND_QUOTA of outbox'])
  expect(JSON.stringify(fingerprintsOf(round, ['worker']))).not.toContain(host.publicUrl)
})

it('asks no scheduler for what it does not read', () => {
  expect(Object.keys(fingerprintsOf(round, ['scheduler']))).toEqual(['CUTOFF'])
  expect(changedBy({ host: { ...round.host, publicUrl: 'https://other.example' } }, ['scheduler'])).toEqual([])
  expect(changedBy({ cutoffMinutes: 1 }, ['scheduler'])).toEqual(['CUTOFF'])
})

it('warns once, at the second look in a row, and again after they agreed', async () => {
  const told: unknown[] = []
  const logger = openLogger('warn', {
    write(line) {
      const { event, setting, sides } = JSON.parse(line)
      told.push({ event, setting, sides })
    },
  })
  const look = openApartLook({ ...round, logger })
  const worker = { id: randomUUID(), roles: ['worker'], host: 'one', settings: fingerprintsOf(round, ['worker']) }
  const roles = ['scheduler']
  const settings = fingerprintsOf({ ...round, cutoffMinutes: 1 }, roles)
  const scheduler = { id: randomUUID(), roles, host: 'two', settings }
  const warning = { event: 'settings.apart', setting: 'CUTOFF', sides: ['scheduler on two', 'worker on one'] }
  await markAlive(round.db, worker)
  await markAlive(round.db, scheduler)
  await look()
  expect(told).toEqual([])
  await look()
  await look()
  expect(told).toEqual([warning])
  await round.db.deleteFrom('heartbeats').where('host', '=', 'two').execute()
  await look()
  await markAlive(round.db, scheduler)
  await look()
  await look()
  expect(told).toEqual([warning, warning])
})
