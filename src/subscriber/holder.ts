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
 * by a newer epoch. Links to leave know no epoch and no age. An erased subscriber holds nothing
 * else.
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
  if (!subscriber || purpose === 'unsubscribe') return subscriber
  return subscriber.address !== null && subscriber.tokenEpoch === claim.epoch ? subscriber : undefined
}
