// One notice: one claim, one mark, one request, one settle, as with a batch of one. The mark is
// committed before the request.
import { isReserved } from '../delivery/delivery.ts'
import { type ClaimedNotice, claimNotice, markNoticeAttempting } from '../delivery/notice/ledger.ts'
import { buildNotice, hashMail, NOTICE_VERSION, noticeKeyOf } from '../delivery/notice/mail.ts'
import {
  markNoticeDeferred,
  markNoticeSettled,
  markNoticeUnknown,
  markNoticeWithheld,
} from '../delivery/notice/settling.ts'
import { refuseReplay, stepAfter } from '../delivery/provider/outcome.ts'
import type { BatchOutcome, Provider } from '../delivery/provider/provider.ts'
import { HoldError, LaterError } from '../errors.ts'
import type { Round } from './round.ts'
import { firstBack, readStandings } from './routes.ts'

export type NotifyRound = Pick<Round, 'db' | 'providers' | 'linkKeys' | 'templates' | 'host' | 'logger'>

/**
 * A refused key is asked again this often: nobody resumes notices by hand, and none of them may be
 * lost.
 */
const STOPPED_WAIT_MS = 10 * 60_000

/**
 * Sends a notice, through the provider of its first attempt or else the first that is not out. Does
 * nothing when it is settled, gone or in another worker's hands.
 */
export async function notify(round: NotifyRound, noticeId: number): Promise<void> {
  const { db } = round
  const notice = await claimNotice(db, noticeId)
  if (!notice) return
  const standings = await readStandings(round)
  const standing = notice.fixed
    ? standings.find((each) => each.provider.name === notice.fixed?.provider)
    : standings.find((each) => !each.out)
  if (!standing) {
    if (notice.fixed) return giveUp(round, notice, `it was attempted through ${notice.fixed.provider}`)
    const { reason, waitMs } = firstBack(standings)
    return markNoticeDeferred(db, notice, reason, Math.min(waitMs ?? STOPPED_WAIT_MS, STOPPED_WAIT_MS))
  }
  const { provider } = standing
  const reason = notice.fixed === null ? withholding(provider, notice) : undefined
  if (reason) return markNoticeWithheld(db, notice, reason)
  const refusal = notice.fixed && refuseReplay(provider, notice.fixed, NOTICE_VERSION)
  if (refusal) return giveUp(round, notice, refusal)
  const mail = buildNotice(notice, { ...round, encoding: provider.encoding })
  const hash = hashMail(mail)
  if (notice.fixed && !notice.fixed.mail.equals(hash)) {
    return giveUp(round, notice, 'its words, templates or settings changed after it was fixed')
  }
  const idempotencyKey = noticeKeyOf(notice.id, hash)
  const intent = { mail: hash, version: NOTICE_VERSION, idempotencyKey, provider: provider.name }
  const marked = await markNoticeAttempting(db, notice, intent)
  if (marked === 'left') return markNoticeWithheld(db, notice, 'left')
  if (marked === 'lost') return
  const outcome = await provider.sendNotice({ notice: mail, kind: notice.kind, idempotencyKey })
  await settle(round, notice, provider, outcome)
}

/** Nobody can be reached at an example domain; what the database says comes first. */
function withholding(provider: Provider, notice: ClaimedNotice): string | undefined {
  if (notice.leaving) return notice.leaving
  return provider.reachesRealWorld && isReserved(notice.address) ? 'reserved-domain' : undefined
}

/** Writes what became of the request, and throws where the queue has to wait. */
async function settle(
  round: NotifyRound,
  notice: ClaimedNotice,
  provider: Provider,
  outcome: BatchOutcome,
): Promise<void> {
  const { db, logger } = round
  const facts = { noticeId: notice.id, kind: notice.kind }
  const step = stepAfter(outcome, { mails: 1, attempts: notice.attempts, replayMs: provider.replayMs })
  switch (step.do) {
    case 'settle':
      for (const mail of step.outcomes) {
        if (mail.state === 'unknown') return giveUp(round, notice, mail.reason)
        if (mail.state === 'deferred') {
          await markNoticeDeferred(db, notice, mail.reason, mail.retryAfterMs)
          throw new LaterError(mail.reason, mail.retryAfterMs)
        }
        await markNoticeSettled(db, notice, mail)
      }
      logger.info({ event: 'notice.settled', ...facts, state: step.outcomes[0]?.state }, 'a notice was settled')
      return
    case 'halve':
      logger.warn({ event: 'notice.refused', ...facts, reason: step.reason }, 'a notice was refused')
      return markNoticeSettled(db, notice, { state: 'rejected', reason: step.reason })
    case 'hold':
      await markNoticeDeferred(db, notice, step.reason, step.waitMs)
      throw new HoldError(step.reason, step.waitMs)
    case 'stop':
      await markNoticeDeferred(db, notice, step.reason, step.waitMs ?? STOPPED_WAIT_MS)
      logger.error({ event: 'notice.stopped', ...facts, reason: step.reason }, 'a notice has to wait')
      return
    case 'repeat':
      await markNoticeUnknown(db, notice, step.reason, step.waitMs)
      throw new LaterError(step.reason, step.waitMs)
    case 'give-up':
      return giveUp(round, notice, step.reason)
  }
}

/**
 * Leaves a notice unknown for good: it may have been accepted, so it is never sent under another
 * key.
 */
async function giveUp({ db, logger }: NotifyRound, notice: ClaimedNotice, reason: string): Promise<void> {
  await markNoticeUnknown(db, notice, reason, null)
  logger.error({ event: 'notice.unknown', noticeId: notice.id, kind: notice.kind, reason }, 'a notice stays unknown')
}
