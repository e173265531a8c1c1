// Single deliveries, as links and people ask for them. The batch's life is in ledger.ts, planning in planning.ts.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { DeliveryState } from '../database/states.ts'

export interface Delivery {
  editionId: number
  subscriberId: number
  /** Null when withheld. */
  selectionId: number | null
  state: DeliveryState
  reason: string | null
  publicId: string
}

/** Returns undefined when no delivery has this public id. */
export async function findDelivery(db: Kysely<Database>, publicId: string): Promise<Delivery | undefined> {
  return db
    .selectFrom('deliveries')
    .select([
      'edition_id as editionId',
      'subscriber_id as subscriberId',
      'selection_id as selectionId',
      'state',
      'reason',
      'public_id as publicId',
    ])
    .where('public_id', '=', publicId)
    .executeTakeFirst()
}
