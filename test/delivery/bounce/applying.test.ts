// Messages on a real database: only a genuine address and a known report together change anything,
// each once, in any order, before our own commit too.
import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { applyBounce, type BounceParts } from '../../../src/delivery/bounce/applying.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { markAddress } from '../../../src/subscriber/address.ts'
import { writeBounceAddress } from '../../../src/subscriber/bounce-address.ts'
import type { Wished } from '../../../src/subscriber/journal/wish.ts'
import { findSubscriberByAddress, getAddressKey } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'
import { keepRound } from '../../support/kept-round.ts'
import { acceptAll, planFor, readDeliveries, type TestRound } from '../../support/round.ts'
import { KNOWN } from './known-reports.ts'
import { feedback, notification, OWN, statusPart } from './own-reports.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  round.provider.script.length = 0
  round.provider.batchSize = 100
  round.provider.replayMs = Number.POSITIVE_INFINITY
  noted.length = 0
})

const HOME = { local: 'bounces', domain: 'papers.example' }
const NOON = new Date('2026-03-05T12:00:00Z')
const noted: Wished[] = []
const parts = (): BounceParts => ({
  db: round.db,
  linkKeys: round.linkKeys,
  home: HOME,
  note: async (wished) => void noted.push(wished),
})
const GONE = notification(statusPart({ action: 'failed', status: '5.1.1', recipient: 'ada@example.org' }))
const FULL = notification(statusPart({ action: 'failed', status: '5.2.2', recipient: 'ada@example.org' }))
const LATE = notification(statusPart({ action: 'delayed', status: '4.4.1', recipient: 'ada@example.org' }))
const ABUSE = feedback('Feedback-Type: abuse\nVersion: 1')

/** Plans an edition for readers and sends it, unless it shall wait. */
async function sendTo(names: string[], { send = true } = {}) {
  const { edition, batchIds } = await planFor(round, names)
  if (send) for (const id of batchIds) await dispatch(round, id)
  const deliveries = await readDeliveries(round.db, edition.id)
  const ids = Object.fromEntries(names.map((name) => [name, deliveries[name]?.public_id as string]))
  return { edition, ids, batchIds }
}

const addressOf = (publicId: string, to = 'ada@example.org', at = NOON) =>
  writeBounceAddress(round.linkKeys, HOME, { publicId, to }, at)

/** Hands a message over as a server does: with the address that it was sent to in front. */
const take = (text: string, address: string | null, at = NOON) => {
  const source = address === null ? text : `Delivered-To: ${address}\n${text}`
  return applyBounce(parts(), { source: Buffer.from(source, 'latin1'), arrivedAt: at })
}

async function readState(editionId: number, name = 'ada') {
  const delivery = (await readDeliveries(round.db, editionId))[name]
  const suppressed = await round.db.selectFrom('suppressions').select('reason').execute()
  const reader = await findSubscriberByAddress(round.db, `${name}@example.org`)
  return [delivery?.state, delivery?.fate, reader?.consent, suppressed.map(({ reason }) => reason).join()]
}

describe('applyBounce', () => {
  it.each([
    ['a mailbox that is gone', GONE, ['submitted', 'bounced', 'confirmed', 'bounce']],
    ['a full one', FULL, ['submitted', 'bounced', 'confirmed', '']],
    ['a delay', LATE, ['submitted', 'delayed', 'confirmed', '']],
    ['a complaint', ABUSE, ['submitted', 'complained', 'unsubscribed', 'complaint']],
  ])('of %s ends as the same report of Resend does', async (_, text, state) => {
    const { edition, ids } = await sendTo(['ada', 'bob'])
    expect(await take(text, addressOf(ids.ada as string))).toMatchObject({ result: 'applied' })
    expect(await readState(edition.id)).toEqual(state)
    expect((await readState(edition.id, 'bob')).slice(0, 3)).toEqual(['submitted', 'none', 'confirmed'])
    expect(noted).toHaveLength(state[3] === '' ? 0 : 1)
  })

  it('knows a message that came before, on another way too', async () => {
    const { edition, ids } = await sendTo(['ada'])
    const address = addressOf(ids.ada as string)
    expect(await take(FULL, address)).toMatchObject({ result: 'applied' })
    expect(await take(FULL, address)).toMatchObject({ result: 'known' })
    expect(await take(`Received: from elsewhere\n${FULL}`, address)).toMatchObject({ result: 'known' })
    expect(await round.db.selectFrom('events').select('type').execute()).toEqual([{ type: 'soft-bounce' }])
    expect(await readState(edition.id)).toEqual(['submitted', 'bounced', 'confirmed', ''])
  })

  it('ends in the same state in every order, before, amid and after our own commit', { tags: 'long' }, async () => {
    // A batch a reader, all of them in one edition.
    round.provider.batchSize = 1
    const orders = ['012', '021', '102', '120', '201', '210']
    const names = orders.flatMap((order) => [0, 1, 2, 3].map((amid) => `reader-${order}-${amid}`))
    const { edition } = await sendTo(names, { send: false })
    const deliveries = await readDeliveries(round.db, edition.id)
    for (const name of names) {
      const [, order = '', amid] = name.split('-')
      const { public_id, batch_id } = deliveries[name] as (typeof deliveries)[string]
      const address = addressOf(public_id, `${name}@example.org`)
      const texts = [...order].map((at) => [LATE, GONE, ABUSE][Number(at)] as string)
      round.provider.script.push(async (request) => {
        for (const text of texts.slice(0, Number(amid))) await take(text, address)
        return acceptAll(request)
      })
      await dispatch(round, batch_id as number)
      for (const text of texts.slice(Number(amid))) await take(text, address)
    }
    const ended = Object.values(await readDeliveries(round.db, edition.id))
    expect(ended).toHaveLength(names.length)
    expect(new Set(ended.map(({ state, fate }) => `${state} ${fate}`))).toEqual(new Set(['submitted complained']))
    const consents = await round.db.selectFrom('subscribers').select('consent').distinct().execute()
    expect(consents).toEqual([{ consent: 'unsubscribed' }])
  })

  it('takes a report for the answer that never came', async () => {
    const { edition, ids, batchIds } = await sendTo(['ada'], { send: false })
    round.provider.replayMs = 0
    round.provider.script.push({ kind: 'unknown', reason: 'cut' })
    await dispatch(round, batchIds[0] as number)
    expect((await readState(edition.id))[0]).not.toBe('submitted')
    await take(LATE, addressOf(ids.ada as string))
    expect(await readState(edition.id)).toEqual(['submitted', 'delayed', 'confirmed', ''])
  })

  it('finds the address in what was returned, where a server names it nowhere else', async () => {
    const { edition, ids } = await sendTo(['ada'])
    const returned = GONE.replace('From: Papers', `Return-Path: <${addressOf(ids.ada as string)}>\nFrom: Papers`)
    expect(await take(returned, null)).toMatchObject({ result: 'applied' })
    expect((await readState(edition.id))[1]).toBe('bounced')
  })

  it('changes nothing by a genuine address alone, whatever comes to it', async () => {
    const { edition, ids } = await sendTo(['ada'])
    const before = await readState(edition.id)
    for (const { name, source, type } of [...KNOWN, ...OWN]) {
      if (type !== null) continue
      const { result } = await take(source, addressOf(ids.ada as string))
      expect(['auto-reply', 'no-report'], name).toContain(result)
    }
    expect(await readState(edition.id)).toEqual(before)
    expect(await round.db.selectFrom('events').selectAll().execute()).toEqual([])
  })

  it('applies every known shape to the mail whose address it came to', { tags: 'long' }, async () => {
    const shapes = [...KNOWN, ...OWN].filter(({ type }) => type !== null)
    const names = shapes.map((_, at) => `shape${at}`)
    const { edition, ids } = await sendTo(names)
    for (const [at, { name, source, type }] of shapes.entries()) {
      const reader = names[at] as string
      const applied = await take(source, addressOf(ids[reader] as string, `${reader}@example.org`))
      expect(applied, name).toMatchObject({ result: 'applied', type })
    }
    const deliveries = await readDeliveries(round.db, edition.id)
    const fates = { delivered: 'delivered', sent: 'none', delayed: 'delayed', complained: 'complained' } as const
    for (const [at, { name, type }] of shapes.entries()) {
      const wanted = fates[type as keyof typeof fates] ?? 'bounced'
      expect(deliveries[names[at] as string]?.fate, name).toBe(wanted)
    }
    const barred = shapes.filter(({ type }) => type === 'hard-bounce' || type === 'complained')
    expect(await round.db.selectFrom('suppressions').select('reason').execute()).toHaveLength(barred.length)
  })
})

describe('a hostile message', () => {
  it('with a forged, an expired or a foreign address changes nothing', async () => {
    const { edition, ids } = await sendTo(['ada'])
    const before = await readState(edition.id)
    const genuine = addressOf(ids.ada as string)
    const foreign = deriveLinkKeys(['a secret of somebody else, long enough to be one'])
    const forged = [
      genuine.replace(/.@/, (end) => (end === 'a@' ? 'b@' : 'a@')),
      genuine.replace('papers.example', 'other.example'),
      addressOf(ids.ada as string, 'ada@example.org', new Date(NOON.getTime() - 31 * 86_400_000)),
      writeBounceAddress(foreign, HOME, { publicId: ids.ada as string, to: 'ada@example.org' }, NOON),
      'bounces@papers.example',
      null,
    ]
    for (const address of forged) {
      expect(await take(GONE, address), `${address}`).toMatchObject({ result: 'unaddressed' })
      expect(await take(ABUSE, address), `${address}`).toMatchObject({ result: 'unaddressed' })
    }
    expect(await readState(edition.id)).toEqual(before)
  })

  it('with several genuine addresses is about none of them', async () => {
    const { edition, ids } = await sendTo(['ada', 'bob'])
    const both = `${addressOf(ids.ada as string)}, ${addressOf(ids.bob as string, 'bob@example.org')}`
    expect(await take(GONE, both)).toMatchObject({ result: 'unaddressed' })
    expect(await readState(edition.id)).toEqual(['submitted', 'none', 'confirmed', ''])
  })

  it('that came to one reader’s address bars nobody whom it names besides', async () => {
    const { edition, ids } = await sendTo(['ada', 'bob'])
    const named = GONE.replaceAll('ada@example.org', 'bob@example.org').replace(
      'From: Papers',
      `Return-Path: <${addressOf(ids.bob as string, 'bob@example.org')}>\nFrom: Papers`,
    )
    expect(await take(named, addressOf(ids.ada as string))).toMatchObject({ result: 'applied' })
    expect((await readState(edition.id, 'bob'))[1]).toBe('none')
    const hash = hashAddress(await getAddressKey(round.db), 'ada@example.org')
    const rows = await round.db.selectFrom('suppressions').selectAll().execute()
    expect(rows).toMatchObject([{ reason: 'bounce', address_hash: hash }])
  })

  it('about a mail that is not known, or of nobody, changes nothing', async () => {
    await sendTo(['ada'])
    expect(await take(GONE, addressOf(randomUUID()))).toMatchObject({ result: 'unknown' })
    expect(await round.db.selectFrom('suppressions').selectAll().execute()).toEqual([])
  })

  it('that cannot be read changes nothing', async () => {
    const { ids } = await sendTo(['ada'])
    const bomb = `Content-Type: multipart/report; boundary="b"\n\n${'--b\nContent-Type: text/plain\n\nx\n'.repeat(500)}`
    expect(await take(bomb, addressOf(ids.ada as string))).toMatchObject({ result: 'unreadable' })
  })
})

describe('a reader who has moved', () => {
  async function move() {
    const sent = await sendTo(['ada'])
    const reader = await findSubscriberByAddress(round.db, 'ada@example.org')
    await round.db.transaction().execute((trx) => markAddress(trx, reader?.id as number, 'ada@new.example'))
    return sent
  }
  const suppressed = async () =>
    (await round.db.selectFrom('suppressions').select('address_hash').execute()).map((row) => row.address_hash)

  it('is not barred for the address that they left, which is', async () => {
    const { ids } = await move()
    await take(GONE, addressOf(ids.ada as string))
    expect(await suppressed()).toEqual([hashAddress(await getAddressKey(round.db), 'ada@example.org')])
  })

  it('is not barred where the report names another', async () => {
    const { ids } = await move()
    const other = GONE.replaceAll('ada@example.org', 'ada@behind.example')
    expect(await take(other, addressOf(ids.ada as string))).toMatchObject({ result: 'applied', type: 'failed' })
    expect(await suppressed()).toEqual([])
  })

  it('is barred by a report about their new one', async () => {
    const { ids } = await move()
    await take(GONE, addressOf(ids.ada as string, 'ada@new.example'))
    expect(await suppressed()).toEqual([hashAddress(await getAddressKey(round.db), 'ada@new.example')])
  })
})

describe('a notice', () => {
  it('is applied to by the same address', async () => {
    const key = await getAddressKey(round.db)
    const { public_id } = await round.db
      .insertInto('notices')
      .values({
        kind: 'confirm',
        state: 'submitted',
        address: null,
        address_hash: hashAddress(key, 'eve@example.org'),
        key_id: round.linkKeys.currentKeyId,
        expires_at: new Date(Date.now() + 86_400_000),
      })
      .returning('public_id')
      .executeTakeFirstOrThrow()
    const text = GONE.replaceAll('ada@example.org', 'eve@example.org')
    expect(await take(text, addressOf(public_id, 'eve@example.org'))).toMatchObject({ result: 'applied' })
    expect(await round.db.selectFrom('notices').select('fate').execute()).toEqual([{ fate: 'bounced' }])
    const rows = await round.db.selectFrom('suppressions').selectAll().execute()
    expect(rows).toMatchObject([{ reason: 'bounce', address_hash: hashAddress(key, 'eve@example.org') }])
  })
})
