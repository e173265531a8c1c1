// Erasing a reader: within one transaction everything personal goes from every table. What stays is
// a suppression by keyed hash, and rows of the ledger that say of nobody in particular that a
// digest went; what a provider may be taking at this moment keeps its address until it is settled,
// 24 hours at most.
import { randomBytes } from 'node:crypto'
import { sql, type Transaction } from 'kysely'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { holdSharedClock } from '../../subscriber/clock.ts'
import { claimCredential, pruneCredentialsOf } from '../../subscriber/credential.ts'
import type { NoteWish } from '../../subscriber/journal/wish.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../subscriber/preferences.ts'
import { insertErased, pruneSpentOf } from '../../subscriber/spent.ts'
import { ensurePreferences } from '../../subscriber/store.ts'
import { ensureSuppression } from '../../subscriber/suppression.ts'
import type { NoticeParts } from '../notice/notice.ts'
import { markErased, markNoticesErased } from '../sending/ledger.ts'

/** Uses a mailed link to erase. Returns false for one that cannot be used. */
export async function erase(
  { db, note }: Pick<NoticeParts, 'db'> & { note?: NoteWish },
  token: string,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const credential = await claimCredential(trx, 'erase', token)
    if (!credential) return false
    await eraseSubscriber(trx, credential.subscriberId, { note })
    await insertErased(trx, token)
    return true
  })
}

/**
 * Erases a subscriber, as of `at` where that was earlier. Repeating it changes nothing. `note`
 * hears of it before it is committed, with what is gone after. Returns why nothing may be written
 * to the address; undefined where it was erased before.
 */
export async function eraseSubscriber(
  trx: Transaction<Database>,
  subscriberId: number,
  { note, at }: { note?: NoteWish | undefined; at?: Date } = {},
): Promise<string | undefined> {
  const row = await trx
    .selectFrom('subscribers')
    .select(['public_id', 'address_hash', 'preferences_id'])
    .where('id', '=', subscriberId)
    .where('address', 'is not', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!row) return undefined
  // A planner that holds their clock has written of them what the next statements let go of.
  await holdSharedClock(trx, subscriberId)
  await trx.deleteFrom('reader_clocks').where('subscriber_id', '=', subscriberId).execute()
  // A stronger reason stays: coming back would not lift it. What was said of it goes.
  const suppressed = await ensureSuppression(trx, row.address_hash, 'erased', at ?? (await getNow<Database>(trx)))
  await markErased(trx, subscriberId)
  await pruneCredentialsOf(trx, subscriberId)
  await pruneSpentOf(trx, subscriberId)
  await trx.deleteFrom('notes').where('subscriber_id', '=', subscriberId).execute()
  await markNoticesErased(trx, subscriberId)
  const [preferencesId] = await ensurePreferences(trx, [parseChoices({})])
  const { cadence, weekday, hour, zone } = DEFAULT_RHYTHM
  await trx
    .updateTable('subscribers')
    .set({
      address: null,
      // Another hash, so that nothing here leads from the address to what its owner read.
      address_hash: randomBytes(32),
      consent: 'unsubscribed',
      consent_source: 'erased',
      consent_page: null,
      consent_note: null,
      asked_at: null,
      confirmed_at: null,
      left_at: null,
      left_reason: null,
      preferences_id: preferencesId as number,
      cadence,
      weekday,
      hour,
      zone,
      silence: 'silent',
      paused_until: null,
      token_epoch: sql`token_epoch + 1`,
      changed_at: sql`round_now()`,
    })
    .where('id', '=', subscriberId)
    .execute()
  await prunePreferences(trx, row.preferences_id)
  await note?.({ kind: 'erased', publicId: row.public_id, addressHash: row.address_hash, reason: 'erased' })
  return suppressed
}

/** Topics and names that nobody else chose go too. */
async function prunePreferences(trx: Transaction<Database>, id: number): Promise<void> {
  await sql`
    delete from preferences p where p.id = ${id}
      and not exists (select from subscribers s where s.preferences_id = p.id)`.execute(trx)
}
