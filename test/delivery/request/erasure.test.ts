import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { getAccounts } from '../../../src/delivery/account/accounting.ts'
import { addsUp } from '../../../src/delivery/delivery.ts'
import { askAddress } from '../../../src/delivery/request/address-change.ts'
import { erase, eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { askLink, exportData, findLink } from '../../../src/delivery/request/own-data.ts'
import { confirm, signUp } from '../../../src/delivery/request/sign-up.ts'
import { BATCH, type ClaimedBatch } from '../../../src/delivery/sending/batch.ts'
import { pruneSealed } from '../../../src/delivery/sending/ledger.ts'
import { claim, markAttempting } from '../../../src/delivery/sending/once.ts'
import { LaterError } from '../../../src/errors.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { notify } from '../../../src/jobs/notify.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, insertSubscriber, markUnsubscribed } from '../../../src/subscriber/store.ts'
import type { Subscriber } from '../../../src/subscriber/subscriber.ts'
import { change } from '../../../src/subscriber/undo.ts'
import { makeAsk } from '../../support/asks.ts'
import { keepRound } from '../../support/kept-round.ts'
import { ageNotices, endNoticeWaits, readNotice, readToken } from '../../support/notices.ts'
import {
  endWaits,
  freezeEdition,
  only,
  openScriptedProvider,
  planFor,
  readBatch,
  readDeliveries,
  type TestRound,
} from '../../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})
const ADDRESS = 'zebulon.quux@example.org'
/**
 * What nobody may find again: the address and its parts, a topic of their own, and where they
 * moved.
 */
const PERSONAL = /zebulon|quux|hamster wheels|elsewhere/i

describe('erase', () => {
  it('leaves nothing personal in any table, only what bars an import and what a new opt-in lifts', {
    tags: 'long',
  }, async () => {
    const mine = { ...round, ...only(openScriptedProvider()) }
    const reader = await liveThroughEverything(mine)
    expect(await findTraces()).not.toEqual([])
    const link = await readToken(mine, await askLink(mine, reader.id, 'erase'))
    expect(await erase(mine, link)).toBe(true)
    expect(await findTraces()).toEqual([])
    expect(await erase(mine, link)).toBe(false)
    const rows = await sql<{ reason: string }>`select reason from suppressions`.execute(mine.db)
    expect(rows.rows).toEqual([{ reason: 'erased' }])
    // The ledger still adds up, without saying of whom.
    const deliveries = await mine.db.selectFrom('deliveries').selectAll().execute()
    expect(deliveries).toHaveLength(2)
    for (const row of deliveries) {
      expect(row).toMatchObject({ state: 'submitted', address: null, provider_id: null, issued_at: null, key_id: null })
      expect(addsUp(await getAccounts(mine.db, row.edition_id))).toBe(true)
    }
    expect(await mine.db.selectFrom('notices').selectAll().execute()).toEqual([])
    expect(await insertSubscriber(mine.db, { ...makeAsk(), address: ADDRESS })).toBe('suppressed')
    const again = await confirm(mine, await readToken(mine, await signUp(mine, ADDRESS, makeAsk())))
    expect(again?.subscriber.id).not.toBe(reader.id)
  })

  it('withholds at once what was not attempted, and hands the batch to who comes next', async () => {
    const { edition, batchIds } = await planFor(round, ['ada', 'bo'])
    const ada = (await findSubscriberByAddress(round.db, 'ada@example.org')) as Subscriber
    await eraseNow(ada.id)
    expect(await readDeliveries(round.db, edition.id)).toMatchObject({
      erased: { state: 'withheld', reason: 'left', address: null },
    })
    const mine = { ...round, ...only(openScriptedProvider()) }
    await dispatch(mine, batchIds[0] as number)
    expect(mine.provider.accepted.map((mail) => mail.to)).toEqual(['bo@example.org'])
    expect(await getAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 1, withheld: { left: 1 } })
  })

  it('takes the batch from a worker that is building it: its mark finds nothing', async () => {
    const { edition, batchIds } = await planFor(round, ['ada', 'bo'])
    const ada = (await findSubscriberByAddress(round.db, 'ada@example.org')) as Subscriber
    const claimed = (await claim(round.db, BATCH, batchIds[0] as number)) as ClaimedBatch
    await eraseNow(ada.id)
    const intent = { hash: Buffer.alloc(32), version: 1, idempotencyKey: 'built before', provider: 'outbox' }
    expect(await markAttempting(round.db, BATCH, claimed, intent)).toBe('lost')
    const mine = { ...round, ...only(openScriptedProvider()) }
    await dispatch(mine, batchIds[0] as number)
    expect(mine.provider.accepted.map((mail) => mail.to)).toEqual(['bo@example.org'])
    expect(addsUp(await getAccounts(round.db, edition.id))).toBe(true)
  })

  it('ends a batch of which nobody is left', async () => {
    const { batchIds } = await planFor(round, ['ada'])
    await eraseNow(((await findSubscriberByAddress(round.db, 'ada@example.org')) as Subscriber).id)
    expect(await readBatch(round.db, batchIds[0] as number)).toMatchObject({ state: 'settled', members: [] })
  })

  it('keeps an attempted mail as it is until it settles, repeats its bytes, and empties it then', async () => {
    const { edition, batchIds } = await planFor(round, ['ada', 'bo'])
    const ada = (await findSubscriberByAddress(round.db, 'ada@example.org')) as Subscriber
    const mine = { ...round, ...only(openScriptedProvider()) }
    mine.provider.script = [{ kind: 'unknown', reason: 'cut' }]
    await expect(dispatch(mine, batchIds[0] as number)).rejects.toThrow(LaterError)
    await eraseNow(ada.id)
    await endWaits(mine.db)
    await dispatch(mine, batchIds[0] as number)
    const [first, second] = mine.provider.requests
    expect(second).toEqual(first)
    await pruneSealed(mine.db)
    expect(await readDeliveries(mine.db, edition.id)).toMatchObject({
      erased: { state: 'submitted', address: null, provider_id: null, issued_at: null },
      bo: { state: 'submitted', key_id: mine.linkKeys.currentKeyId },
    })
  })

  it('keeps nothing for longer than a day, whatever the provider does', async () => {
    const { edition, batchIds } = await planFor(round, ['ada'])
    const ada = (await findSubscriberByAddress(round.db, 'ada@example.org')) as Subscriber
    const mine = { ...round, ...only(openScriptedProvider()) }
    const notice = (await askLink(mine, ada.id, 'export')) as number
    mine.provider.script = [
      { kind: 'unknown', reason: 'cut' },
      { kind: 'unknown', reason: 'cut' },
    ]
    await expect(dispatch(mine, batchIds[0] as number)).rejects.toThrow(LaterError)
    await expect(notify(mine, notice)).rejects.toThrow(LaterError)
    await eraseNow(ada.id)
    await pruneSealed(mine.db)
    expect((await readNotice(mine.db, notice)).address).toBe('ada@example.org')
    await sql`update batches set first_attempt_at = now() - interval '25 hours'`.execute(mine.db)
    await sql`update notices set first_attempt_at = now() - interval '25 hours'`.execute(mine.db)
    await pruneSealed(mine.db)
    expect(await readDeliveries(mine.db, edition.id)).toMatchObject({ erased: { state: 'unknown', address: null } })
    expect(await readNotice(mine.db, notice)).toMatchObject({ state: 'unknown', address: null, sealed: null })
    await endWaits(mine.db)
    await endNoticeWaits(mine.db)
    await notify(mine, notice)
    await dispatch(mine, batchIds[0] as number)
    expect(mine.provider.requests).toHaveLength(2)
    expect(addsUp(await getAccounts(mine.db, edition.id))).toBe(true)
  })

  it('leaves choices that others share, and a stronger reason not to write', async () => {
    const shared = parseChoices({ mute: ['hamster wheels'] })
    await insertSubscriber(round.db, { ...makeAsk(), choices: shared, address: ADDRESS })
    await insertSubscriber(round.db, { ...makeAsk(), choices: shared, address: 'bo@example.org' })
    const reader = (await findSubscriberByAddress(round.db, ADDRESS)) as Subscriber
    await sql`
      insert into suppressions (address_hash, reason, note)
      select address_hash, 'complaint', 'Zebulon Quux, by phone' from subscribers where id = ${reader.id}`.execute(
      round.db,
    )
    await eraseNow(reader.id)
    await eraseNow(reader.id)
    expect((await findSubscriberByAddress(round.db, 'bo@example.org'))?.choices).toEqual(shared)
    const rows = await round.db.selectFrom('suppressions').select(['reason', 'note']).execute()
    expect(rows).toEqual([{ reason: 'complaint', note: null }])
  })
})

describe('exportData', () => {
  it('gives all of it once: who, consent, choices, digests with their papers, notices and links', async () => {
    const mine = { ...round, ...only(openScriptedProvider()) }
    const reader = await liveThroughEverything(mine)
    const link = await readToken(mine, await askLink(mine, reader.id, 'export'))
    expect(await findLink(mine, 'erase', link)).toBeUndefined()
    expect((await findLink(mine, 'export', link))?.subscriberId).toBe(reader.id)
    const data = JSON.parse(JSON.stringify(await exportData(mine, link)))
    expect(await exportData(mine, link)).toBeUndefined()
    expect(data.subscriber).toMatchObject({
      address: ADDRESS,
      consent: 'confirmed',
      consentFacts: { source: 'form', page: 'front en 1' },
      choices: { mute: ['hamster wheels'] },
      hour: 9,
      suppression: null,
    })
    expect(data.digests.map((digest: { date: string; state: string }) => [digest.date, digest.state])).toEqual([
      ['2026-03-04', 'submitted'],
      ['2026-03-05', 'submitted'],
    ])
    expect(data.digests[0].papers).toHaveLength(5)
    expect(data.digests[0].papers[0]).toEqual({ id: expect.any(String), title: expect.any(String) })
    expect(data.notices.map((notice: { kind: string }) => notice.kind)).toEqual(['confirm', 'address', 'export'])
    expect(data.links.map((each: { purpose: string }) => each.purpose).sort()).toEqual([
      'address',
      'confirm',
      'export',
      'undo',
    ])
    expect(JSON.stringify(data)).not.toContain(link)
  })

  it('is mailed a few times a day and no more, to an address there still is', async () => {
    const { id, publicId } = await signedUp()
    for (let times = 0; times < 5; times++) expect(await askLink(round, id, 'export')).not.toBeNull()
    expect(await askLink(round, id, 'export')).toBeNull()
    await markUnsubscribed(round.db, publicId)
    expect(await askLink(round, id, 'erase')).not.toBeNull()
    await eraseNow(id)
    await ageNotices(round.db, 25)
    expect(await askLink(round, id, 'erase')).toBeNull()
  })
})

async function signedUp(): Promise<Subscriber> {
  const ask = makeAsk({ choices: parseChoices({ mute: ['hamster wheels'] }) })
  const confirmed = await confirm(round, await readToken(round, await signUp(round, ADDRESS, ask)))
  return confirmed?.subscriber as Subscriber
}

/**
 * Signs up by mail, reads two digests, changes hours and asks to move: a row in every table that
 * could name anybody.
 */
async function liveThroughEverything(mine: TestRound): Promise<Subscriber> {
  const ask = makeAsk({ choices: parseChoices({ mute: ['hamster wheels'] }) })
  const asked = (await signUp(mine, ADDRESS, ask)) as number
  const token = await readToken(mine, asked)
  await notify(mine, asked)
  const { subscriber } = (await confirm(mine, token)) as { subscriber: Subscriber }
  for (const date of ['2026-03-04', '2026-03-05']) {
    await planAll(mine, await freezeEdition(mine, date), null)
    for (const { id } of await mine.db.selectFrom('batches').select('id').execute()) await dispatch(mine, id)
  }
  await change(mine, subscriber.id, { hour: 9 })
  expect(await askAddress(mine, subscriber.id, 'elsewhere@example.org')).not.toBeNull()
  return subscriber
}

async function eraseNow(id: number): Promise<void> {
  await round.db.transaction().execute((trx) => eraseSubscriber(trx, id))
}

/** Looks through every row of every table as text, bytes decoded too. */
async function findTraces(): Promise<string[]> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`.execute(
    round.db,
  )
  const traces: string[] = []
  for (const { name } of tables) {
    const { rows } = await sql<object>`select * from ${sql.table(name)}`.execute(round.db)
    for (const row of rows) {
      for (const [column, value] of Object.entries(row)) {
        const text = Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value)
        if (PERSONAL.test(text)) traces.push(`${name}.${column}`)
      }
    }
  }
  return traces
}
