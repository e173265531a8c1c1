// The database against its witnesses: ahead holds what may have gone, equal and behind hold
// nothing, and a mark that nobody could keep sends nothing.
import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { MayNotListError, type Provider } from '../../../src/delivery/provider/provider.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { claim } from '../../../src/delivery/sending/once.ts'
import { openWatch } from '../../../src/delivery/witness/watch.ts'
import { type Height, isAbove, type Mark } from '../../../src/delivery/witness/witness.ts'
import type { Witnesses } from '../../../src/delivery/witness/witnesses.ts'
import { findRestoredHold } from '../../../src/edition/restored.ts'
import { findStopReason } from '../../../src/edition/stop.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { openLogger } from '../../../src/logger.ts'
import { keepRound } from '../../support/kept-round.ts'
import { freezeEdition, openScriptedProvider, planFor, readBatch, type TestRound } from '../../support/round.ts'

let kept: TestRound
keepRound((opened) => {
  kept = opened
})

let high: Height | undefined
let connections: number
beforeEach(() => {
  high = undefined
  connections = 0
})

const memory: Witnesses = {
  read: async () => high,
  keep: async (mark: Mark) => {
    if (high === undefined || isAbove(mark, high)) high = { branch: mark.branch, number: mark.number }
  },
  check: async () => [],
  close: async () => {},
}

function watchWith(given: { witnesses?: Witnesses; providers?: Provider[] } = {}) {
  const parts = { db: kept.db, providers: [], countConnections: () => connections, logger: openLogger('silent') }
  const watch = openWatch({ ...parts, witnesses: memory, ...given })
  return { watch, round: { ...kept, witness: watch } }
}

async function readNumber(): Promise<number> {
  return (await kept.db.selectFrom('lineage').select('number').executeTakeFirstOrThrow()).number
}

async function connectAnew(): Promise<void> {
  connections += 1
}

/** As if the database had been restored from before its last `count` marks. */
async function goBack(count: number): Promise<void> {
  await sql`update lineage set number = number - ${count}::int`.execute(kept.db)
}

describe('a mark', () => {
  it('takes the next number and stands outside of the database before its request leaves', async () => {
    const { round } = watchWith()
    const { batchIds } = await planFor(round, ['ada'])
    const before = await readNumber()
    kept.provider.script.push(async ({ mails }) => {
      expect(high?.number).toBe(before + 1)
      return { kind: 'answered', outcomes: mails.map(() => ({ state: 'submitted', providerId: null })) }
    })
    await dispatch(round, batchIds[0] as number)
    expect(await readBatch(kept.db, batchIds[0] as number)).toMatchObject({ state: 'settled' })
    expect(await readNumber()).toBe(before + 1)
  })

  it('sends nothing where no witness can be written, and is as if it never was', async () => {
    const broken = { ...memory, keep: () => Promise.reject(new Error('nothing can be sent while')) }
    const { round } = watchWith({ witnesses: { ...broken, read: async () => undefined } })
    const { batchIds } = await planFor(round, ['ada'])
    const sent = kept.provider.requests.length
    await expect(dispatch(round, batchIds[0] as number)).rejects.toThrow('nothing can be sent while')
    expect(kept.provider.requests).toHaveLength(sent)
    expect(await readBatch(kept.db, batchIds[0] as number)).toMatchObject({
      ...{ state: 'deferred', attempts: 0, recipe_sha256: null, first_attempt_at: null },
    })
  })

  it('numbers without a gap when many are marked at once', async () => {
    const { round } = watchWith()
    const { batchIds } = await planFor({ ...round, providers: [{ ...kept.provider, batchSize: 1 }] }, [
      'ada',
      'bob',
      'cleo',
      'dan',
    ])
    const before = await readNumber()
    await Promise.all(batchIds.map((id) => dispatch(round, id)))
    expect(await readNumber()).toBe(before + 4)
    expect(high?.number).toBe(before + 4)
  })
})

describe('compare', () => {
  it('holds nothing where the witness is equal or behind, and raises it', async () => {
    const { watch } = watchWith()
    await watch.compare()
    expect(high?.number).toBe(await readNumber())
    high = { branch: 1, number: 0 }
    await watch.compare()
    expect(high?.number).toBe(await readNumber())
    expect(await findRestoredHold(kept.db)).toBeUndefined()
  })

  it('holds what may have gone where the witness is ahead, and what is frozen again', async () => {
    const { watch, round } = watchWith()
    const { edition, batchIds } = await planFor(round, ['ada'])
    high = { branch: 1, number: (await readNumber()) + 1 }
    await watch.compare()
    expect(await findRestoredHold(kept.db)).toMatchObject({
      why: expect.stringMatching(/^a witness knows of mark \d+,/),
    })
    expect(await claim(kept.db, BATCH, batchIds[0] as number)).toBeUndefined()
    const again = await planFor(round, ['bob'], '2026-03-06')
    expect(await claim(kept.db, BATCH, again.batchIds[0] as number)).toBeUndefined()
    expect(await findStopReason(kept.db, edition)).toMatch(/restored copy/)
    const later = await freezeEdition(round, '2999-03-06')
    expect(await findStopReason(kept.db, later)).toBeNull()
  })

  it('goes by the branch first', async () => {
    const { watch } = watchWith()
    high = { branch: 2, number: 0 }
    await watch.compare()
    expect(await findRestoredHold(kept.db)).toBeDefined()
    await watch.startBranch()
    expect(high).toMatchObject({ branch: 3 })
    expect(await findRestoredHold(kept.db)).toBeUndefined()
    await sql`update lineage set branch = 1`.execute(kept.db)
  })

  it('comes first behind a new connection: no request leaves a restored copy', async () => {
    const { watch, round } = watchWith()
    await watch.compare()
    const { batchIds } = await planFor(round, ['ada', 'bob'])
    await dispatch(round, batchIds[0] as number)
    const next = await planFor(round, ['cleo'], '2026-03-06')
    await goBack(1)
    high = { branch: 1, number: (await readNumber()) + 9 }
    connections += 1
    const sent = kept.provider.requests.length
    await expect(dispatch(round, next.batchIds[0] as number)).rejects.toThrow(/restored copy/)
    expect(kept.provider.requests).toHaveLength(sent)
  })
})

describe('a worker that lives through a restore', () => {
  it('marks nothing under a number that the copy has lost, also where its first mark would make it equal', async () => {
    const { watch, round } = watchWith()
    const { batchIds } = await planFor(round, ['ada'])
    const next = await planFor(round, ['bob'], '2026-03-06')
    await dispatch(round, batchIds[0] as number)
    await goBack(1)
    const number = await readNumber()
    const sent = kept.provider.requests.length
    // The pool finds its connection dead when it is asked for one, after the last look.
    const unaware = { ...watch, look: connectAnew }
    const id = next.batchIds[0] as number
    await expect(dispatch({ ...round, witness: unaware }, id)).rejects.toThrow(/restored copy: a witness knows of mark/)
    expect(kept.provider.requests).toHaveLength(sent)
    expect(await readNumber()).toBe(number)
    expect(await readBatch(kept.db, id)).toMatchObject({ state: 'deferred', attempts: 0, recipe_sha256: null })
    expect(await findRestoredHold(kept.db)).toBeDefined()
  })

  it('goes on behind a new connection to the same database, under a quota as well', async () => {
    const { watch, round } = watchWith()
    const provider = { ...kept.provider, quota: { ...kept.provider.quota, day: 10 } }
    for (const [date, providers] of [
      ['2026-03-05', round.providers],
      ['2026-03-06', [provider]],
    ] as const) {
      const { batchIds } = await planFor(round, [`reader${date}`], date)
      await watch.compare()
      const unaware = { ...watch, look: connectAnew }
      await dispatch({ ...round, providers, witness: unaware }, batchIds[0] as number)
      expect(await readBatch(kept.db, batchIds[0] as number)).toMatchObject({ state: 'settled' })
    }
    expect(high?.number).toBe(await readNumber())
  })
})

describe('without any witness', () => {
  const listing = (subject: string): Provider => ({
    ...openScriptedProvider(),
    listAccepted: async () => [{ providerId: 'id-1', to: ['ada@example.org'], subject, at: new Date('2026-03-07') }],
  })

  async function forget(minutes: number): Promise<void> {
    const { batchIds } = await planFor(kept, ['ada'])
    await dispatch(kept, batchIds[0] as number)
    await sql`update lineage set marked_at = clock_timestamp() - make_interval(mins => ${minutes}::int)`.execute(
      kept.db,
    )
  }

  it('asks the provider after a gap of more than ten minutes', async () => {
    await forget(11)
    const { watch } = watchWith({ providers: [listing('Papers · Fri 6 Mar')] })
    await watch.compare()
    expect((await findRestoredHold(kept.db))?.why).toBe('outbox accepted 1 emails that this database does not know of')
  })

  it('asks from five minutes before its last mark on, since two clocks may differ by so much', async () => {
    await forget(11)
    const asked: Date[] = []
    const listAccepted = async (since: Date) => {
      asked.push(since)
      return []
    }
    const provider = { ...openScriptedProvider(), listAccepted }
    await watchWith({ providers: [provider] }).watch.compare()
    const { rows } = await sql<{ at: Date }>`select marked_at - interval '5 minutes' as at from lineage`.execute(
      kept.db,
    )
    expect(asked).toEqual([rows[0]?.at])
  })

  it('leaves that question to the next compare where only witnesses are compared', async () => {
    await forget(11)
    const { watch } = watchWith({ providers: [listing('Papers · Fri 6 Mar')] })
    await watch.compareWithWitnesses()
    expect([await findRestoredHold(kept.db), high]).toEqual([undefined, undefined])
    await watch.compare()
    expect(await findRestoredHold(kept.db)).toBeDefined()
  })

  it.each([
    ['a shorter gap', 9, listing('Papers · Fri 6 Mar')],
    ['what the database knows of', 11, listing('Papers · Thu 5 Mar')],
    ['mails that are no digests', 11, listing('Your receipt')],
    ['a provider without a list', 11, openScriptedProvider()],
    [
      'a key that may not list',
      11,
      { ...openScriptedProvider(), listAccepted: () => Promise.reject(new MayNotListError('restricted')) },
    ],
  ])('holds nothing for %s', async (_, minutes, provider) => {
    await forget(minutes)
    const { watch } = watchWith({ providers: [provider] })
    await watch.compare()
    expect(await findRestoredHold(kept.db)).toBeUndefined()
    expect(high?.number).toBe(await readNumber())
  })

  it('rejects while the list cannot be read, and knows nothing yet', async () => {
    await forget(11)
    const provider = { ...openScriptedProvider(), listAccepted: () => Promise.reject(new Error('out of reach')) }
    await expect(watchWith({ providers: [provider] }).watch.compare()).rejects.toThrow('out of reach')
    expect(high).toBeUndefined()
  })
})
