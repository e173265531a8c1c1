// Each broken build breaks the statement or the request that it is about, as they are today, and by
// the very mistake: a harness that catches what is not broken proves nothing.
import { type Kysely, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/database/schema.ts'
import type { BatchRequest, Provider } from '../../src/delivery/provider/provider.ts'
import { BATCH, type ClaimedBatch } from '../../src/delivery/sending/batch.ts'
import { claim, markAttempting, markDeferred, markUnknown } from '../../src/delivery/sending/once.ts'
import { openGated } from '../delivery/sending/seeded/stage.ts'
import { planOne } from '../support/batches.ts'
import { keepRound } from '../support/kept-round.ts'
import { endWaits, readBatch, type TestRound } from '../support/round.ts'
import { BREAKS, type BreakName, breakOf } from './breaks.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const intent = { hash: Buffer.alloc(32, 7), version: 3, idempotencyKey: 'the first key', provider: 'outbox' }

/** A database as a build sees it that is broken so, and the statements that became others. */
function openBroken(name: BreakName): { db: Kysely<Database>; broken: string[] } {
  const broken: string[] = []
  const { rewrite } = breakOf(name, () => {})
  const db = openGated(round.db, {
    before: async () => {},
    rewrite(text) {
      const rewritten = rewrite(text)
      if (rewritten !== text) broken.push(text)
      return rewritten
    },
    after: () => {},
  })
  return { db, broken }
}

async function claimed(db: Kysely<Database>, id: number): Promise<ClaimedBatch> {
  const batch = await claim(db, BATCH, id)
  if (!batch) throw new Error(`batch ${id} could not be claimed`)
  return batch
}

/** A provider that notes what it is asked, and what the ledger said then. */
function openNoting(id: number) {
  const asked: { key: string; state: string }[] = []
  const send = async (request: { idempotencyKey: string }) => {
    asked.push({ key: request.idempotencyKey, state: (await readBatch(round.db, id)).state })
    return { kind: 'unknown', reason: 'no answer' } as const
  }
  return { asked, provider: { ...(round.providers[0] as Provider), send } }
}

it('checkpoint-at-fetch never lets go of what was claimed', { tags: 'long' }, async () => {
  const { id } = await planOne(round, ['ada'])
  const { db, broken } = openBroken('checkpoint-at-fetch')
  const batch = await claimed(db, id)
  expect(broken).toHaveLength(1)
  await endWaits(round.db)
  expect((await readBatch(round.db, id)).next_attempt_at).toBe(Number.POSITIVE_INFINITY)
  expect(await markAttempting(db, BATCH, batch, intent)).toMatchObject({ branch: 1 })
  expect(broken).toHaveLength(1)
})

describe('no-fence lets a worker write that slept through its lease', () => {
  const late: Record<string, (db: Kysely<Database>, batch: ClaimedBatch) => Promise<unknown>> = {
    mark: (db, batch) => markAttempting(db, BATCH, batch, intent),
    defer: (db, batch) => markDeferred(db, BATCH, batch, 'busy', 0),
  }
  it.each(Object.keys(late))('%s', async (name) => {
    const { id } = await planOne(round, ['ada'])
    const sleeper = await claimed(round.db, id)
    await endWaits(round.db)
    await claimed(round.db, id)
    const write = late[name] as (typeof late)[string]
    expect(['lost', false]).toContainEqual(await write(round.db, sleeper))
    const { db, broken } = openBroken('no-fence')
    expect(['lost', false]).not.toContainEqual(await write(db, sleeper))
    expect(broken).toHaveLength(1)
  })
})

it('planned-again forgets at a claim what the mark has fixed', async () => {
  const { id } = await planOne(round, ['ada'])
  await sql`update deliveries set issued_at = issued_at - interval '1 minute'`.execute(round.db)
  const first = await claimed(round.db, id)
  await markAttempting(round.db, BATCH, first, intent)
  await markUnknown(round.db, BATCH, first, 'no answer', 0)
  await endWaits(round.db)
  const { db, broken } = openBroken('planned-again')
  const again = await claimed(db, id)
  expect(broken).toHaveLength(1)
  expect(again.fixed).toBeNull()
  expect(await readBatch(round.db, id)).toMatchObject({ state: 'planned', recipe_sha256: null })
  // Other bytes, and so another key.
  expect(again.members[0]?.issuedAt?.getTime()).not.toBe(first.members[0]?.issuedAt?.getTime())
})

it('random-key asks under another key each time', async () => {
  const { id } = await planOne(round, ['ada'])
  const { asked, provider } = openNoting(id)
  let times = 0
  const broken = breakOf('random-key', () => times++).provider(provider, round.db)
  const request = { idempotencyKey: 'the key', mails: [] } as unknown as BatchRequest
  for (let attempt = 0; attempt < 2; attempt++) await broken.send(request)
  expect(new Set([...asked.map(({ key }) => key), 'the key'])).toHaveLength(3)
  expect(times).toBe(2)
})

it('ledger-first says submitted before it asks', async () => {
  const { id } = await planOne(round, ['ada'])
  const { members } = await claimed(round.db, id)
  const { asked, provider } = openNoting(id)
  let times = 0
  const broken = breakOf('ledger-first', () => times++).provider(provider, round.db)
  const mails = members.map(({ publicId }) => ({ publicId }))
  await broken.send({ idempotencyKey: 'the key', mails } as unknown as BatchRequest)
  expect(asked).toEqual([{ key: 'the key', state: 'settled' }])
  expect(times).toBe(1)
})

it('a sound build breaks nothing', async () => {
  const { id } = await planOne(round, ['ada'])
  const { asked, provider } = openNoting(id)
  const sound = breakOf(null, () => {
    throw new Error('nothing is broken')
  })
  expect(sound.rewrite('update batches set a = 1')).toBe('update batches set a = 1')
  expect(sound.provider(provider, round.db)).toBe(provider)
  expect([asked, Object.keys(BREAKS)]).toEqual([[], expect.arrayContaining(['planned-again'])])
})
