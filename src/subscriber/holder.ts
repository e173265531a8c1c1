// Who holds a signed link: the token's signature, its life and its epoch asked in one place. Every
// bad one gives undefined.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import { findSubscriberNow } from './store.ts'
import type { Subscriber } from './subscriber.ts'
import { isInLife, type LinkKeys, type TokenPurpose, verifyToken } from './token.ts'

/**
 * Returns the subscriber whose token this is; undefined when it is not genuine, too old or revoked
 * by a newer epoch. Links to leave know no epoch and no age. An erased subscriber holds nothing.
 */
export async function findHolder(
  db: Kysely<Database>,
  keys: LinkKeys,
  purpose: Exclude<TokenPurpose, 'view'>,
  token: string,
): Promise<Subscriber | undefined> {
  return (await findHolderNow(db, keys, purpose, token))?.subscriber
}

/** As `findHolder`, with the database's time, which it has to ask for anyway. */
export async function findHolderNow(
  db: Kysely<Database>,
  keys: LinkKeys,
  purpose: Exclude<TokenPurpose, 'view'>,
  token: string,
): Promise<{ subscriber: Subscriber; now: Date } | undefined> {
  const claim = verifyToken(keys, purpose, token)
  const found = claim && (await findSubscriberNow(db, claim.publicId))
  if (!claim || !found || !isInLife(purpose, claim, found.now)) return undefined
  const { subscriber } = found
  if (subscriber.address === null) return undefined
  return purpose === 'unsubscribe' || subscriber.tokenEpoch === claim.epoch ? found : undefined
}

/**
 * Returns whose token this was, and why it opens nothing any more; undefined for one that still
 * does or was never genuine, and for every one of an erased subscriber.
 */
export async function findFormerHolder(
  db: Kysely<Database>,
  keys: LinkKeys,
  purpose: 'preferences' | 'feed',
  token: string,
): Promise<{ subscriber: Subscriber; fate: 'expired' | 'withdrawn' } | undefined> {
  const claim = verifyToken(keys, purpose, token)
  const found = claim && (await findSubscriberNow(db, claim.publicId))
  if (!claim || !found || found.subscriber.address === null) return undefined
  const { subscriber, now } = found
  if (subscriber.tokenEpoch !== claim.epoch) return { subscriber, fate: 'withdrawn' }
  return isInLife(purpose, claim, now) ? undefined : { subscriber, fate: 'expired' }
}
