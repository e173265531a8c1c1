// A notice lives the life of a batch of one (sending/once.ts). What of it is its own: why it must
// not be sent any more, the mail that it becomes, and what an answer means for a single mail.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { NoticeKind } from '../../database/states.ts'
import { NOTICE_VERSION } from '../../digest/notice.ts'
import type { Host } from '../../digest/piece/envelope.ts'
import type { TemplateFiles } from '../../digest/rendering.ts'
import { LaterError } from '../../errors.ts'
import { hostOfAddress } from '../../subscriber/subscriber.ts'
import type { LinkKeys } from '../../subscriber/token.ts'
import { isReserved } from '../delivery.ts'
import type { Turn } from '../pace/paces.ts'
import { markSlowed } from '../provider/host-paces.ts'
import type { Out } from '../provider/out.ts'
import { stepAfter } from '../provider/outcome.ts'
import type { BatchOutcome, MailOutcome, NoticeRequest, Provider } from '../provider/provider.ts'
import { markDeferred, markSaid, move } from '../sending/once.ts'
import { followRefusals } from '../sending/refused-for-good.ts'
import { followWait, giveUp, markKept, type SendingParts } from '../sending/settling.ts'
import type { Claimed, ClaimRow, Subject } from '../sending/subject.ts'
import { NOTICE_LIFE } from '../sending/transitions.ts'
import { takeTurn } from '../sending/turn.ts'
import { buildNotice, hashMail, noticeKeyOf } from './mail.ts'

interface NoticeFacts {
  publicId: string
  kind: NoticeKind
  /** Both null once nothing personal may stay. */
  address: string | null
  sealed: Buffer | null
  keyId: number
  issuedAt: Date
  /** Why it must not be sent, asked at the claim and again by the mark. */
  leaving: Leaving | null
}

type Leaving = 'left' | 'suppressed' | 'late'

/** A notice in the hands of one worker until its lease is over. */
export type ClaimedNotice = Claimed & NoticeFacts

/** What building and sending a notice takes. */
export type NotifyParts = SendingParts & { linkKeys: LinkKeys; host: Host } & Pick<TemplateFiles, 'templates'>

/**
 * A refused key is asked again this often: nobody resumes notices by hand, and none of them may be
 * lost.
 */
const STOPPED_WAIT_MS = 10 * 60_000

/**
 * Who asks to subscribe again may have been erased before; the old address of a change is nobody's
 * any more; a note is for those who still read; a test mail, an alarm and a report are
 * for whoever the host names. No report about an earlier mail keeps an alarm or a morning report
 * from whom the host wants to be told: nobody would know that there was one.
 */
function leavingSql(notice: string): RawBuilder<Leaving | null> {
  const n = sql.table(notice)
  return sql<Leaving | null>`case
    when ${n}.expires_at <= round_clock() then 'late'
    when ${n}.subscriber_id is null and ${n}.kind not in ('test', 'alarm', 'report') then 'left'
    when exists (select from suppressions x where x.address_hash = ${n}.address_hash
      and not (x.reason = 'erased' and ${n}.kind in ('confirm', 'address'))
      and not (x.reason <> 'operator' and ${n}.kind in ('alarm', 'report'))) then 'suppressed'
    when ${n}.kind in ('subscribed-already', 'link', 'export', 'erase', 'note') and not exists (
      select from subscribers s where s.id = ${n}.subscriber_id and s.address = ${n}.address
        and (${n}.kind <> 'note' or s.consent = 'confirmed')) then 'left'
  end`
}

export const NOTICE: Subject<NoticeFacts> = {
  name: 'notice',
  table: 'notices',
  life: NOTICE_LIFE,
  hashColumn: 'mail_sha256',
  versionColumn: 'notice_version',
  async runClaim(db, update, u) {
    const n = sql.table(u)
    const { rows } = await sql<ClaimRow & NoticeFacts>`
      ${update}, ${n}.public_id as "publicId", ${n}.kind, ${n}.address, ${n}.sealed, ${n}.key_id as "keyId",
        ${n}.issued_at as "issuedAt", ${leavingSql(u)} as leaving`.execute(db)
    return rows
  },
  // A restored copy does not know what became of them, and nobody waits for them any more.
  isHeldSql: (u) => sql<boolean>`exists (select from lineage l where ${sql.table(u)}.issued_at <= l.held_at)`,
  mayMarkSql: () => sql<boolean>`true`,
  hasLeaversSql: (u) => sql<boolean>`(${leavingSql(u)} is not null)`,
  personal: ['address', 'sealed'],
  stamp: [sql`changed_at = round_clock()`],
}

/**
 * Tells why a notice that was never attempted must not go through this provider, null when it may.
 */
export function reasonToWithhold(provider: Provider, notice: ClaimedNotice): string | null {
  if (notice.fixed !== null) return null
  // What the database says comes first. Nobody can be reached at an example domain.
  return notice.leaving ?? (provider.reachesRealWorld && isReserved(notice.address ?? '') ? 'reserved-domain' : null)
}

/** Ends a notice that was never accepted anywhere and must not be sent. */
export async function markNoticeWithheld(db: Kysely<Database>, notice: ClaimedNotice, reason: string): Promise<void> {
  await move(db, NOTICE, notice, 'withhold', [sql`reason = ${reason}`, sql`address = null`, sql`sealed = null`])
}

/**
 * Builds a notice, in the version of its first attempt, and marks it. Returns undefined when
 * another worker has it or it ended here, `changed` when it cannot be built as it was fixed.
 */
export async function prepareNotice(
  parts: NotifyParts,
  provider: Provider,
  notice: ClaimedNotice,
): Promise<(NoticeRequest & { turn: Turn }) | 'changed' | undefined> {
  const version = notice.fixed?.version ?? NOTICE_VERSION
  const templates = await parts.templates()
  const mail = await buildNotice(notice, { ...parts, templates, version, encoding: provider.encoding })
  if (!mail) {
    if (notice.fixed) return 'changed'
    await markNoticeWithheld(parts.db, notice, 'unreadable')
    return undefined
  }
  const hash = hashMail(mail, version)
  if (notice.fixed && !notice.fixed.hash.equals(hash)) return 'changed'
  const idempotencyKey = noticeKeyOf(notice.id, hash)
  const intent = { hash, version, idempotencyKey, provider: provider.name }
  const turn = await takeTurn(parts, provider, NOTICE, notice)
  const marked = await markKept(parts, NOTICE, notice, intent)
  if (marked === 'left') await markNoticeWithheld(parts.db, notice, 'left')
  if (marked !== 'kept') return undefined
  return { notice: mail, kind: notice.kind, idempotencyKey, turn }
}

/** Lets a notice wait for a provider that is out. */
export async function letNoticeWait(
  { db }: NotifyParts,
  notice: ClaimedNotice,
  { reason, waitMs }: Out,
): Promise<void> {
  await markDeferred(db, NOTICE, notice, reason, Math.min(waitMs ?? STOPPED_WAIT_MS, STOPPED_WAIT_MS))
}

/** Records the provider's word on a notice, by an answer or a report. */
export async function markNoticeSettled(
  db: Kysely<Database>,
  id: number,
  outcome: Extract<MailOutcome, { state: 'submitted' | 'rejected' }>,
): Promise<void> {
  const values =
    outcome.state === 'submitted'
      ? [sql`reason = null`, sql`provider_id = ${outcome.providerId}`]
      : [sql`reason = ${outcome.reason}`]
  await markSaid(db, NOTICE, id, outcome.state, values)
}

/** Writes what became of a notice's request, and throws where the queue has to wait. */
export async function settleNotice(
  parts: NotifyParts,
  notice: ClaimedNotice,
  provider: Provider,
  outcome: BatchOutcome,
): Promise<void> {
  const { db, logger } = parts
  const facts = { noticeId: notice.id, kind: notice.kind }
  const step = stepAfter(outcome, { mails: 1, attempts: notice.attempts, replayMs: provider.replayMs })
  switch (step.do) {
    case 'settle': {
      const [mail] = step.outcomes
      if (mail === undefined) return
      if (mail.state === 'unknown') return giveUp(parts, NOTICE, notice, mail.reason)
      if (mail.state === 'deferred') {
        if (mail.tooFast && notice.address) {
          await markSlowed(
            db,
            [{ host: hostOfAddress(notice.address), reason: mail.reason }],
            provider.domainRate ?? null,
          )
        }
        await markDeferred(db, NOTICE, notice, mail.reason, mail.retryAfterMs)
        throw new LaterError(mail.reason, mail.retryAfterMs)
      }
      await markNoticeSettled(db, notice.id, mail)
      if (mail.state === 'rejected') await followRefusals(db, [{ address: notice.address, outcome: mail }])
      logger.debug({ event: 'notice.settled', ...facts, state: mail.state }, 'a notice was settled')
      return
    }
    case 'halve': {
      logger.warn({ event: 'notice.refused', ...facts, reason: step.reason }, 'a notice was refused')
      const outcome = { state: 'rejected', reason: step.reason } as const
      await followRefusals(db, [{ address: notice.address, outcome }])
      return markNoticeSettled(db, notice.id, outcome)
    }
    case 'stop':
      await markDeferred(db, NOTICE, notice, step.reason, step.waitMs ?? STOPPED_WAIT_MS)
      logger.error({ event: 'notice.stopped', ...facts, reason: step.reason }, 'a notice has to wait')
      return
    case 'give-up':
      return giveUp(parts, NOTICE, notice, step.reason)
    default:
      return followWait(parts, NOTICE, notice, step)
  }
}
