// A subscriber's move to another address, and the way back. The subscriber stays the same one, so
// that no paper comes twice; every link of earlier mails that could steer anything is revoked.
import { type Kysely, sql, type Transaction } from 'kysely'
import { lockInTransaction } from '../database/client.ts'
import type { Database } from '../database/schema.ts'
import { isBarred } from './consent.ts'
import { getAddressKey } from './store.ts'
import { hashAddress, type Subscriber } from './subscriber.ts'

/**
 * Holds an address, whoever it belongs to, until the transaction ends, and returns its hash:
 * sign-ups and moves take turns.
 */
export async function claimAddress(trx: Transaction<Database>, address: string): Promise<Buffer> {
  const hash = hashAddress(await getAddressKey(trx), address)
  await lockInTransaction(trx, `address:${hash.toString('hex')}`)
  return hash
}

/**
 * Why a link that still works would do nothing now: its reader has left, or the address it is about
 * is theirs already, must not be written to, or has or had a subscription of its own.
 */
export type Obstacle = 'left' | 'same' | 'barred' | 'taken'

/**
 * Tells whether a subscriber may move to an address: nobody's, or only signed up for and never
 * confirmed, and not suppressed.
 */
export async function isAddressFree(db: Kysely<Database>, address: string): Promise<boolean> {
  return (await findAddressObstacle(db, address)) === undefined
}

/** Returns why a subscriber cannot move to an address now; undefined where nothing hinders. */
export async function findMoveObstacle(
  db: Kysely<Database>,
  reader: Pick<Subscriber, 'consent' | 'address'>,
  address: string,
): Promise<Obstacle | undefined> {
  if (reader.consent !== 'confirmed') return 'left'
  return reader.address === address ? 'same' : findAddressObstacle(db, address)
}

async function findAddressObstacle(db: Kysely<Database>, address: string): Promise<Obstacle | undefined> {
  const hash = hashAddress(await getAddressKey(db), address)
  if (await isBarred(db, hash)) return 'barred'
  const taken = await db
    .selectFrom('subscribers')
    .select('id')
    .where('address_hash', '=', hash)
    .where('consent', '<>', 'pending')
    .executeTakeFirst()
  return taken && 'taken'
}

/** Hears who has moved, and the hash of the address that they have now. */
export type HearMove = (move: { publicId: string; addressHash: Buffer }) => Promise<void>

/**
 * Moves a confirmed subscriber. A sign-up of the new address that was never confirmed gives way, an
 * `erased` suppression is lifted: its owner has just confirmed it. `hear` is told before it is
 * committed. Returns the address before, undefined when the subscriber is not confirmed (any more)
 * or the new address is not free.
 */
export async function markAddress(
  trx: Transaction<Database>,
  id: number,
  address: string,
  hear?: HearMove,
): Promise<string | undefined> {
  const hash = await claimAddress(trx, address)
  const own = await trx
    .selectFrom('subscribers')
    .select(['address', 'public_id'])
    .where('id', '=', id)
    .where('consent', '=', 'confirmed')
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!own || own.address === null || own.address === address || !(await isAddressFree(trx, address))) return undefined
  await trx.deleteFrom('subscribers').where('address_hash', '=', hash).where('consent', '=', 'pending').execute()
  await trx.deleteFrom('suppressions').where('address_hash', '=', hash).where('reason', '=', 'erased').execute()
  await trx
    .updateTable('subscribers')
    .set({ address, address_hash: hash, token_epoch: sql`token_epoch + 1`, changed_at: sql`round_now()` })
    .where('id', '=', id)
    .execute()
  await hear?.({ publicId: own.public_id, addressHash: hash })
  return own.address
}
