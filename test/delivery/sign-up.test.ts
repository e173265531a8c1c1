import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { NoticeContent } from '../../src/delivery/notice.ts'
import { unseal } from '../../src/delivery/seal.ts'
import { confirm, findConfirmation, signUp } from '../../src/delivery/sign-up.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, markUnsubscribed } from '../../src/subscriber/store.ts'
import { makeAsk } from '../support/asks.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})

describe('signUp and confirm', () => {
  it('subscribe nobody before the link is used, and then as it was asked for', async () => {
    const ask = makeAsk({
      cadence: 'weekly',
      weekday: 3,
      hour: 6,
      zone: 'Europe/Paris',
      choices: parseChoices({ papers: 4 }),
    })
    const noticeId = await signUp(round, 'ada@example.org', ask)
    expect((await findSubscriberByAddress(round.db, 'ada@example.org'))?.consent).toBe('pending')
    const token = await readToken(noticeId)
    expect(await findConfirmation(round, token)).toEqual(ask)
    expect(await findConfirmation(round, token)).toEqual(ask)
    const confirmed = await confirm(round, token)
    expect(confirmed).toMatchObject({ welcome: true, subscriber: { consent: 'confirmed', cadence: 'weekly', hour: 6 } })
    expect(confirmed?.subscriber.choices.papers).toBe(4)
    expect(confirmed?.subscriber.nextDueAt?.getTime()).toBeGreaterThan(Date.now())
    expect(await confirm(round, token)).toBeUndefined()
    expect(await findConfirmation(round, token)).toBeUndefined()
  })
})

async function readToken(noticeId: number | null): Promise<string> {
  const row = await round.db
    .selectFrom('notices')
    .selectAll()
    .where('id', '=', noticeId ?? -1)
    .executeTakeFirstOrThrow()
  const content = unseal(round.linkKeys, row.key_id, row.public_id, row.sealed as Buffer) as NoticeContent
  return 'token' in content ? content.token : ''
}
