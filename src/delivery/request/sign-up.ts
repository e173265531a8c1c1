// Signing up: double opt-in, and the same answer whatever the state of the address, which is why
// nothing here tells it.
import { sql, type Transaction } from 'kysely'
import { lockInTransaction } from '../../database/client.ts'
import type { Database } from '../../database/schema.ts'
import { claimAddress, type Obstacle } from '../../subscriber/address.ts'
import {
  type Ask,
  findKnownAddress,
  insertPending,
  isBarred,
  type KnownAddress,
  markConfirmed,
  readAsk,
} from '../../subscriber/consent.ts'
import { claimCredentialFor, ensureCredential, findCredential } from '../../subscriber/credential.ts'
import { findSubscriberById, getAddressKey } from '../../subscriber/store.ts'
import { hashAddress, mailboxOf, type Subscriber } from '../../subscriber/subscriber.ts'
import { assertZones } from '../../subscriber/zone.ts'
import { getStrangersNotices, insertNotice } from '../notice/asking.ts'
import type { NoticeParts, STRANGERS_KINDS } from '../notice/notice.ts'

/** Most notices that strangers may cause to one address. */
const NOTICES_A_DAY = 1
const NOTICES_A_MONTH = 3
/** The same to all addresses of one mailbox: sometimes more than one is used, never many. */
const MAILBOX_NOTICES_A_DAY = 3
const MAILBOX_NOTICES_A_MONTH = 9

/**
 * Takes a sign-up. Nobody is subscribed by it: the address is asked, or told that it is subscribed
 * already, within its limits. Returns the notice to send, null for none; whoever asked must see the
 * same in all cases. Throws an UnknownZoneError.
 */
export async function signUp({ db, linkKeys }: NoticeParts, address: string, ask: Ask): Promise<number | null> {
  await assertZones(db, new Set([ask.zone]))
  return db.transaction().execute(async (trx) => {
    const hash = await claimAddress(trx, address)
    if (await isBarred(trx, hash)) return null
    const known = await findKnownAddress(trx, hash)
    if (!(await mayWrite(trx, address, hash))) {
      if (known?.consent === 'pending') await refreshAsk(trx, known, ask)
      return null
    }
    if (known?.consent === 'confirmed') {
      return insertNotice(trx, linkKeys, { kind: 'subscribed-already', subscriberId: known.id, address })
    }
    const subscriberId = known?.id ?? (await insertPending(trx, address, hash, ask))
    const token = await ensureCredential(trx, 'confirm', subscriberId, ask)
    return insertNotice(trx, linkKeys, { kind: 'confirm', subscriberId, address, token })
  })
}

/**
 * Takes the wish for a link by whoever types an address: its reader is mailed one to their
 * preferences, who has yet to confirm another to do so. Returns the notice to send, null for none;
 * whoever asked must see the same in all cases.
 */
export async function askByAddress({ db, linkKeys }: NoticeParts, address: string): Promise<number | null> {
  return db.transaction().execute(async (trx) => {
    const hash = await claimAddress(trx, address)
    const known = await findKnownAddress(trx, hash)
    if (!known) return null
    const isPending = known.consent === 'pending'
    if (!(await isReachable(trx, address, hash, isPending ? 'sign-up' : 'link'))) return null
    if (isPending) return confirmAgain(trx, linkKeys, known.id, address)
    return insertNotice(trx, linkKeys, { kind: 'link', subscriberId: known.id, address })
  })
}

/**
 * Mails another confirmation to an address that has yet to confirm, with what was asked for.
 * Returns the notice to send, null where none may go.
 */
export async function askToConfirmAgain({ db, linkKeys }: NoticeParts, subscriberId: number): Promise<number | null> {
  const subscriber = await findSubscriberById(db, subscriberId)
  const address = subscriber?.address
  if (!address) return null
  return db.transaction().execute(async (trx) => {
    const hash = await claimAddress(trx, address)
    const known = await findKnownAddress(trx, hash)
    if (
      known?.id !== subscriberId ||
      known.consent !== 'pending' ||
      !(await isReachable(trx, address, hash, 'sign-up'))
    )
      return null
    return confirmAgain(trx, linkKeys, subscriberId, address)
  })
}

/** What was asked for stays with the link for as long as the sign-up does. */
async function confirmAgain(
  trx: Transaction<Database>,
  linkKeys: NoticeParts['linkKeys'],
  subscriberId: number,
  address: string,
): Promise<number | null> {
  const asked = await trx
    .selectFrom('credentials')
    .select('payload')
    .where('subscriber_id', '=', subscriberId)
    .where('purpose', '=', 'confirm')
    .executeTakeFirst()
  if (!asked) return null
  const token = await ensureCredential(trx, 'confirm', subscriberId, readAsk(asked.payload))
  return insertNotice(trx, linkKeys, { kind: 'confirm', subscriberId, address, token })
}

/** Tells whether an address may be written to at all, and once more today. */
async function isReachable(
  trx: Transaction<Database>,
  address: string,
  addressHash: Buffer,
  sort: keyof typeof STRANGERS_KINDS,
): Promise<boolean> {
  return !(await isBarred(trx, addressHash)) && (await mayWrite(trx, address, addressHash, sort))
}

/**
 * Looks at a confirmation link: what its page shows, and what is in its way now. Undefined for
 * anything that cannot be used.
 */
export async function findConfirmation(
  { db }: Pick<NoticeParts, 'db'>,
  token: string,
): Promise<{ ask: Ask; address: string; obstacle: Obstacle | undefined } | undefined> {
  const credential = await findCredential(db, 'confirm', token)
  const address = credential && (await findSubscriberById(db, credential.subscriberId))?.address
  if (!credential || !address) return undefined
  const barred = await isBarred(db, hashAddress(await getAddressKey(db), address))
  return { ask: readAsk(credential.payload), address, obstacle: barred ? 'barred' : undefined }
}

/**
 * Uses a confirmation link: the subscription begins as it was asked for. `welcome` tells whether
 * the latest edition is wanted at once. Undefined for a link that is unknown, too old or used, and
 * where the address must not be written to: then the link stays of use.
 */
export async function confirm(
  { db }: Pick<NoticeParts, 'db'>,
  token: string,
): Promise<{ subscriber: Subscriber; addressHash: Buffer | undefined; welcome: boolean } | undefined> {
  return claimCredentialFor(db, 'confirm', token, async (trx, credential) => {
    const ask = readAsk(credential.payload)
    if (!(await markConfirmed(trx, credential.subscriberId, { ask, askedAt: credential.issuedAt }))) return undefined
    const subscriber = await findSubscriberById(trx, credential.subscriberId)
    const address = subscriber?.address
    const addressHash = address ? hashAddress(await getAddressKey(trx), address) : undefined
    return subscriber && { subscriber, addressHash, welcome: ask.welcome }
  })
}

/**
 * Tells whether an address may get another notice, of a sort that a stranger can cause. The caller
 * holds the address's lock.
 */
export async function mayWrite(
  trx: Transaction<Database>,
  address: string,
  addressHash: Buffer,
  sort: keyof typeof STRANGERS_KINDS = 'sign-up',
): Promise<boolean> {
  const mailboxHash = hashAddress(await getAddressKey(trx), mailboxOf(address))
  // Addresses of one mailbox take turns: together they could otherwise pass the count at once.
  await lockInTransaction(trx, `mailbox:${mailboxHash.toString('hex')}`)
  const caused = await getStrangersNotices(trx, sort, { addressHash, mailboxHash })
  const mayAddress = caused.day < NOTICES_A_DAY && caused.month < NOTICES_A_MONTH
  return mayAddress && caused.mailboxDay < MAILBOX_NOTICES_A_DAY && caused.mailboxMonth < MAILBOX_NOTICES_A_MONTH
}

/**
 * The newest choices count, under the link that is in the mailbox already. What this program does
 * not know of them is kept.
 */
async function refreshAsk(trx: Transaction<Database>, { id }: KnownAddress, ask: Ask): Promise<void> {
  await sql`
    update credentials set payload = coalesce(payload, '{}') || ${JSON.stringify(ask)}::jsonb || jsonb_build_object(
      'choices', coalesce(payload->'choices', '{}') || ${JSON.stringify(ask.choices)}::jsonb)
    where subscriber_id = ${id} and purpose = 'confirm' and used_at is null`.execute(trx)
}
