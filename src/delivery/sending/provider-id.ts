// A provider's id of an email, as a delivery keeps it: a UUID in 16 bytes, any other as it is.
import { type RawBuilder, sql } from 'kysely'

/** As PostgreSQL writes one: any other spelling is kept to the letter. */
const PATTERN = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
const UUID = sql.lit(PATTERN)
const UUID_HERE = new RegExp(PATTERN)

/** Returns the ids that are UUIDs, null in the place of any other; and the others, the same way. */
export function splitIds(ids: readonly (string | null)[]): { uuids: (string | null)[]; others: (string | null)[] } {
  const uuids = ids.map((id) => (id !== null && UUID_HERE.test(id) ? id : null))
  return { uuids, others: ids.map((id, index) => (uuids[index] === id ? null : id)) }
}

/** Returns the values of both columns for an id, given as SQL of a text. */
export function splitIdSql(id: RawBuilder<unknown>): { uuid: RawBuilder<unknown>; other: RawBuilder<unknown> } {
  return {
    uuid: sql`case when ${id} ~ ${UUID} then ${id}::uuid end`,
    other: sql`case when ${id} !~ ${UUID} then ${id} end`,
  }
}

/** The assignments of an update. */
export function setIdSql(id: RawBuilder<unknown>): RawBuilder<unknown> {
  const { uuid, other } = splitIdSql(id)
  return sql`provider_uuid = ${uuid}, provider_id = ${other}`
}

/** Reads the id of delivery `d`. */
export function providerIdSql(delivery: string): RawBuilder<string | null> {
  const d = sql.table(delivery)
  return sql<string | null>`coalesce(${d}.provider_uuid::text, ${d}.provider_id)`
}
