// Single deliveries, as links and people ask for them. The batch's life is in sending/, how it came
// to be in planning/.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { DeliveryState, EditionKind } from '../database/states.ts'
import type { EditionDate } from '../source/paper.ts'

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
  /** Whether its reader was erased. */
  isErased: boolean
}

/** Returns undefined when no delivery has this public id. */
export async function findDelivery(db: Kysely<Database>, publicId: string): Promise<Delivery | undefined> {
  const { rows } = await sql<Delivery>`
    select d.edition_id as "editionId", d.subscriber_id as "subscriberId", d.selection_id as "selectionId", d.state, d.reason,
      d.public_id as "publicId", s.token_epoch as "tokenEpoch", s.address is null as "isErased"
    from deliveries d join subscribers s on s.id = d.subscriber_id
    where d.public_id = ${publicId}`.execute(db)
  return rows[0]
}

/**
 * Returns the kind of edition of a date of which a subscriber has a delivery, `first` where they
 * have both; undefined without any.
 */
export async function findDeliveryKind(
  db: Kysely<Database>,
  subscriberId: number,
  date: string,
  first: EditionKind,
): Promise<EditionKind | undefined> {
  const { rows } = await sql<{ kind: EditionKind }>`
    select e.kind from deliveries d join editions e on e.id = d.edition_id
    where d.subscriber_id = ${subscriberId} and e.date = ${date}`.execute(db)
  return (rows.find(({ kind }) => kind === first) ?? rows[0])?.kind
}

/** A digest that went to a reader. */
export interface Mailed {
  editionId: number
  selectionId: number
  publicId: string
  date: EditionDate
  kind: EditionKind
  /** When it was made. */
  at: Date
}

/** Lists the newest digests that a subscriber got or may have got, newest first. */
export async function listMailed(db: Kysely<Database>, subscriberId: number, limit: number): Promise<Mailed[]> {
  const { rows } = await sql<Mailed>`
    select d.edition_id as "editionId", d.selection_id as "selectionId", d.public_id as "publicId", e.date, e.kind,
      d.issued_at as at
    from deliveries d join editions e on e.id = d.edition_id
    where d.subscriber_id = ${subscriberId} and d.state in ('submitted', 'unknown')
      and d.selection_id is not null and d.issued_at is not null
    order by d.issued_at desc, d.edition_id desc limit ${limit}`.execute(db)
  return rows
}
