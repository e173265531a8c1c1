// Moving to another address: confirmed at the new one, told to the old one with an undo. Whoever
// asks sees the same whatever the state of the new address.
import * as z from 'zod'
import {
  claimAddress,
  findMoveObstacle,
  type HearMove,
  isAddressFree,
  markAddress,
  type Obstacle,
} from '../../subscriber/address.ts'
import {
  claimCredentialFor,
  ensureCredential,
  findCredential,
  pruneCredentialsOf,
} from '../../subscriber/credential.ts'
import { findSubscriberById } from '../../subscriber/store.ts'
import { maskAddress } from '../../subscriber/subscriber.ts'
import type { Undo } from '../../subscriber/undo.ts'
import { insertNotice } from '../notice/asking.ts'
import type { NoticeParts } from '../notice/notice.ts'
import { mayWrite } from './sign-up.ts'

/** What a link to confirm an address does. */
interface AddressChange {
  address: string
}
const storedChange = z.looseObject({ address: z.string() })

/**
 * Asks the new address (normalised) of a confirmed subscriber. Returns the notice to send, null
 * where none may go.
 */
export async function askAddress(
  { db, linkKeys }: NoticeParts,
  subscriberId: number,
  address: string,
): Promise<number | null> {
  return db.transaction().execute(async (trx) => {
    const hash = await claimAddress(trx, address)
    const subscriber = await findSubscriberById(trx, subscriberId)
    if (subscriber?.consent !== 'confirmed' || subscriber.address === address) return null
    if (!(await isAddressFree(trx, address)) || !(await mayWrite(trx, address, hash, 'move'))) return null
    const change: AddressChange = { address }
    const token = await ensureCredential(trx, 'address', subscriberId, change)
    return insertNotice(trx, linkKeys, { kind: 'address', subscriberId, address, token })
  })
}

/** Looks at a link that confirms an address: what its page shows, and what is in its way now. */
export async function findAddressChange(
  { db }: Pick<NoticeParts, 'db'>,
  token: string,
): Promise<{ address: string; obstacle: Obstacle | undefined } | undefined> {
  const credential = await findCredential(db, 'address', token)
  const change = readChange(credential?.payload)
  const reader = credential && (await findSubscriberById(db, credential.subscriberId))
  return change && reader && { address: change.address, obstacle: await findMoveObstacle(db, reader, change.address) }
}

/**
 * Uses a link that confirms an address. Links of earlier mails stop steering anything; earlier
 * moves can still be taken back. Returns the notice for the old address. Undefined for a link that
 * cannot be used, and where something is in its way: then it stays of use.
 */
export async function confirmAddress(
  { db, linkKeys, hear }: NoticeParts & { hear?: HearMove },
  token: string,
): Promise<{ subscriberId: number; address: string; noticeId: number } | undefined> {
  return claimCredentialFor(db, 'address', token, async (trx, { subscriberId, payload }) => {
    const change = readChange(payload)
    if (!change) return undefined
    const { address } = change
    const before = await markAddress(trx, subscriberId, address, hear)
    if (before === undefined) return undefined
    await pruneCredentialsOf(trx, subscriberId, ['export', 'erase'])
    const undo: Undo = { kind: 'address', before }
    const undoToken = await ensureCredential(trx, 'undo', subscriberId, undo)
    const noticeId = await insertNotice(trx, linkKeys, {
      kind: 'address-changed',
      subscriberId,
      address: before,
      token: undoToken,
      newAddress: maskAddress(address),
    })
    return { subscriberId, address, noticeId }
  })
}

/** Undefined without an address, for which no default could stand: the link is as good as none. */
function readChange(stored: unknown): AddressChange | undefined {
  return storedChange.safeParse(stored).data
}
