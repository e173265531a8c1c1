// What a provider reports of a notice, within the transaction that keeps the report. See
// feedback.ts for the rules of order.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { NoteWish } from '../../subscriber/journal/wish.ts'
import { markUnsubscribed } from '../../subscriber/store.ts'
import { ensureSuppression } from '../../subscriber/suppression.ts'
import { markNoticeSettled } from '../notice/sending.ts'
import { FATE_OF, hashReported, type Report, SUPPRESSION_OF } from '../provider/report.ts'
import { raiseFate } from '../sending/ledger.ts'

/** Applies a report to a notice. Returns false when no notice has this public id. */
export async function markNoticeReported(
  trx: Transaction<Database>,
  publicId: string,
  report: Report,
  note?: NoteWish,
): Promise<boolean> {
  const notice = await findNotice(trx, publicId)
  if (!notice) return false
  // Whatever is reported of was accepted, also when we had no answer.
  await markNoticeSettled(trx, notice.id, { state: 'submitted', providerId: report.providerId })
  const fate = FATE_OF[report.type]
  if (fate) await raiseFate(trx, 'notices', publicId, fate)
  const reason = SUPPRESSION_OF[report.type]
  if (!reason) return true
  const hash = await hashReported(trx, report, notice.addressHash)
  // Whoever was only proposed as somebody's new address may complain without ending that reader's
  // subscription.
  const leaving = report.type === 'complained' && notice.readerHash?.equals(hash) ? notice.reader : null
  const kind = leaving === null ? 'suppressed' : 'complained'
  await note?.({ kind, publicId: leaving ?? undefined, addressHash: hash, reason })
  await ensureSuppression(trx, hash, reason, report.at)
  if (leaving !== null) await markUnsubscribed(trx, leaving)
  return true
}

interface Subject {
  id: number
  addressHash: Buffer
  /** The public id of whom it is for, null where that is nobody. */
  reader: string | null
  readerHash: Buffer | null
}

async function findNotice(trx: Transaction<Database>, publicId: string): Promise<Subject | undefined> {
  const { rows } = await sql<Subject>`
    select n.id, n.address_hash as "addressHash", s.public_id as reader, s.address_hash as "readerHash"
    from notices n left join subscribers s on s.id = n.subscriber_id
    where n.public_id = ${publicId}`.execute(trx)
  return rows[0]
}
