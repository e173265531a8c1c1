import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { insertNotice } from '../../src/delivery/notice/asking.ts'
import { NOTICE } from '../../src/delivery/notice/sending.ts'
import type { BatchOutcome } from '../../src/delivery/provider/provider.ts'
import { askAddress } from '../../src/delivery/request/address-change.ts'
import { confirm, signUp } from '../../src/delivery/request/sign-up.ts'
import { listUnsettledKeyIds } from '../../src/delivery/sending/unknown.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { HoldError, LaterError } from '../../src/errors.ts'
import { notify } from '../../src/jobs/notify.ts'
import { findSubscriberByAddress, markUnsubscribed } from '../../src/subscriber/store.ts'
import type { Subscriber } from '../../src/subscriber/subscriber.ts'
import { makeAsk } from '../support/asks.ts'
import { keepRound } from '../support/kept-round.ts'
import { endNoticeWaits, readNotice, readToken } from '../support/notices.ts'
import { addReader, only, openScriptedProvider, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})
const fresh = () => ({ ...round, ...only(openScriptedProvider()) })
const note = (reader: Subscriber) =>
  insertNotice(round.db, round.linkKeys, {
    kind: 'note',
    subscriberId: reader.id,
    address: reader.address as string,
    subject: 'No papers today',
    title: 'No papers today',
    paragraphs: ['Nothing had 50 votes.'],
    why: 'You asked to hear of it.',
  })

describe('notify', () => {
  it('sends a confirmation once, with a link that works, and keeps nothing personal of it', async () => {
    const mine = fresh()
    const id = await signUp(mine, 'ada@example.org', makeAsk())
    expect(await listWaiting(mine.db, NOTICE, 10)).toEqual([id])
    expect(await listUnsettledKeyIds(mine.db)).toEqual([mine.linkKeys.currentKeyId])
    await notify(mine, id as number)
    await notify(mine, id as number)
    const [mail, ...more] = mine.provider.accepted
    expect(more).toEqual([])
    expect(mail).toMatchObject({ to: 'ada@example.org', subject: 'Confirm your subscription to Daily Papers' })
    expect(Object.keys(mail?.headers ?? {})).toEqual(['Feedback-ID', 'Auto-Submitted', 'X-Auto-Response-Suppress'])
    const token = /https:\/\/papers\.example\/confirm\/([\w-]{43})\n/.exec(mail?.text ?? '')?.[1] as string
    expect(mail?.html).toContain(`/confirm/${token}`)
    expect(`${mail?.html}${mail?.text}`).not.toContain('ada')
    expect(await readNotice(mine.db, id)).toMatchObject({
      state: 'submitted',
      address: null,
      sealed: null,
      provider_id: `id-${mail?.publicId}`,
    })
    expect((await confirm(mine, token))?.subscriber.consent).toBe('confirmed')
    expect(await listWaiting(mine.db, NOTICE, 10)).toEqual([])
    expect(await listUnsettledKeyIds(mine.db)).toEqual([])
  })

  it('repeats the same bytes under the same key when a worker was killed between request and settle', async () => {
    const mine = fresh()
    const id = (await signUp(mine, 'ada@example.org', makeAsk())) as number
    mine.provider.script = [
      (request) => {
        mine.provider.accepted.push(...request.mails)
        throw new Error('killed')
      },
    ]
    await expect(notify(mine, id)).rejects.toThrow('killed')
    expect(await readNotice(mine.db, id)).toMatchObject({ state: 'attempting', attempts: 1 })
    await notify(mine, id)
    expect(mine.provider.requests).toHaveLength(1)
    await endNoticeWaits(mine.db)
    await notify(mine, id)
    const [first, second] = mine.provider.requests
    expect(second).toEqual(first)
    expect(await readNotice(mine.db, id)).toMatchObject({ state: 'submitted', attempts: 2 })
  })

  it('goes unknown and is never sent again where its bytes, provider or version would be others', async () => {
    const changes: ((mine: ReturnType<typeof fresh>) => object | Promise<unknown>)[] = [
      ({ host }) => ({ host: { ...host, postalAddress: 'Another Street' } }),
      () => ({ ...only(openScriptedProvider({ name: 'resend' })) }),
      () => ({ ...only(openScriptedProvider({ replayMs: 1 })) }),
      ({ db }) => sql`update notices set notice_version = 0 where state = 'unknown'`.execute(db).then(() => ({})),
    ]
    for (const [index, change] of changes.entries()) {
      const mine = fresh()
      const id = (await signUp(mine, `ada${index}@example.org`, makeAsk())) as number
      mine.provider.script = [{ kind: 'unknown', reason: 'the connection was cut' }]
      await expect(notify(mine, id)).rejects.toThrow(LaterError)
      await endNoticeWaits(mine.db)
      const other = { ...mine, ...((await change(mine)) as Partial<typeof mine>) }
      await sql`update notices set first_attempt_at = now() - interval '1 day'`.execute(mine.db)
      await notify(other, id)
      expect(mine.provider.requests).toHaveLength(1)
      expect(other.provider.requests.length).toBeLessThanOrEqual(1)
      expect(await readNotice(mine.db, id)).toMatchObject({ state: 'unknown', address: null, sealed: null })
      await endNoticeWaits(mine.db)
      expect(await listWaiting(mine.db, NOTICE, 10)).toEqual([])
    }
  })

  it.each<[BatchOutcome, object, (new (...args: never[]) => Error) | null]>([
    [{ kind: 'refused', reason: 'no such field' }, { state: 'rejected', reason: 'no such field', address: null }, null],
    [{ kind: 'throttled', retryAfterMs: 500 }, { state: 'deferred', attempts: 0, mail_sha256: null }, HoldError],
    [{ kind: 'concurrent', retryAfterMs: 500 }, { state: 'unknown', attempts: 1 }, LaterError],
    [{ kind: 'stopped', reason: 'the key is refused' }, { state: 'deferred', attempts: 0 }, null],
    [{ kind: 'quota', reason: 'used up', retryAfterMs: 60_000 }, { state: 'deferred', attempts: 0 }, null],
    [{ kind: 'mismatch', reason: 'other payload' }, { state: 'unknown', sealed: null }, null],
    [{ kind: 'unknown', reason: 'cut' }, { state: 'unknown', attempts: 1, reason: 'cut' }, LaterError],
    [{ kind: 'answered', outcomes: [{ state: 'rejected', reason: 'bad' }] }, { state: 'rejected', sealed: null }, null],
    [{ kind: 'answered', outcomes: [] }, { state: 'unknown', attempts: 1 }, LaterError],
  ])('after %j leaves %j', async (outcome, row, thrown) => {
    const mine = fresh()
    const id = (await signUp(mine, 'ada@example.org', makeAsk())) as number
    mine.provider.script = [outcome]
    if (thrown) await expect(notify(mine, id)).rejects.toThrow(thrown)
    else await notify(mine, id)
    const found = await readNotice(mine.db, id)
    expect(found).toMatchObject(row)
    if (found.state === 'rejected' || found.sealed === null) return
    // Whatever made it wait, it is not lost.
    await endNoticeWaits(mine.db)
    await notify(mine, id)
    expect(await readNotice(mine.db, id)).toMatchObject({ state: 'submitted' })
    expect(mine.provider.accepted).toHaveLength(1)
  })

  it('withholds what nobody may get any more, between planning and mark as well', async () => {
    const reader = await addReader(round.db, 'bo')
    const cases: [string, () => Promise<unknown>][] = [
      ['left', () => markUnsubscribed(round.db, reader.publicId)],
      ['suppressed', () => suppress('bounce')],
      ['late', () => sql`update notices set expires_at = now() where state = 'planned'`.execute(round.db)],
    ]
    for (const [reason, happen] of cases) {
      const mine = fresh()
      const id = await note(reader)
      await happen()
      await notify(mine, id)
      expect(mine.provider.requests).toEqual([])
      expect(await readNotice(mine.db, id)).toMatchObject({ state: 'withheld', reason, address: null, sealed: null })
      await sql`update subscribers set consent = 'confirmed'`.execute(mine.db)
      await sql`delete from suppressions`.execute(mine.db)
    }
    const real = { ...round, ...only(openScriptedProvider({ reachesRealWorld: true })) }
    const id = await note(reader)
    await notify(real, id)
    expect(await readNotice(round.db, id)).toMatchObject({ state: 'withheld', reason: 'reserved-domain' })
  })

  it('carries the links of a digest in a note, which work as of when it was made', async () => {
    const mine = fresh()
    const reader = await addReader(mine.db, 'bo')
    await notify(mine, await note(reader))
    const [mail] = mine.provider.accepted
    expect(mail?.headers['List-Unsubscribe']).toMatch(/^<https:\/\/papers\.example\/unsubscribe\/[\w-]{59}>$/)
    expect(mail?.text).toContain('https://papers.example/preferences/')
    expect(mail?.text).toContain('Nothing had 50 votes.')
  })

  it('tells the old address of a move and asks the new one', async () => {
    const mine = fresh()
    const reader = await addReader(mine.db, 'bo')
    const id = (await askAddress(mine, reader.id, 'new@example.org')) as number
    expect(await readToken(mine, id)).toMatch(/^[\w-]{43}$/)
    await notify(mine, id)
    expect(mine.provider.accepted[0]).toMatchObject({ to: 'new@example.org' })
    expect((await findSubscriberByAddress(mine.db, 'bo@example.org'))?.id).toBe(reader.id)
  })

  it('is claimed by one of two workers at once', async () => {
    const mine = fresh()
    const id = (await signUp(mine, 'ada@example.org', makeAsk())) as number
    await Promise.all([notify(mine, id), notify(mine, id), notify(mine, id)])
    expect(mine.provider.accepted).toHaveLength(1)
  })
})

async function suppress(reason: string): Promise<void> {
  await sql`insert into suppressions (address_hash, reason) select address_hash, ${reason} from subscribers`.execute(
    round.db,
  )
}
