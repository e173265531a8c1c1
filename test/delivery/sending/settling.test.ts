// Two providers on one ledger: who gets a batch, what stays with its provider, what moves on, and
// when the first one is back.

import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { listWaitingReasons } from '../../../src/delivery/account/accounting.ts'
import type { BatchOutcome } from '../../../src/delivery/provider/provider.ts'
import { getAllowance } from '../../../src/delivery/provider/quota.ts'
import { BATCH, listBatchesOf } from '../../../src/delivery/sending/batch.ts'
import { markResumed } from '../../../src/delivery/sending/brake.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { getEdition } from '../../../src/edition/store.ts'
import { HoldError, LaterError } from '../../../src/errors.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { dispatchJobs } from '../../../src/jobs/routes.ts'
import { keepRound } from '../../support/kept-round.ts'
import {
  endWaits,
  openScriptedProvider,
  planFor,
  readAccounts,
  readBatch,
  type ScriptedProvider,
  type TestRound,
} from '../../support/round.ts'

const HOUR_MS = 3_600_000
const stopped: BatchOutcome = { kind: 'stopped', reason: 'the key was refused' }
const unknown: BatchOutcome = { kind: 'unknown', reason: 'the connection was cut' }

let round: TestRound
let resend: ScriptedProvider
let smtp: ScriptedProvider
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  resend = openScriptedProvider({ name: 'resend', replayMs: 23 * HOUR_MS, batchSize: 4 })
  smtp = openScriptedProvider({ name: 'smtp', replayMs: 0, batchSize: 2 })
  round = { ...round, provider: resend, providers: [resend, smtp] }
})

const names = ['ada', 'bob', 'cleo', 'dan', 'eve']
const served = (provider: ScriptedProvider) => provider.accepted.map(({ to }) => to.split('@')[0]).sort()

/** Dispatches until nothing may go any more; whoever has to wait longer does. */
async function dispatchAll(): Promise<void> {
  for (let steps = 0; steps < 40; steps++) {
    const [id] = await listWaiting(round.db, BATCH, 1)
    if (id === undefined) return
    await dispatch(round, id).catch((error: unknown) => {
      if (!(error instanceof LaterError)) throw error
    })
  }
  throw new Error('it never came to rest')
}

describe('which provider gets a batch', () => {
  it('is the first one, while nothing is wrong', async () => {
    const { edition } = await planFor(round, names)
    await dispatchAll()
    expect([served(resend), served(smtp)]).toEqual([[...names].sort(), []])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 5 })
  })

  it('is the next one where the first refused, in parts that it takes, and nobody is lost or doubled', async () => {
    const { edition } = await planFor(round, names)
    resend.script.push(stopped)
    await dispatchAll()
    expect(resend.requests).toHaveLength(1)
    expect(served(smtp)).toEqual([...names].sort())
    expect(smtp.requests.map(({ mails }) => mails.length).sort()).toEqual([1, 2, 2])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 5, submitted: 5, waiting: 0 })
    expect(await getEdition(round.db, edition.id)).toMatchObject({ stoppedReason: null })
  })

  it('is the first one again once its pause is over', async () => {
    await planFor(round, ['ada'])
    resend.script.push({ kind: 'quota', reason: 'daily quota', retryAfterMs: 2 * HOUR_MS })
    await dispatchAll()
    expect(served(smtp)).toEqual(['ada'])
    await planFor(round, ['bob'], '2026-03-06')
    await dispatchAll()
    expect(served(smtp)).toEqual(['ada', 'ada', 'bob'])
    await sql`update providers set stopped_until = now() - interval '1 second'`.execute(round.db)
    await planFor(round, ['cleo'], '2026-03-07')
    await dispatchAll()
    expect(served(resend)).toEqual(['ada', 'bob', 'cleo'])
  })

  it('stays the same for a batch that was attempted, whoever else is free', async () => {
    const { edition, batchIds } = await planFor(round, names)
    resend.script.push(unknown, stopped)
    await expect(dispatch(round, batchIds[0] as number)).rejects.toThrow(LaterError)
    await dispatchAll()
    expect(served(smtp)).toHaveLength(1)
    await endWaits(round.db)
    await dispatchAll()
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, unknown: 4 })
    expect(served(smtp)).toHaveLength(1)
    await markResumed(round.db, edition.id)
    await endWaits(round.db)
    await dispatchAll()
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 5, unknown: 0 })
    expect(resend.requests.at(-1)).toEqual(resend.requests[0])
    expect([served(resend).length, served(smtp).length]).toEqual([4, 1])
  })

  it('stays the same for a batch whose repeat finds its provider out, until that one is back', async () => {
    const { edition, batchIds } = await planFor(round, ['ada'])
    const id = batchIds[0] as number
    resend.script.push(unknown, stopped)
    await expect(dispatch(round, id)).rejects.toThrow(LaterError)
    await endWaits(round.db)
    expect(await dispatch(round, id)).toEqual([])
    await endWaits(round.db)
    await dispatchAll()
    expect(await readBatch(round.db, id)).toMatchObject({ provider: 'resend', reason: 'the key was refused' })
    expect([resend.requests.length, smtp.requests.length]).toEqual([2, 0])
    await markResumed(round.db, edition.id)
    await endWaits(round.db)
    await dispatchAll()
    expect(resend.requests.at(-1)).toEqual(resend.requests[0])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, unknown: 0 })
    expect(smtp.requests).toEqual([])
  })

  it('is none where all are out: the edition stops, and resume lifts everything', async () => {
    const { edition } = await planFor(round, names)
    resend.script.push(stopped)
    smtp.script.push({ kind: 'stopped', reason: 'the password was refused' })
    await dispatchAll()
    expect(await getEdition(round.db, edition.id)).toMatchObject({ stoppedReason: 'the password was refused' })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ waiting: 5 })
    // Another edition waits as well, without a single request.
    const later = await planFor(round, ['zoe'], '2026-03-06')
    await dispatchAll()
    expect(await readAccounts(round.db, later.edition.id)).toMatchObject({ waiting: 6 })
    expect([resend.requests.length, smtp.requests.length]).toEqual([1, 1])
    await markResumed(round.db, edition.id)
    await markResumed(round.db, later.edition.id)
    await dispatchAll()
    expect(served(resend)).toHaveLength(11)
  })

  it('changes for a long pause only: a short one holds the queue', async () => {
    const { batchIds } = await planFor(round, ['ada'])
    const id = batchIds[0] as number
    resend.script.push({ kind: 'throttled', retryAfterMs: 2_000 }, { kind: 'throttled', retryAfterMs: HOUR_MS })
    await expect(dispatch(round, id)).rejects.toThrow(HoldError)
    await endWaits(round.db)
    expect(await dispatch(round, id)).toEqual([id])
    await dispatchAll()
    expect(served(smtp)).toEqual(['ada'])
  })
})

describe('the queue of a provider', () => {
  it('gets the batches that were attempted there, and passes on what is another one’s', async () => {
    const { batchIds } = await planFor(round, names)
    const [first, second] = batchIds as [number, number]
    resend.script.push(unknown, stopped)
    await dispatch(round, first, 'resend').catch(() => [])
    expect(await dispatch(round, second, 'resend')).toEqual([second])
    expect(await dispatch(round, second, 'resend')).toEqual([second])
    expect(smtp.requests).toEqual([])
    expect(await dispatchJobs(round, [first, second])).toEqual([
      { name: 'dispatch', batchId: first, provider: 'resend' },
      { name: 'dispatch', batchId: second, provider: 'smtp' },
    ])
    await dispatch(round, second, 'smtp')
    expect(smtp.requests).toHaveLength(1)
  })
})

describe('an answer for single mails', () => {
  it('settles what is decided, lets go again what was put off, and leaves the rest unknown for good', async () => {
    round = { ...round, provider: smtp, providers: [smtp] }
    smtp.batchSize = 5
    const { edition, batchIds } = await planFor(round, names)
    smtp.script.push(({ mails }) => ({
      kind: 'answered',
      outcomes: [
        { state: 'submitted', providerId: mails[0]?.publicId ?? null },
        { state: 'deferred', reason: '450 greylisted', retryAfterMs: 300_000 },
        { state: 'unknown', reason: 'no answer after the whole message' },
        { state: 'rejected', reason: '550 no such mailbox' },
        { state: 'deferred', reason: '450 greylisted', retryAfterMs: 300_000 },
      ],
    }))
    await dispatchAll()
    expect(await readAccounts(round.db, edition.id)).toEqual({
      ...{ due: 5, submitted: 1, withheld: {}, rejected: 1, unknown: 1, waiting: 2 },
    })
    expect(await listWaitingReasons(round.db, edition.id)).toEqual({ '450 greylisted': 2 })
    expect((await readBatch(round.db, batchIds[0] as number)).members).toHaveLength(2)
    // A mail counts for the quota from its mark, unless it was certainly not accepted.
    expect(await getAllowance(round.db, { name: 'smtp', quota: { day: 10, month: null } })).toMatchObject({ mails: 7 })
    await endWaits(round.db)
    await dispatchAll()
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      submitted: 3,
      rejected: 1,
      unknown: 1,
      waiting: 0,
    })
    expect(new Set(served(smtp)).size).toBe(3)
    expect(await listBatchesOf(round.db, edition.id, null)).toEqual([])
  })

  it('waits longer every time for a mail that is put off', async () => {
    round = { ...round, provider: smtp, providers: [smtp] }
    await planFor(round, ['ada'])
    const waits: number[] = []
    for (let times = 0; times < 3; times++) {
      smtp.script.push({ kind: 'answered', outcomes: [{ state: 'deferred', reason: 'x', retryAfterMs: 60_000 }] })
      await dispatchAll()
      const { rows } = await sql<{ wait: number }>`
        select round(extract(epoch from max(next_attempt_at) - now()) / 60)::int as wait from batches where state = 'deferred'`.execute(
        round.db,
      )
      waits.push(rows[0]?.wait ?? 0)
      await endWaits(round.db)
    }
    expect(waits).toEqual([1, 2, 4])
  })
})
