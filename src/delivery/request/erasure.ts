// Erasing a reader: within one transaction everything personal goes from every table. What stays is
// a suppression by keyed hash, and rows of the ledger that say of nobody in particular that a
// digest went; what a provider may be taking at this moment keeps its address until it is settled,
// 24 hours at most.
import { randomBytes } from 'node:crypto'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { claimCredential, pruneCredentialsOf } from '../../subscriber/credential.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../subscriber/preferences.ts'
import { ensurePreferences } from '../../subscriber/store.ts'
import { standingSql } from '../delivery.ts'
import type { Desk } from '../notice/notice.ts'

/** How long a request that may have been accepted keeps what its bytes are made of. */
const SEALED_HOURS = 24

/** Uses a mailed link to erase. Returns false for one that cannot be used. */
export async function erase({ db }: Pick<Desk, 'db'>, token: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const credential = await claimCredential(trx, 'erase', token)
    if (!credential) return false
    await eraseSubscriber(trx, credential.subscriberId)
    return true
  })
}

/** Erases a subscriber. Repeating it changes nothing. */
export async function eraseSubscriber(trx: Transaction<Database>, subscriberId: number): Promise<void> {
  const row = await trx
    .selectFrom('subscribers')
    .select(['address_hash', 'preferences_id'])
    .where('id', '=', subscriberId)
    .where('address', 'is not', null)
    .forUpdate()
    .executeTakeFirst()
  if (!row) return
  // A stronger reason stays: coming back would not lift it.
  await sql`
    insert into suppressions (address_hash, reason) values (${row.address_hash}, 'erased') on conflict do nothing`.execute(
    trx,
  )
  await leaveBatches(trx, subscriberId)
  await emptyDeliveries(trx, subscriberId)
  await pruneCredentialsOf(trx, subscriberId)
  await trx.deleteFrom('notes').where('subscriber_id', '=', subscriberId).execute()
  // Those under way are detached; their address and seal go when they are settled, or with the
  // sweep.
  await sql`
    delete from notices where subscriber_id = ${subscriberId} and (mail_sha256 is null or state not in ${standingSql})`.execute(
    trx,
  )
  await sql`update notices set subscriber_id = null where subscriber_id = ${subscriberId}`.execute(trx)
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
      asked_at: null,
      confirmed_at: null,
      left_at: null,
      preferences_id: preferencesId as number,
      cadence,
      weekday,
      hour,
      zone,
      silence: 'silent',
      paused_until: null,
      welcome: false,
      token_epoch: sql`token_epoch + 1`,
      next_due_at: null,
      changed_at: sql`now()`,
    })
    .where('id', '=', subscriberId)
    .execute()
  // Topics and names that nobody else chose go too.
  await sql`
    delete from preferences p where p.id = ${row.preferences_id}
      and not exists (select from subscribers s where s.preferences_id = p.id)`.execute(trx)
}

/**
 * Follows up what was under way at an erasure: once it is settled it is emptied like the rest, and
 * what is still not settled after a day stays unknown and holds nothing personal.
 */
export async function pruneSealed(db: Kysely<Database>): Promise<void> {
  await sql`
    update deliveries d set address = null, provider_id = null, token_epoch = null, key_id = null, issued_at = null,
      state = case d.state when 'planned' then 'unknown' else d.state end,
      reason = case d.state when 'planned' then 'the reader was erased before it was settled' else d.reason end
    from subscribers s, batches b
    where s.address is null and s.changed_at > now() - make_interval(hours => ${3 * SEALED_HOURS})
      and d.subscriber_id = s.id and d.issued_at is not null and b.id = d.batch_id
      and (d.state <> 'planned' or b.first_attempt_at < clock_timestamp() - make_interval(hours => ${SEALED_HOURS}))`.execute(
    db,
  )
  await sql`
    update notices set address = null, sealed = null, state = 'unknown', next_attempt_at = 'infinity',
      changed_at = clock_timestamp()
    where state in ${standingSql} and (address is not null or sealed is not null)
      and first_attempt_at < clock_timestamp() - make_interval(hours => ${SEALED_HOURS})`.execute(db)
}

/**
 * Takes a reader out of batches that were never attempted. Raising the epoch takes the batch from a
 * worker that may be building it with this reader inside: its mark finds nothing, and the batch is
 * built again without them.
 */
async function leaveBatches(trx: Transaction<Database>, subscriberId: number): Promise<void> {
  await sql`
    with free as (
      update batches b set lease_epoch = b.lease_epoch + 1, next_attempt_at = clock_timestamp(),
        members = array_remove(b.members, ${subscriberId}::int),
        state = case when b.members <@ array[${subscriberId}::int] then 'settled' else b.state end
      from deliveries d
      where d.subscriber_id = ${subscriberId} and d.state = 'planned' and b.id = d.batch_id
        and b.state in ${standingSql} and b.recipe_sha256 is null
      returning b.id
    )
    update deliveries d set state = 'withheld', reason = 'left', local_date = null, changed_at = clock_timestamp()
    from free where d.subscriber_id = ${subscriberId} and d.batch_id = free.id and d.state = 'planned'`.execute(trx)
}

/**
 * Empties every personal column of what is settled; the public id stays, which names a mail and
 * nobody.
 */
async function emptyDeliveries(trx: Transaction<Database>, subscriberId: number): Promise<void> {
  await sql`
    update deliveries set address = null, provider_id = null, token_epoch = null, key_id = null, issued_at = null
    where subscriber_id = ${subscriberId} and state <> 'planned'`.execute(trx)
}
