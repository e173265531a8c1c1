import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { askAddress, confirmAddress, findAddressChange } from '../../src/delivery/request/address-change.ts'
import { askLink, exportData } from '../../src/delivery/request/own-data.ts'
import { signUp } from '../../src/delivery/request/sign-up.ts'
import { type Change, stepDown } from '../../src/subscriber/change.ts'
import { markResubscribed } from '../../src/subscriber/consent.ts'
import { findHolder } from '../../src/subscriber/holder.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, findSubscriberById, markUnsubscribed } from '../../src/subscriber/store.ts'
import { issueToken } from '../../src/subscriber/token.ts'
import { change, findUndo, undo } from '../../src/subscriber/undo.ts'
import { makeAsk } from '../support/asks.ts'
import { keepRound } from '../support/kept-round.ts'
import { ageNotices, readContent, readNotice, readToken } from '../support/notices.ts'
import { addReader, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})
const clock = async (id: number) =>
  round.db
    .selectFrom('subscribers as s')
    .innerJoin('reader_clocks as c', 'c.subscriber_id', 's.id')
    .select(['waiting_since as waitingSince', 'next_due_at as nextDueAt', 'paused_until as pausedUntil'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()

const STANDING = { cadence: 'daily', choices: parseChoices({}), pausedUntil: null, today: '2026-12-01' } as const

/** A weekday (1 Monday … 7 Sunday) that is neither today nor tomorrow anywhere. */
const IN_THREE_DAYS = ((new Date().getUTCDay() + 2) % 7) + 1

describe('change and undo', () => {
  it('tell before and after, and put back what was before, once', async () => {
    const reader = await addReader(round.db, 'ada')
    const choices = parseChoices({ papers: 3, mute: ['benchmarks'] })
    const changed = await change(round, reader.id, { hour: 20, choices, silence: 'note' })
    expect(changed).toMatchObject({
      before: { hour: 7, silence: 'silent', choices: { papers: 10 } },
      after: { hour: 20, silence: 'note', choices },
    })
    expect(await findSubscriberById(round.db, reader.id)).toMatchObject({ hour: 20, silence: 'note', choices })
    const token = changed?.undo as string
    expect(await findUndo(round.db, token)).toMatchObject({ wanted: { kind: 'choices', before: { hour: 7 } } })
    expect(await undo(round, token)).toMatchObject({ kind: 'choices', after: { hour: 7, choices: { papers: 10 } } })
    expect(await undo(round, token)).toBeUndefined()
    expect(await findSubscriberById(round.db, reader.id)).toEqual(reader)
  })

  it.each<[Change, { waits: boolean; moves: boolean }]>([
    [{ hour: 20 }, { waits: false, moves: true }],
    [{ zone: 'Asia/Tokyo' }, { waits: false, moves: true }],
    [
      { cadence: 'weekly', weekday: IN_THREE_DAYS },
      { waits: true, moves: true },
    ],
    [{ pausedUntil: '2999-01-01' }, { waits: true, moves: false }],
    [{ choices: parseChoices({ papers: 1 }) }, { waits: false, moves: false }],
  ])('%j begins to wait anew and moves the clock only where it should', async (wanted, { waits, moves }) => {
    const reader = await addReader(round.db, 'ada')
    const before = await clock(reader.id)
    await change(round, reader.id, wanted)
    const after = await clock(reader.id)
    expect(after.waitingSince > before.waitingSince).toBe(waits)
    if (!moves) expect(after.nextDueAt).toEqual(before.nextDueAt)
    else expect(after.nextDueAt).not.toEqual(before.nextDueAt)
  })

  it('leaves what waits to other days, and no week to the days or day to the weeks', async () => {
    const reader = await addReader(round.db, 'ada')
    const { waitingSince } = await clock(reader.id)
    for (const cadence of ['working-days', 'daily'] as const) {
      await change(round, reader.id, { cadence })
      expect((await clock(reader.id)).waitingSince).toEqual(waitingSince)
    }
    await change(round, reader.id, { cadence: 'weekly' })
    const weekly = await clock(reader.id)
    expect(weekly.waitingSince > waitingSince).toBe(true)
    await change(round, reader.id, { cadence: 'working-days' })
    expect((await clock(reader.id)).waitingSince > weekly.waitingSince).toBe(true)
  })

  it('pauses from the reader’s own today, and resumes', async () => {
    const reader = await addReader(round.db, 'ada', { zone: 'Pacific/Kiritimati' })
    await change(round, reader.id, (standing) => stepDown('pause', standing))
    const { rows } = await sql<{ until: string }>`
      select ((now() at time zone 'Pacific/Kiritimati')::date + 14)::text as until`.execute(round.db)
    expect((await clock(reader.id)).pausedUntil).toBe(rows[0]?.until)
    expect(await change(round, reader.id, { pausedUntil: null })).toMatchObject({ after: { pausedUntil: null } })
  })

  it('keeps what waits where a pause that is over is taken away', async () => {
    const reader = await addReader(round.db, 'ada')
    await sql`update subscribers set paused_until = (now() at time zone zone)::date - 1`.execute(round.db)
    const { waitingSince } = await clock(reader.id)
    await change(round, reader.id, { pausedUntil: null })
    expect(await clock(reader.id)).toMatchObject({ waitingSince, pausedUntil: null })
  })

  it('make no undo where nothing changed, and nothing for who is not confirmed or for a zone that nobody knows', async () => {
    const reader = await addReader(round.db, 'ada')
    expect((await change(round, reader.id, { hour: 7 }))?.undo).toBeNull()
    await expect(change(round, reader.id, { zone: 'Mars/Olympus' })).rejects.toThrow(RangeError)
    const token = (await change(round, reader.id, { hour: 8 }))?.undo as string
    await markUnsubscribed(round.db, reader.publicId)
    expect(await change(round, reader.id, { hour: 9 })).toBeUndefined()
    expect(await undo(round, token)).toBeUndefined()
    expect((await findSubscriberById(round.db, reader.id))?.consent).toBe('unsubscribed')
  })

  it('keep the link of a reader who has left, for when they come back', async () => {
    const reader = await addReader(round.db, 'ada')
    const token = (await change(round, reader.id, { hour: 8 }))?.undo as string
    await markUnsubscribed(round.db, reader.publicId)
    expect(await findUndo(round.db, token)).toMatchObject({ obstacle: 'left' })
    expect(await undo(round, token)).toBeUndefined()
    await markResubscribed(round.db, reader.publicId)
    expect(await findUndo(round.db, token)).toMatchObject({ obstacle: undefined })
    expect(await undo(round, token)).toMatchObject({ after: { hour: 7 } })
  })

  it('step down to the week, to a pause or to half as many papers', () => {
    expect(stepDown('weekly', STANDING)).toEqual({ cadence: 'weekly', weekday: 1 })
    expect(stepDown('pause', STANDING)).toEqual({ pausedUntil: '2026-12-15' })
    expect(stepDown('fewer', { ...STANDING, choices: parseChoices({ papers: 9, mute: ['rl'] }) })).toMatchObject({
      choices: { papers: 5, mute: ['rl'] },
    })
  })

  it('step nowhere from the week or from one paper, and never to a shorter pause', () => {
    expect(stepDown('weekly', { ...STANDING, cadence: 'weekly' })).toBeUndefined()
    expect(stepDown('fewer', { ...STANDING, choices: parseChoices({ papers: 1 }) })).toBeUndefined()
    for (const [pausedUntil, until] of [
      ['2026-11-30', '2026-12-15'],
      ['2026-12-14', '2026-12-15'],
      ['2026-12-15', undefined],
      ['2027-06-01', undefined],
    ] as const) {
      expect(stepDown('pause', { ...STANDING, pausedUntil })?.pausedUntil, pausedUntil).toBe(until)
    }
  })

  it('decides by what stands under the lock, and touches nothing where nothing is decided', async () => {
    const reader = await addReader(round.db, 'ada', { cadence: 'weekly', weekday: 6 })
    const rowOf = () =>
      round.db.selectFrom('subscribers').selectAll().where('id', '=', reader.id).executeTakeFirstOrThrow()
    const before = await rowOf()
    const changed = await change(round, reader.id, (standing) => stepDown('weekly', standing))
    expect(changed).toMatchObject({ after: { cadence: 'weekly', weekday: 6 }, undo: null })
    expect(await rowOf()).toEqual(before)
  })
})

describe('moving to another address', () => {
  it('is confirmed at the new one, revokes earlier links, tells the old one, and can be taken back', async () => {
    const reader = await addReader(round.db, 'ada')
    const held = issueToken(round.linkKeys, 'preferences', reader, new Date())
    const leave = issueToken(round.linkKeys, 'unsubscribe', reader, new Date())
    const token = await readToken(round, await askAddress(round, reader.id, 'new@example.org'))
    const exported = await readToken(round, await askLink(round, reader.id, 'export'))
    expect(await findAddressChange(round, token)).toEqual({ address: 'new@example.org', obstacle: undefined })
    const moved = await confirmAddress(round, token)
    expect(moved).toMatchObject({ subscriberId: reader.id, address: 'new@example.org' })
    expect(await confirmAddress(round, token)).toBeUndefined()
    expect(await findHolder(round.db, round.linkKeys, 'preferences', held)).toBeUndefined()
    expect(await exportData(round, exported)).toBeUndefined()
    expect((await findHolder(round.db, round.linkKeys, 'unsubscribe', leave))?.id).toBe(reader.id)
    const notice = await readNotice(round.db, moved?.noticeId as number)
    expect(notice).toMatchObject({ kind: 'address-changed', address: 'ada@example.org' })
    expect(await readContent(round, notice.id)).toMatchObject({ newAddress: 'n•••@example.org' })
    // Whoever moved it could ask for more meanwhile: taking it back makes all of that useless.
    const thief = (await change(round, reader.id, { hour: 3 }))?.undo as string
    expect(await undo(round, await readToken(round, notice.id))).toEqual({
      kind: 'address',
      subscriberId: reader.id,
      address: 'ada@example.org',
    })
    expect(await undo(round, thief)).toBeUndefined()
    expect((await findSubscriberByAddress(round.db, 'ada@example.org'))?.id).toBe(reader.id)
    expect(await findSubscriberByAddress(round.db, 'new@example.org')).toBeUndefined()
  })

  it('tells nothing of the new address: taken, suppressed, one’s own or asked already', async () => {
    const reader = await addReader(round.db, 'ada')
    const other = await addReader(round.db, 'bo')
    expect(await askAddress(round, reader.id, 'bo@example.org')).toBeNull()
    expect(await askAddress(round, reader.id, 'ada@example.org')).toBeNull()
    await sql`
      insert into suppressions (address_hash, reason) select address_hash, 'bounce' from subscribers where id = ${other.id}`.execute(
      round.db,
    )
    await sql`delete from subscribers where id = ${other.id}`.execute(round.db)
    expect(await askAddress(round, reader.id, 'bo@example.org')).toBeNull()
    expect(await askAddress(round, reader.id, 'new@example.org')).not.toBeNull()
    expect(await askAddress(round, reader.id, 'new@example.org')).toBeNull()
  })

  it('takes over a sign-up of the new address that was never confirmed, and loses against one that was', async () => {
    const reader = await addReader(round.db, 'ada')
    const token = await readToken(round, await askAddress(round, reader.id, 'new@example.org'))
    await ageNotices(round.db, 25)
    await signUp(round, 'new@example.org', makeAsk())
    expect(await confirmAddress(round, token)).toMatchObject({ address: 'new@example.org' })
    await addReader(round.db, 'late')
    await ageNotices(round.db, 25)
    const second = await readToken(round, await askAddress(round, reader.id, 'third@example.org'))
    await addReader(round.db, 'third')
    expect(await confirmAddress(round, second)).toBeUndefined()
    expect((await findSubscriberById(round.db, reader.id))?.address).toBe('new@example.org')
    // The link is not used up: it works once its address is free.
    expect(await findAddressChange(round, second)).toMatchObject({ obstacle: 'taken' })
    await sql`delete from subscribers where address = 'third@example.org'`.execute(round.db)
    expect(await confirmAddress(round, second)).toMatchObject({ address: 'third@example.org' })
  })
})
