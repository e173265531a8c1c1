// Who holds a signed link: the token's signature, its life and its epoch asked in one place. Every
// bad one gives undefined.
import type { Kysely } from 'kysely'
import { getNow } from '../database/clock.ts'
import type { Database } from '../database/schema.ts'
import { findSubscriberByPublicId } from './store.ts'
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
  const claim = verifyToken(keys, purpose, token)
  if (!claim || !isInLife(purpose, claim, await getNow(db))) return undefined
  const subscriber = await findSubscriberByPublicId(db, claim.publicId)
  if (!subscriber || subscriber.address === null) return undefined
  return purpose === 'unsubscribe' || subscriber.tokenEpoch === claim.epoch ? subscriber : undefined
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
  const subscriber = claim && (await findSubscriberByPublicId(db, claim.publicId))
  if (!claim || !subscriber || subscriber.address === null) return undefined
  if (subscriber.tokenEpoch !== claim.epoch) return { subscriber, fate: 'withdrawn' }
  return isInLife(purpose, claim, await getNow(db)) ? undefined : { subscriber, fate: 'expired' }
}
