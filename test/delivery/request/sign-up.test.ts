import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { askAddress } from '../../../src/delivery/request/address-change.ts'
import { confirm, findConfirmation, signUp } from '../../../src/delivery/request/sign-up.ts'
import { planDue } from '../../../src/jobs/plan.ts'
import { findDeparture, markResubscribed, prunePending } from '../../../src/subscriber/consent.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import {
  findSubscriberByAddress,
  insertSubscriber,
  isReaderDue,
  markUnsubscribed,
} from '../../../src/subscriber/store.ts'
import { makeAsk } from '../../support/asks.ts'
import { keepRound } from '../../support/kept-round.ts'
import { ageNotices, readNotice, readToken } from '../../support/notices.ts'
import { addReader, freezeEdition, readDeliveries, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})
const ADDRESS = 'ada@example.org'
const find = () => findSubscriberByAddress(round.db, ADDRESS)
const noticesOf = async () => (await sql`select id from notices`.execute(round.db)).rows.length

describe('signUp and confirm', () => {
  it('ask the owner of an address whom a reader has named as their new one', async () => {
    await addReader(round.db, 'bob')
    const bob = await findSubscriberByAddress(round.db, 'bob@example.org')
    expect(await askAddress(round, bob?.id as number, ADDRESS)).not.toBeNull()
    expect(await askAddress(round, bob?.id as number, ADDRESS)).toBeNull()
    expect(await signUp(round, ADDRESS, makeAsk())).not.toBeNull()
  })

  it('subscribe nobody before the link is used, and then as it was asked for', async () => {
    const choices = parseChoices({ papers: 4 })
    const ask = makeAsk({ cadence: 'weekly', weekday: 3, hour: 6, zone: 'Europe/Paris', choices, welcome: false })
    const token = await readToken(round, await signUp(round, ADDRESS, ask))
    expect(await find()).toMatchObject({ consent: 'pending', nextDueAt: null })
    expect(await findConfirmation(round, token)).toEqual({ ask, address: ADDRESS, obstacle: undefined })
    expect(await findConfirmation(round, token)).toEqual({ ask, address: ADDRESS, obstacle: undefined })
    const confirmed = await confirm(round, token)
    const { welcome, consentSource, consentPage, ...chosen } = ask
    expect(confirmed).toMatchObject({ welcome: false, subscriber: { consent: 'confirmed', ...chosen } })
    expect(confirmed?.subscriber.nextDueAt?.getTime()).toBeGreaterThan(Date.now())
    expect(await confirm(round, token)).toBeUndefined()
    expect(await findConfirmation(round, token)).toBeUndefined()
    const row = await round.db.selectFrom('subscribers').selectAll().executeTakeFirstOrThrow()
    expect(row).toMatchObject({ consent_source: consentSource, consent_page: consentPage, left_at: null })
    expect(row.confirmed_at?.getTime()).toBeGreaterThanOrEqual(row.asked_at?.getTime() as number)
    const clock = await round.db.selectFrom('reader_clocks').selectAll().executeTakeFirstOrThrow()
    expect(clock).toMatchObject({ subscriber_id: row.id, waiting_since: row.confirmed_at, weekly: true })
  })

  it('make the latest edition due at once where it is wanted: planned, and taken for the day', async () => {
    const edition = await freezeEdition(round, '2026-03-05', { hoursAgo: 30 })
    await freezeEdition(round, '2026-03-04', { hoursAgo: 54 })
    await confirm(round, await readToken(round, await signUp(round, ADDRESS, makeAsk())))
    expect(await isReaderDue(round.db)).toBe(true)
    while ((await planDue(round)) > 0);
    expect(await readDeliveries(round.db, edition.id)).toMatchObject({ ada: { state: 'planned' } })
    expect(await round.db.selectFrom('deliveries').select('edition_id').execute()).toHaveLength(1)
    expect((await find())?.nextDueAt?.getTime()).toBeGreaterThan(Date.now())
  })

  it('give one of two confirmations at once the link, and one of two sign-ups the notice', async () => {
    const asked = await Promise.all([1, 2, 3].map(() => signUp(round, ADDRESS, makeAsk())))
    expect(asked.filter((id) => id !== null)).toHaveLength(1)
    const token = await readToken(round, asked.find((id) => id !== null) as number)
    const done = await Promise.all([1, 2, 3].map(() => confirm(round, token)))
    expect(done.filter((each) => each !== undefined)).toHaveLength(1)
  })

  it('lets the newest choices count under the link that is in the mailbox', async () => {
    const token = await readToken(round, await signUp(round, ADDRESS, makeAsk({ hour: 6 })))
    expect(await signUp(round, ADDRESS, makeAsk({ hour: 9 }))).toBeNull()
    expect((await confirm(round, token))?.subscriber.hour).toBe(9)
  })

  it('write once in 24 hours and three times in 30 days to an address, whatever its state', async () => {
    let sent = 0
    for (let day = 0; day < 28; day += 4) {
      for (let times = 0; times < 2; times++) if ((await signUp(round, ADDRESS, makeAsk())) !== null) sent++
      await ageNotices(round.db, 4 * 24)
    }
    expect(sent).toBe(3)
    await ageNotices(round.db, 3 * 24)
    expect(await signUp(round, ADDRESS, makeAsk())).not.toBeNull()
  })

  it('do not count what was never sent', async () => {
    const id = await signUp(round, ADDRESS, makeAsk())
    await sql`update notices set state = 'withheld', reason = 'late', address = null, sealed = null`.execute(round.db)
    const again = await signUp(round, ADDRESS, makeAsk())
    expect(again).not.toBeNull()
    expect(again).not.toBe(id)
  })

  it('tell who is subscribed that nothing has changed', async () => {
    const reader = await addReader(round.db, 'ada', { hour: 5 })
    const id = await signUp(round, ADDRESS, makeAsk({ hour: 20 }))
    expect(await readNotice(round.db, id)).toMatchObject({ kind: 'subscribed-already', subscriber_id: reader.id })
    expect(await find()).toEqual(reader)
  })

  it('ask again who has left, and change nothing before they confirm', async () => {
    const reader = await addReader(round.db, 'ada', { hour: 5 })
    await markUnsubscribed(round.db, reader.publicId)
    const token = await readToken(round, await signUp(round, ADDRESS, makeAsk({ hour: 20 })))
    expect(await find()).toMatchObject({ id: reader.id, consent: 'unsubscribed', hour: 5 })
    expect((await confirm(round, token))?.subscriber).toMatchObject({ id: reader.id, consent: 'confirmed', hour: 20 })
  })

  it.each(['bounce', 'complaint', 'provider'])('write nothing to an address suppressed for a %s', async (reason) => {
    const token = await readToken(round, await signUp(round, ADDRESS, makeAsk()))
    await sql`insert into suppressions (address_hash, reason) select address_hash, ${reason} from subscribers`.execute(
      round.db,
    )
    await ageNotices(round.db, 25)
    const before = await noticesOf()
    expect(await signUp(round, ADDRESS, makeAsk())).toBeNull()
    expect(await noticesOf()).toBe(before)
    expect(await confirm(round, token)).toBeUndefined()
    expect((await find())?.consent).toBe('pending')
    // The link is not used up: it works once the suppression is lifted.
    expect((await findConfirmation(round, token))?.obstacle).toBe('barred')
    await sql`delete from suppressions`.execute(round.db)
    expect((await confirm(round, token))?.subscriber.consent).toBe('confirmed')
  })

  it('lift an erasure by a new double opt-in, which adding does not', async () => {
    await signUp(round, ADDRESS, makeAsk())
    await sql`insert into suppressions (address_hash, reason) select address_hash, 'erased' from subscribers`.execute(
      round.db,
    )
    await sql`delete from subscribers`.execute(round.db)
    expect(await insertSubscriber(round.db, { ...makeAsk(), address: ADDRESS })).toBe('suppressed')
    await ageNotices(round.db, 25)
    const token = await readToken(round, await signUp(round, ADDRESS, makeAsk()))
    expect((await confirm(round, token))?.subscriber.consent).toBe('confirmed')
    expect((await sql`select from suppressions`.execute(round.db)).rows).toHaveLength(0)
  })

  it('refuse a zone that nobody knows', async () => {
    await expect(signUp(round, ADDRESS, makeAsk({ zone: 'Mars/Olympus' }))).rejects.toThrow(RangeError)
    expect(await noticesOf()).toBe(0)
  })
})

describe('coming back', () => {
  it('takes one button within an hour of leaving, and not after', async () => {
    const { publicId } = await addReader(round.db, 'ada')
    expect(await findDeparture(round.db, publicId)).toBeUndefined()
    await markUnsubscribed(round.db, publicId)
    expect(await findDeparture(round.db, publicId)).toEqual({ mayComeBack: true, reason: null })
    expect(await markResubscribed(round.db, publicId)).toBe(true)
    expect(await markResubscribed(round.db, publicId)).toBe(true)
    expect(await find()).toMatchObject({ consent: 'confirmed' })
    await markUnsubscribed(round.db, publicId)
    await sql`update subscribers set left_at = now() - interval '61 minutes'`.execute(round.db)
    await markUnsubscribed(round.db, publicId)
    expect(await findDeparture(round.db, publicId)).toEqual({ mayComeBack: false, reason: null })
    expect(await markResubscribed(round.db, publicId)).toBe(false)
    expect(await find()).toMatchObject({ consent: 'unsubscribed', nextDueAt: null })
  })

  it('is closed to who must not be written to', async () => {
    const { publicId } = await addReader(round.db, 'ada')
    await markUnsubscribed(round.db, publicId)
    await sql`insert into suppressions (address_hash, reason) select address_hash, 'complaint' from subscribers`.execute(
      round.db,
    )
    expect(await markResubscribed(round.db, publicId)).toBe(false)
  })
})

describe('prunePending', () => {
  it('forgets sign-ups that nobody confirmed within a week, and nobody else', async () => {
    await addReader(round.db, 'bo')
    await signUp(round, ADDRESS, makeAsk())
    await sql`update subscribers set created_at = now() - interval '8 days'`.execute(round.db)
    expect(await prunePending(round.db)).toBe(0)
    await sql`update credentials set expires_at = now()`.execute(round.db)
    expect(await prunePending(round.db)).toBe(1)
    expect(await find()).toBeUndefined()
    expect(await findSubscriberByAddress(round.db, 'bo@example.org')).toBeDefined()
    expect((await sql`select from credentials`.execute(round.db)).rows).toHaveLength(0)
  })
})
