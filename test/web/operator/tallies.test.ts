import { expect, it } from 'vitest'
import { LaterError } from '../../../src/errors.ts'
import type { Handlers } from '../../../src/jobs/queue/job.ts'
import { openTallies } from '../../../src/web/operator/tallies.ts'
import { openScriptedProvider } from '../../support/round.ts'

const REQUEST = { edition: { date: '2026-03-05', kind: 'daily' }, idempotencyKey: 'k', mails: [] }

it('counts and times requests by provider, kind and outcome, thrown ones too', async () => {
  const tallies = openTallies(['worker'])
  const provider = openScriptedProvider()
  const counted = tallies.countRequests(provider)
  await counted.send(REQUEST)
  provider.script.push({ kind: 'throttled', retryAfterMs: 1 }, () => Promise.reject(new Error('cut')))
  expect(await counted.send(REQUEST)).toEqual({ kind: 'throttled', retryAfterMs: 1 })
  await expect(counted.send(REQUEST)).rejects.toThrow('cut')
  const lines = (await tallies.read()).split('\n')
  for (const [outcome, kind, times] of [
    ['answered', 'batch', 1],
    ['throttled', 'batch', 1],
    ['failed', 'batch', 1],
    ['answered', 'notice', 0],
  ]) {
    expect(lines).toContain(
      `paper_round_requests_total{provider="outbox",kind="${kind}",outcome="${outcome}"} ${times}`,
    )
  }
  expect(lines).toContain('paper_round_request_seconds_count{provider="outbox",kind="batch"} 3')
})

it('counts failed runs of jobs, and no waits', async () => {
  const tallies = openTallies(['worker'])
  const pass = async () => {}
  const handlers: Handlers = {
    tick: pass,
    collect: pass,
    rank: pass,
    plan: pass,
    dispatch: pass,
    notify: pass,
    sweep: pass,
  }
  const failing = tallies.countFailures({
    ...handlers,
    plan: () => Promise.reject(new Error('no')),
    dispatch: () => Promise.reject(new LaterError('wait', 5)),
  })
  await expect(failing.plan({ name: 'plan' })).rejects.toThrow('no')
  await expect(failing.dispatch({ name: 'dispatch', batchId: 1 })).rejects.toThrow('wait')
  await failing.sweep({ name: 'sweep' })
  const lines = (await tallies.read()).split('\n')
  for (const line of [
    '{job="plan",name="plan"} 1',
    '{job="dispatch",name="dispatch"} 0',
    '{job="sweep",name="sweep"} 0',
  ]) {
    expect(lines).toContain(`paper_round_jobs_failed_total${line}`)
  }
})

it('counts wishes to leave that were taken', async () => {
  const tallies = openTallies(['web'])
  const desk = tallies.countLeaving({
    bring: async () => {},
    leave: async (id: string) => {
      if (id === 'lost') throw new Error('neither took it')
      return id === 'away' ? 'kept' : 'left'
    },
  })
  await desk.leave('here')
  await desk.leave('away')
  await desk.leave('here')
  await expect(desk.leave('lost')).rejects.toThrow('neither')
  const lines = (await tallies.read()).split('\n')
  expect(lines).toContain('paper_round_leavings_total{answer="left"} 2')
  expect(lines).toContain('paper_round_leavings_total{answer="kept"} 1')
  expect(lines.some((line) => line.startsWith('nodejs_eventloop_lag_seconds '))).toBe(true)
})
