// Single deliveries, as links and people ask for them. The batch's life is in ledger.ts, planning in planning.ts.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { DeliveryState, EditionKind } from '../database/states.ts'

export interface Delivery {
  editionId: number
  subscriberId: number
  /** Null when withheld. */
  selectionId: number | null
  state: DeliveryState
  reason: string | null
  publicId: string
  /** The epoch in which the reader's revocable links hold now. */
  tokenEpoch: number
}

/** Returns undefined when no delivery has this public id. */
export async function findDelivery(db: Kysely<Database>, publicId: string): Promise<Delivery | undefined> {
  return db
    .selectFrom('deliveries as d')
    .innerJoin('subscribers as s', 's.id', 'd.subscriber_id')
    .select([
      'd.edition_id as editionId',
      'd.subscriber_id as subscriberId',
      'd.selection_id as selectionId',
      'd.state',
      'd.reason',
      'd.public_id as publicId',
      's.token_epoch as tokenEpoch',
    ])
    .where('d.public_id', '=', publicId)
    .executeTakeFirst()
}

/** Returns the kind of edition of a date of which a subscriber has a delivery, `first` where they have both; undefined without any. */
export async function findDeliveryKind(
  db: Kysely<Database>,
  subscriberId: number,
  date: string,
  first: EditionKind,
): Promise<EditionKind | undefined> {
  const rows = await db
    .selectFrom('deliveries as d')
    .innerJoin('editions as e', 'e.id', 'd.edition_id')
    .select('e.kind')
    .where('d.subscriber_id', '=', subscriberId)
    .where('e.date', '=', date)
    .execute()
  return (rows.find(({ kind }) => kind === first) ?? rows[0])?.kind
}
