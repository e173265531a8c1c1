// One notice: one claim, one mark, one request, one settle, as with a batch of one. The mark is
// committed before the request.

import {
  letNoticeWait,
  markNoticeWithheld,
  NOTICE,
  prepareNotice,
  reasonToWithhold,
  settleNotice,
} from '../delivery/notice/sending.ts'
import { findWay } from '../delivery/provider/routes.ts'
import { demandSettled } from '../delivery/sending/after-outage.ts'
import { handOf } from '../delivery/sending/hand.ts'
import { claim } from '../delivery/sending/once.ts'
import { giveUp } from '../delivery/sending/settling.ts'
import { requestIn } from '../delivery/sending/turn.ts'
import { NOTICE_VERSIONS } from '../digest/notice.ts'
import type { Round } from './round.ts'

export type NotifyRound = Pick<
  Round,
  'outage' | 'db' | 'providers' | 'witness' | 'paces' | 'linkKeys' | 'templates' | 'host' | 'holder' | 'logger'
>

/**
 * Sends a notice, through the provider of its first attempt or else the first that is not out. Does
 * nothing when it is settled, gone or in another worker's hands.
 */
export async function notify(round: NotifyRound, noticeId: number): Promise<void> {
  const notice = await claim(round.db, NOTICE, noticeId, { holder: round.holder })
  if (!notice) return
  await demandSettled(round, NOTICE, notice)
  const way = await findWay({ ...round, isBeyondRamp: true }, notice.fixed, NOTICE_VERSIONS)
  if (way.kind === 'over') return giveUp(round, NOTICE, notice, way.reason)
  if (way.kind === 'shut') return letNoticeWait(round, notice, way.out)
  const { provider } = way.route
  const reason = reasonToWithhold(provider, notice)
  if (reason !== null) return markNoticeWithheld(round.db, notice, reason)
  const hand = handOf(provider)
  await hand.take(1, true)
  try {
    const request = await prepareNotice(round, provider, notice)
    if (request === undefined) return
    if (request === 'changed') {
      return await giveUp(round, NOTICE, notice, 'its words, templates or settings changed after it was fixed')
    }
    await settleNotice(round, notice, provider, await requestIn(request.turn, () => provider.sendNotice(request)))
  } finally {
    hand.give(1)
  }
}
